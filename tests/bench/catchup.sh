#!/usr/bin/env bash
# How long the agent needs for a backlog, against pg_recvlogical writing to /dev/null from a copy of the same slot with the
# same protocol options.
#
#   tests/bench/catchup.sh [--runs N] [--transactions N] [--rows N]
#
# Two backlogs: N small transactions (default 60000, pgbench's simple update), and one transaction of N rows (default 500000).
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"

runs=5
transactions=60000
rows=500000
while [ $# -gt 1 ]; do
    case "$1" in
    --runs) runs=$2 ;;
    --transactions) transactions=$2 ;;
    --rows) rows=$2 ;;
    *) break ;;
    esac
    shift 2
done
[ $# -eq 0 ] || {
    echo "catchup.sh: unknown or incomplete option '$1'" >&2
    exit 2
}

# A database with a backlog: initialised, then written to while no agent runs. A second slot keeps the start.
prepare() {
    local db=$1
    database_new "$db"
    "$PG_BIN/pgbench" -q -i -s 5 "$(conninfo "$db")" >/dev/null 2>&1
    sql "$db" 'CREATE TABLE bulk (id bigint PRIMARY KEY, a int, b text, c timestamptz)'
    # What is measured is capture: no snapshot when it stops.
    printf '[seal]\non_stop = no\n' >"$HARNESS/bench.conf"
    pgstrand init --config "$HARNESS/bench.conf" --data "$HARNESS/$db.fresh" --source "$(conninfo "$db")" --no-wal-limit --yes >/dev/null 2>"$HARNESS/err" ||
        { cat "$HARNESS/err" >&2; return 1; }
    slot=$(sql "$db" 'SELECT slot_name FROM pg_replication_slots WHERE database = current_database() LIMIT 1')
    publication=$(sql "$db" 'SELECT pubname FROM pg_publication LIMIT 1')
    sql "$db" "SELECT pg_copy_logical_replication_slot('$slot', 'keeper_$db')" >/dev/null
    case "$db" in
    small) "$PG_BIN/pgbench" -n -N -c 4 -j 2 -t $((transactions / 4)) "$(conninfo "$db")" >/dev/null 2>&1 ;;
    large) sql "$db" "INSERT INTO bulk SELECT n, n % 97, 'row number ' || n, now() FROM generate_series(1, $rows) n" ;;
    esac
    goal=$(sql "$db" 'SELECT pg_current_wal_flush_lsn()')
    sql "$db" 'CHECKPOINT'
}

# Both start from the same place: a fresh copy of the data directory, a fresh copy of the slot.
ours() {
    local db=$1 data=$HARNESS/$db.run
    rm -rf "$data"
    cp -a "$HARNESS/$db.fresh" "$data"
    sql "$db" "SELECT pg_drop_replication_slot('$slot')" >/dev/null
    sql "$db" "SELECT pg_copy_logical_replication_slot('keeper_$db', '$slot')" >/dev/null
    sync
    seconds_of caught_up "$data"
    agent_stop "$data"
}

caught_up() {
    agent_start --no-wait "$1"
    pgstrand wait --data "$1" --lsn "$goal" --timeout 300
}

theirs() {
    local db=$1
    sql "$db" "SELECT pg_copy_logical_replication_slot('keeper_$db', 'theirs')" >/dev/null
    seconds_of "$PG_BIN/pg_recvlogical" -d "$(conninfo "$db")" --slot theirs --start --no-loop --endpos "$goal" -f /dev/null \
        -o proto_version="$protocol" -o publication_names="$publication" -o streaming=on -o messages=true
    sql "$db" "SELECT pg_drop_replication_slot('theirs')" >/dev/null
}

measure() {
    local db=$1 name=$2 i mine=() other=()
    prepare "$db"
    for ((i = 0; i < runs; i++)); do
        mine+=("$(ours "$db")")
        other+=("$(theirs "$db")")
    done
    row "$name" "$(median "${mine[@]}")" "$(median "${other[@]}")" 1.20 s
    echo "<!-- $name: agent ${mine[*]} (s), pg_recvlogical ${other[*]} (s) -->"
}

bench_begin max_wal_size=16GB logical_decoding_work_mem=64MB
version=$(sql postgres 'SHOW server_version_num')
protocol=$((version >= 160000 ? 4 : version >= 150000 ? 3 : 2))
table_head "catch-up" agent pg_recvlogical
measure small "$transactions small transactions"
measure large "one transaction of $rows rows"
exit "$bench_failed"
