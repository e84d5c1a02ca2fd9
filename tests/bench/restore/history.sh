#!/usr/bin/env bash
# One row's history, in a sealed log of ten million actions with an unsealed tail of 100,000: wall time of `pgstrand entity`, process
# start included, over several rows. Measured with the log as the default configuration keeps it (1 GiB), and with only the tail in it,
# so that everything else is read from snapshots.
#
#   tests/bench/restore/history.sh [--runs N] [--actions N] [--tail N] [--snapshots N]
#
# Each snapshot has a round of changes of all rows but some: keys that end in 0 change in every round (hot rows), those in 1 only in
# the fifth (cold), those in 3 in three of them. The tail changes others, in transactions of a thousand rows. The index of rows is what
# the agent makes by itself; what it had not made by then is made before anything is measured, and how long that took is printed.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
options_of history.sh "runs=11 actions=10000000 tail=100000 snapshots=10" "$@"
rows=$((actions * 10 / (snapshots * 8 + 4))) # so many changes the rounds below come to

bench_begin max_wal_size=16GB wal_compression=on
database_new shop
sql shop "CREATE TABLE line (id bigint PRIMARY KEY, n int, note text) WITH (fillfactor = 50, autovacuum_enabled = off);
    INSERT INTO line SELECT n, 0, 'a line of the shop, ' || md5(n::text) FROM generate_series(1, $rows) n"
data=$HARNESS/data
install "$data" shop >/dev/null 2>&1
agent_start "$data"
for ((i = 1; i <= snapshots; i++)); do
    case $i in
    5) which="id % 10 IN (0, 1, 3)" ;;
    2 | 8) which="id % 10 IN (0, 3)" ;;
    *) which="id % 10 = 0" ;;
    esac
    sql shop "UPDATE line SET n = $i, note = 'change $i, ' || md5(id::text || $i) WHERE $which OR id % 10 NOT IN (0, 1, 3)" >/dev/null
    pgstrand wait --data "$data" --timeout 600 >/dev/null
    pgstrand seal --data "$data" --no-progress >/dev/null
    sql shop "VACUUM line"
done
sql shop "DO \$\$ BEGIN FOR i IN 0..$((tail / 1000 - 1)) LOOP
    UPDATE line SET n = 11 WHERE id BETWEEN i * 2000 AND i * 2000 + 1999 AND id % 10 > 4; COMMIT; END LOOP; END \$\$" >/dev/null
pgstrand wait --data "$data" --timeout 120 >/dev/null
sealed=$(pgstrand snapshots --data "$data" --json | jq 'map(.actions) | add')
sleep 8 # the agent makes its index when nothing comes for some seconds
made=$(seconds_of pgstrand entity --data "$data" --no-progress --quiet line 10 --json)

# Milliseconds; the median over rows whose key ends in $1.
look() {
    local times=() i
    for ((i = 0; i < runs; i++)); do
        times+=("$(seconds_of pgstrand entity --data "$data" --json line "$(((RANDOM * 32768 + RANDOM) % (rows / 10 - 2) * 10 + 10 + $1))")")
    done
    awk -v s="$(median "${times[@]}")" 'BEGIN { printf "%.0f", s * 1000 }'
}

usual=$(look 0)
usual_cold=$(look 1)
agent_stop "$data"
sed -i 's/^keep_bytes = .*/keep_bytes = 0/' "$data/pgstrand.conf"
agent_start "$data"
sleep 4 # the log is trimmed
echo "<!-- $sealed actions sealed; what the index lacked and one lookup: $made s; $(du -sk "$data/index" | cut -f 1) KiB of index beside $(du -sk "$data/snapshots" | cut -f 1) KiB of snapshots -->"
table_head "one row's history, $sealed actions sealed" "ours" "limit"
row "$snapshots changes, the log as by default" "$usual" 50 1.00 ms
row "one change, the log as by default" "$usual_cold" 50 1.00 ms
row "one change, from snapshots" "$(look 1)" 50 1.00 ms
row "three changes in three snapshots" "$(look 3)" 50 1.00 ms
row "$snapshots changes in $snapshots snapshots" "$(look 0)" 50 1.00 ms
agent_stop "$data"
exit "$bench_failed"
