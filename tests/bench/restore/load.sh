#!/usr/bin/env bash
# The restore of a base against pg_restore of a dump of the same rows.
#
#   tests/bench/restore/load.sh [--runs N] [--scale N]        scale: pgbench's (default 10, a million accounts) beside the example
#
# PostgreSQL's own durability settings (fsync and synchronous_commit on). Each run has a new database, and none is dropped in
# between: ext4 avoids inodes that were given back recently, and making a file takes longer then.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
source "$bench_root/tests/lib/pos.bash"
options_of load.sh "runs=5 scale=10" "$@"

bench_begin max_wal_size=16GB synchronous_commit=on
pos_load shop 20
"$PG_BIN/pgbench" -q -i -s "$scale" "$(conninfo shop)" >/dev/null 2>&1
sql shop 'VACUUM ANALYZE'
# Before init: its event triggers would be in the dump without their functions.
"$PG_DUMP" -Fc -d "$(conninfo shop)" -f "$HARNESS/dump"
install "$HARNESS/data" shop >/dev/null 2>&1
full=$(full_of "$HARNESS/data")

declare -A walls busies
number=0
run() {
    local name=$1
    shift
    target_new "target$number"
    cost "$@" "target$number"
    number=$((number + 1))
    walls[$name]+="$wall " busies[$name]+="$busy "
}
theirs() {
    "$(pg_client pg_restore)" -j "$1" -d "$(conninfo "$2")" "$HARNESS/dump"
}
ours() {
    pgstrand restore --data "$HARNESS/data" --target "$(conninfo "${*: -1}")" --to-snapshot "$full" --no-progress "${@:1:$#-1}"
}
for ((i = 0; i < runs; i++)); do
    run one_ours ours
    run one_theirs theirs 1
    run one_plain ours --no-analyze
    run two_ours ours --jobs 2
    run two_theirs theirs 2
    run two_plain ours --jobs 2 --no-analyze
done

compare() {
    # shellcheck disable=SC2086
    row "$1" "$(median ${walls[$2]})" "$(median ${walls[$3]})" 0.90 s
}
table_head "restore of $(sql shop "SELECT pg_size_pretty(pg_database_size('shop'))")" pgstrand pg_restore
compare "default, pg_restore -j1" one_ours one_theirs
compare "--jobs 2, pg_restore -j2" two_ours two_theirs
compare "default without ANALYZE, as pg_restore is" one_plain one_theirs
compare "--jobs 2 without ANALYZE" two_plain two_theirs
for name in one_ours one_theirs one_plain two_ours two_theirs two_plain; do
    echo "<!-- $name: wall ${walls[$name]}; processors ${busies[$name]}-->"
done
exit "$bench_failed"
