#!/usr/bin/env bash
# Does a change cost the same however many are in the log? The agent's processor time a change and the wall time a change of
# catching up, while the log grows from 10^5 to 10^7 actions (--decades 8: to 10^8, which takes a quarter of an hour and 30 GB).
#
#   tests/bench/capture/curve.sh [--decades N] [--window N]
#
# At each power of ten the agent catches up on a backlog of the last N actions before it (default 90000 of 10^5; 300000 of the others),
# in transactions of ten rows; what lies before comes in transactions of a thousand. Nothing is sealed or trimmed.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"

decades=7
window=300000
while [ $# -gt 1 ]; do
    case "$1" in
    --decades) decades=$2 ;;
    --window) window=$2 ;;
    *) break ;;
    esac
    shift 2
done
[ $# -eq 0 ] || {
    echo "curve.sh: unknown or incomplete option '$1'" >&2
    exit 2
}

# N changes in transactions of ten, or of so many; the table is emptied now and then, so that the server's side stays the same.
produce() {
    sql curve "CALL produce($1, ${2:-10})"
    made=$((made + $1))
}

caught_up() {
    pgstrand wait --data "$data" --timeout 3600 >/dev/null
}

bench_begin max_wal_size=16GB
database_new curve
sql curve 'CREATE TABLE bulk (id bigserial PRIMARY KEY, a int, b text, c timestamptz)'
sql curve "CREATE PROCEDURE produce(n bigint, rows int) LANGUAGE plpgsql AS \$\$
BEGIN
    FOR i IN 1 .. n / rows LOOP
        INSERT INTO bulk (a, b, c) SELECT k % 97, 'row number ' || k, now() FROM generate_series(1, rows) k;
        COMMIT;
    END LOOP;
END \$\$"
capture_init curve
data=$HARNESS/curve.fresh
made=0
costs=()
echo "| actions in the log | processor, us a change | wall, us a change | log, bytes a change |"
echo "|--:|--:|--:|--:|"
for ((d = 5; d <= decades; d++)); do
    total=$((10 ** d))
    last=$((d == 5 ? 90000 : window))
    agent_start "$data"
    while [ "$made" -lt $((total - last)) ]; do
        rest=$((total - last - made))
        produce $((rest < 1000000 ? rest : 1000000)) 1000
        caught_up
        sql curve 'TRUNCATE bulk'
    done
    caught_up
    agent_stop "$data"
    produce "$last"
    sync
    began=$(date +%s%N)
    agent_start --no-wait "$data"
    caught_up
    wall=$(seconds_since "$began")
    cpu=$(cpu_of "$(agent_pid "$data")")
    agent_stop "$data"
    bytes=$(log_bytes "$data")
    cost=$(awk -v s="$cpu" -v n="$last" 'BEGIN { printf "%.2f", s * 1e6 / n }')
    printf '| 10^%d | %s | %s | %s |\n' "$d" "$cost" "$(awk -v s="$wall" -v n="$last" 'BEGIN { printf "%.2f", s * 1e6 / n }')" \
        "$(awk -v b="$bytes" -v n="$made" 'BEGIN { printf "%.1f", b / n }')"
    costs+=("$cost")
done
echo
table_head "processor time a change" "10^$decades" "10^6"
row "catching up on $window changes" "${costs[-1]}" "${costs[1]}" 1.15 us
exit "$bench_failed"
