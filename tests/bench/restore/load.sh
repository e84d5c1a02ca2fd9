#!/usr/bin/env bash
# The restore of a base against pg_restore of a dump of the same rows, for two databases: the point-of-sale example (many tables,
# wide rows, several indexes and foreign keys) and pgbench's (one table of narrow rows with one index, of which reading back for the
# proof is the largest part).
#
#   tests/bench/restore/load.sh [--runs N] [--example N] [--pgbench N]      sizes: of the example (100: about 150 MB) and
#                                                                           pgbench's scale (10: a million accounts); 0: not at all
#
# PostgreSQL's own durability settings (fsync and synchronous_commit on). The slot is dropped when the base is made, so that WAL
# segments are used again, as on a server that has run for a while; making new ones takes longer than all else and differs from run
# to run (the first round, in which they are made, does not count). Autovacuum is off: it would work on what one run
# restored while the next one is measured. Each run has a new database, and none is dropped in
# between: ext4 avoids inodes that were given back recently, and making a file takes longer then.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
source "$bench_root/tests/lib/pos.bash"
options_of load.sh "runs=5 example=100 pgbench=10" "$@"

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
    "$(pg_client pg_restore)" -j "$1" -d "$(conninfo "$2")" "$HARNESS/dump.$source"
}
ours() {
    pgstrand restore --data "$HARNESS/data.$source" --target "$(conninfo "${*: -1}")" --to-snapshot "$full" --no-progress \
        "${@:1:$#-1}"
}

compare() {
    # shellcheck disable=SC2086
    row "$1" "$(median ${walls[$2]})" "$(median ${walls[$3]})" 0.90 s
}

# Before init: its event triggers would be in the dump without their functions.
measure() {
    local what=$1 name
    source=$2
    sql "$source" 'VACUUM ANALYZE'
    "$PG_DUMP" -Fc -d "$(conninfo "$source")" -f "$HARNESS/dump.$source"
    install "$HARNESS/data.$source" "$source" >/dev/null 2>&1
    sql postgres 'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots' >/dev/null
    full=$(full_of "$HARNESS/data.$source")
    for ((i = -1; i < runs; i++)); do
        [ "$i" != 0 ] || walls=() busies=()
        run one_ours ours
        run one_theirs theirs 1
        run two_ours ours --jobs 2
        run two_theirs theirs 2
        run two_plain ours --jobs 2 --no-analyze
    done
    table_head "$what, $(sql "$source" "SELECT pg_size_pretty(pg_database_size('$source'))")" pgstrand pg_restore
    compare "default, pg_restore -j1" one_ours one_theirs
    compare "--jobs 2, pg_restore -j2" two_ours two_theirs
    compare "--jobs 2 without ANALYZE" two_plain two_theirs
    for name in one_ours one_theirs two_ours two_theirs two_plain; do
        echo "<!-- $name: wall ${walls[$name]}; processors ${busies[$name]}-->"
    done
}

bench_begin min_wal_size=6GB max_wal_size=16GB synchronous_commit=on autovacuum=off
if [ "$example" -gt 0 ]; then
    pos_load shop "$example"
    measure "the example" shop
fi
if [ "$pgbench" -gt 0 ]; then
    database_new bank
    "$PG_BIN/pgbench" -q -i -s "$pgbench" "$(conninfo bank)" >/dev/null 2>&1
    measure "pgbench" bank
fi
exit "$bench_failed"
