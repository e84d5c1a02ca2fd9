#!/usr/bin/env bash
# How long the agent needs for a backlog, and how much processor time: against pg_recvlogical writing to /dev/null from a copy of
# the same slot with the same protocol options.
#
#   tests/bench/capture/catchup.sh [--runs N] [--transactions N] [--rows N] [--only small|streamed]
#
# Two backlogs: N small transactions (default 150000, pgbench's simple update), and one transaction of N rows (default 1000000).
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"

runs=5
transactions=150000
rows=1000000
only=
while [ $# -gt 1 ]; do
    case "$1" in
    --runs) runs=$2 ;;
    --transactions) transactions=$2 ;;
    --rows) rows=$2 ;;
    --only) only=$2 ;;
    *) break ;;
    esac
    shift 2
done
[ $# -eq 0 ] || {
    echo "catchup.sh: unknown or incomplete option '$1'" >&2
    exit 2
}

# A database with a backlog: initialised, then written to while no agent runs.
prepare() {
    local db=$1
    database_new "$db"
    "$PG_BIN/pgbench" -q -i -s 5 "$(conninfo "$db")" >/dev/null 2>&1
    sql "$db" 'CREATE TABLE bulk (id bigint PRIMARY KEY, a int, b text, c timestamptz)'
    capture_init "$db"
    case "$db" in
    small) "$PG_BIN/pgbench" -n -N -c 4 -j 2 -t $((transactions / 4)) "$(conninfo "$db")" >/dev/null 2>&1 ;;
    streamed) sql "$db" "INSERT INTO bulk SELECT n, n % 97, 'row number ' || n, now() FROM generate_series(1, $rows) n" ;;
    esac
    capture_goal "$db"
}

measure() {
    local db=$1 name=$2 wall_limit=$3 cpu_limit=$4 i
    local our_wall=() our_cpu=() their_wall=() their_cpu=()
    [ -z "$only" ] || [ "$only" = "$db" ] || return 0
    prepare "$db"
    for ((i = 0; i < runs; i++)); do
        ours "$db"
        our_wall+=("$wall") our_cpu+=("$cpu")
        theirs "$db"
        their_wall+=("$wall") their_cpu+=("$cpu")
    done
    row "$name, wall" "$(median "${our_wall[@]}")" "$(median "${their_wall[@]}")" "$wall_limit" s
    row "$name, processor" "$(median "${our_cpu[@]}")" "$(median "${their_cpu[@]}")" "$cpu_limit" s
    echo "<!-- $name: agent ${our_wall[*]} (wall) ${our_cpu[*]} (processor), pg_recvlogical ${their_wall[*]} ${their_cpu[*]} -->"
}

bench_begin max_wal_size=16GB logical_decoding_work_mem=64MB
table_head "catch-up" agent pg_recvlogical
measure small "$transactions small transactions" 1.05 0.80
measure streamed "one transaction of $rows rows" 1.15 1.00
exit "$bench_failed"
