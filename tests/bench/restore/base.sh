#!/usr/bin/env bash
# init's FULL base against pg_dump -Fc of the same database: time and size.
#
#   tests/bench/restore/base.sh [--runs N] [--scale N]        scale: pgbench's (default 10, a million accounts) beside the example
#
# The time of init is the whole command, without what the server takes to make the slot and its snapshot (by the server's log): there
# is no base before it, and how long it waits is the other transactions' doing.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
source "$bench_root/tests/lib/pos.bash"
options_of base.sh "runs=5 scale=10" "$@"

bench_begin max_wal_size=16GB log_replication_commands=on autovacuum=off # which would work on one run's tables while the next is timed
pos_load shop 20
"$PG_BIN/pgbench" -q -i -s "$scale" "$(conninfo shop)" >/dev/null 2>&1
sql shop 'VACUUM ANALYZE'
sql postgres CHECKPOINT

# Seconds between the commands that make slots and the snapshots that they export, in the server's log behind this many bytes.
slot_seconds() {
    tail -c "+$(($1 + 1))" "$(cluster_folder)/log" | awk '
        function seconds() { split($2, t, ":"); return t[1] * 3600 + t[2] * 60 + t[3] }
        /received replication command: CREATE_REPLICATION_SLOT/ { began = seconds() }
        /exported logical decoding snapshot/ && began { sum += seconds() - began; began = 0 }
        END { printf "%.3f\n", sum }'
}

ours=() slots=() theirs=() ours_busy=() theirs_busy=()
for ((i = 0; i < runs; i++)); do
    data=$HARNESS/data$i # a folder of its own: the kernel is slow to make files right after many were deleted
    rm -f "$HARNESS/dump"
    sync
    cost "$PG_DUMP" -Fc -d "$(conninfo shop)" -f "$HARNESS/dump"
    theirs+=("$wall") theirs_busy+=("$busy")
    sync
    logged=$(stat -c %s "$(cluster_folder)/log")
    cost install "$data" shop
    slots+=("$(slot_seconds "$logged")")
    ours+=("$(awk -v w="$wall" -v s="${slots[-1]}" 'BEGIN { printf "%.3f", w - s }')") ours_busy+=("$busy")
    size_ours=$(find "$data" \( -name '*.snap' -o -name '*.device' -o -name '*.commit' \) -printf '%s\n' | awk '{ n += $1 } END { printf "%.1f", n / 1048576 }')
    pgstrand uninstall --data "$data" --yes >/dev/null 2>&1
done
size_theirs=$(stat -c %s "$HARNESS/dump" | awk '{ printf "%.1f", $1 / 1048576 }')

table_head "base of $(sql shop "SELECT pg_size_pretty(pg_database_size('shop'))")" "init" "pg_dump -Fc"
row "time" "$(median "${ours[@]}")" "$(median "${theirs[@]}")" 0.60 s
row "size" "$size_ours" "$size_theirs" 0.80 M
echo "<!-- time ${ours[*]} (and slots ${slots[*]}) / ${theirs[*]}; processors ${ours_busy[*]} / ${theirs_busy[*]} -->"
exit "$bench_failed"
