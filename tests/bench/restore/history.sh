#!/usr/bin/env bash
# One row's history, in a sealed log with an unsealed tail: wall time of `pgstrand entity`, process start included. Every row of a
# table was changed ten times, each time in another part of the log and another snapshot. Measured with the log as the default
# configuration keeps it (1 GiB), and with only the tail in it, so that everything else is read from snapshots: there also a row
# that was changed in one of them, and in three. The index of rows is made before, as the agent makes it; how long that took is
# printed.
#
#   tests/bench/restore/history.sh [--runs N] [--actions N] [--tail N]       default 2000000 actions, a tail of 100000
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
options_of history.sh "runs=9 actions=2000000 tail=100000" "$@"
rows=$((actions * 10 / 84)) # what the ten rounds below come to

bench_begin max_wal_size=16GB
database_new shop
sql shop "CREATE TABLE line (id bigint PRIMARY KEY, n int, note text) WITH (fillfactor = 50);
    INSERT INTO line SELECT n, 0, 'a line of the shop, ' || md5(n::text) FROM generate_series(1, $rows) n"
data=$HARNESS/data
install "$data" shop >/dev/null 2>&1
agent_start "$data"
for ((i = 1; i <= 10; i++)); do
    # Keys that 10 divides change in each snapshot, those that end in 1 in the fifth, those in 3 in three of them; the others fill up.
    case $i in
    5) which="id % 10 IN (0, 1, 3)" ;;
    2 | 8) which="id % 10 IN (0, 3)" ;;
    *) which="id % 10 = 0" ;;
    esac
    sql shop "UPDATE line SET n = $i, note = 'change $i, ' || md5(id::text || $i) WHERE $which OR id % 10 NOT IN (0, 1, 3)" >/dev/null
    pgstrand wait --data "$data" --timeout 120 >/dev/null
    pgstrand seal --data "$data" --no-progress >/dev/null
    sql shop "VACUUM line"
done
sql shop "DO \$\$ BEGIN FOR i IN 0..99 LOOP UPDATE line SET n = 11 WHERE id % 100 = i AND id % 10 > 3 AND id <= $((tail * 10 / 6));
    COMMIT; END LOOP; END \$\$" >/dev/null
pgstrand wait --data "$data" --timeout 120 >/dev/null
made=$(seconds_of pgstrand entity --data "$data" --no-progress --quiet line 10 --json)

# Milliseconds; the median over rows whose key ends in $1.
look() {
    local times=() i
    for ((i = 0; i < runs; i++)); do
        times+=("$(seconds_of pgstrand entity --data "$data" --json line "$((RANDOM * 10 % (rows - 10) / 10 * 10 + 10 + $1))")")
    done
    awk -v s="$(median "${times[@]}")" 'BEGIN { printf "%.0f", s * 1000 }'
}
sealed=$(pgstrand status --data "$data" --json | jq .seq)
usual=$(look 0)
agent_stop "$data"
sed -i 's/^keep_bytes = .*/keep_bytes = 0/' "$data/pgstrand.conf"
agent_start "$data"

sleep 4 # the log is trimmed
echo "<!-- up to seq $sealed; index made in $made s, $(du -sk "$data/index" | cut -f 1) KiB beside $(du -sk "$data/snapshots" | cut -f 1) KiB of snapshots -->"
table_head "one row's history, $actions actions sealed" "ours" "limit"
row "ten changes, the log as by default" "$usual" 50 1.00 ms
row "one change, from snapshots" "$(look 1)" 50 1.00 ms
row "three changes in three of them" "$(look 3)" 50 1.00 ms
row "ten changes in ten of them" "$(look 0)" 50 1.00 ms
agent_stop "$data"
exit "$bench_failed"
