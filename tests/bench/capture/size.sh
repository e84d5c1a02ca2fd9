#!/usr/bin/env bash
# How many bytes a change takes: in the WAL, in the action log, and sealed, for a named pgbench run, for one large transaction of
# numbered rows, and for rows of random values;
# sealed bytes against `zstd -3` of the same columns as COPY lines, table by table.
#
#   tests/bench/capture/size.sh [--transactions N] [--rows N]
#
# The run: pgbench -i -s 10, then pgbench -N (simple update) with 4 clients, N transactions in all (default 50000). A change's columns
# are those that PostgreSQL sends: the whole new row. Sealed bytes are those of the INCREMENTAL's .snap: actions, commits (LSN, time,
# xid), entities, signatures.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"

transactions=50000
rows=500000
while [ $# -gt 1 ]; do
    case "$1" in
    --transactions) transactions=$2 ;;
    --rows) rows=$2 ;;
    *) break ;;
    esac
    shift 2
done
[ $# -eq 0 ] || {
    echo "size.sh: unknown or incomplete option '$1'" >&2
    exit 2
}

wal_now() {
    sql "$1" "SELECT pg_current_wal_insert_lsn() - '0/0'"
}

per_change() {
    awk -v b="$1" -v n="$2" 'BEGIN { printf "%.1f", b / n }'
}

measure() {
    local db=$1 name=$2 data=$HARNESS/$1.fresh wal before count log sealed raw packed
    database_new "$db"
    "$PG_BIN/pgbench" -q -i -s 10 "$(conninfo "$db")" >/dev/null 2>&1
    sql "$db" 'CREATE TABLE bulk (id bigint PRIMARY KEY, a int, b text, c timestamptz)'
    sql "$db" 'CREATE TABLE sale (id bigint PRIMARY KEY, item int, price numeric(10,2), word text, code text, tag uuid, at timestamptz)'
    capture_init "$db"
    sql "$db" 'CHECKPOINT'
    wal=$(wal_now "$db")
    case "$db" in
    pgbench) "$PG_BIN/pgbench" -n -N -c 4 -j 2 -t $((transactions / 4)) "$(conninfo "$db")" >/dev/null 2>&1 ;;
    bulk) sql "$db" "INSERT INTO bulk SELECT n, n % 97, 'row number ' || n, now() FROM generate_series(1, $rows) n" ;;
    sales)
        sql "$db" "INSERT INTO sale SELECT n, (random() * 500)::int, (random() * 90)::numeric(10,2),
            (ARRAY['fig', 'pear', 'a ripe melon', 'plum', 'lemon', 'cherry'])[1 + (random() * 5)::int], left(md5(n::text), 8 + n % 9),
            gen_random_uuid(), now() - random() * interval '30 days' FROM generate_series(1, $((rows / 5))) n"
        sql "$db" "UPDATE sale SET price = price + 1, word = word || '!' WHERE id % 3 = 0"
        sql "$db" "DELETE FROM sale WHERE id % 10 = 0"
        ;;
    esac
    wal=$(($(wal_now "$db") - wal))
    agent_start "$data"
    pgstrand wait --data "$data" --timeout 300 >/dev/null
    agent_stop "$data"
    micro logcolumns "$data/log" >"$HARNESS/columns" 2>"$HARNESS/count"
    count=$(<"$HARNESS/count")
    log=$(log_bytes "$data")
    before=$(find "$data" -name '*.snap' | sort)
    pgstrand seal --data "$data" --no-progress >/dev/null 2>&1
    sealed=$(comm -13 <(echo "$before") <(find "$data" -name '*.snap' | sort) | xargs cat | wc -c)
    raw=$(wc -c <"$HARNESS/columns")
    packed=$(zstd -3 -q -c "$HARNESS/columns" | wc -c)
    printf '| %s, %s changes | %s | %s | %s | %s | %s | %s |\n' "$name" "$count" "$(per_change "$wal" "$count")" \
        "$(per_change "$log" "$count")" "$(per_change "$raw" "$count")" "$(per_change "$sealed" "$count")" \
        "$(per_change "$packed" "$count")" "$(awk -v a="$sealed" -v b="$wal" 'BEGIN { printf "%.3f", a / b }')"
    sealed_of[$db]=$sealed packed_of[$db]=$packed
}

command -v zstd >/dev/null || {
    echo "size.sh: needs the program zstd: apt-get install zstd" >&2
    exit 3
}
declare -A sealed_of packed_of
bench_begin max_wal_size=16GB
echo "| bytes a change | WAL | log | columns as text | sealed | zstd -3 of the columns | sealed / WAL |"
echo "|---|--:|--:|--:|--:|--:|--:|"
measure pgbench "pgbench -N -c 4, scale 10, $transactions transactions"
measure bulk "one INSERT of $rows rows"
measure sales "one INSERT of $((rows / 5)) rows, random values, a third updated, a tenth deleted"
echo
table_head "sealed bytes" pgstrand "zstd -3"
for db in pgbench bulk sales; do
    row "$db" "${sealed_of[$db]}" "${packed_of[$db]}" 1.10 B
done
exit "$bench_failed"
