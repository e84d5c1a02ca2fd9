#!/usr/bin/env bash
# init's FULL base against pg_dump -Fc of the same database: time and size.
#
#   tests/bench/restore/base.sh [--runs N] [--scale N]        scale: pgbench's (default 10, a million accounts) beside the example
#
# The time of init is the whole command on an idle database, where the slot does not have to wait.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
source "$bench_root/tests/lib/pos.bash"
options_of base.sh "runs=5 scale=10" "$@"

bench_begin max_wal_size=16GB autovacuum=off # which would work on one run's tables while the next is timed
pos_load shop 20
"$PG_BIN/pgbench" -q -i -s "$scale" "$(conninfo shop)" >/dev/null 2>&1
sql shop 'VACUUM ANALYZE'
sql postgres CHECKPOINT

ours=() theirs=() ours_busy=() theirs_busy=()
for ((i = 0; i < runs; i++)); do
    data=$HARNESS/data$i # a folder of its own: the kernel is slow to make files right after many were deleted
    rm -f "$HARNESS/dump"
    sync
    cost "$PG_DUMP" -Fc -d "$(conninfo shop)" -f "$HARNESS/dump"
    theirs+=("$wall") theirs_busy+=("$busy")
    sync
    cost install "$data" shop
    ours+=("$wall") ours_busy+=("$busy")
    size_ours=$(find "$data" \( -name '*.snap' -o -name '*.device' -o -name '*.commit' \) -printf '%s\n' | awk '{ n += $1 } END { printf "%.1f", n / 1048576 }')
    pgstrand uninstall --data "$data" --yes >/dev/null 2>&1
done
size_theirs=$(stat -c %s "$HARNESS/dump" | awk '{ printf "%.1f", $1 / 1048576 }')

table_head "base of $(sql shop "SELECT pg_size_pretty(pg_database_size('shop'))")" "init" "pg_dump -Fc"
row "time" "$(median "${ours[@]}")" "$(median "${theirs[@]}")" 0.60 s
row "size" "$size_ours" "$size_theirs" 0.80 M
echo "<!-- time ${ours[*]} / ${theirs[*]}; processors ${ours_busy[*]} / ${theirs_busy[*]} -->"
exit "$bench_failed"
