#!/usr/bin/env bash
# Does a change cost the same however many are in the log? Processor time of capturing a change and of indexing it, and the wall time
# a change of catching up, while the log grows from 10^5 to 10^7 actions (--decades 8: to 10^8, which takes 30 GB and half an hour).
#
#   tests/bench/capture/curve.sh [--decades N] [--window N] [--tries N]
#
# Before each power of ten the agent catches up on --tries (3) backlogs of N actions (default 30000 of 10^5; 300000 of the others), in
# transactions of ten rows, of which the cheapest counts: other work can only make one dearer. What lies before comes in transactions of
# a thousand. Nothing is sealed or trimmed.
#
# The index of rows (agent/history) is made by the thread "sealer", which has nothing else to do here, for all actions since the power
# before, merges of its runs included: when capture is done it is waited for. All other threads together are capture; what they take
# for a start of the agent without any backlog (most of it a look at all pages of the newest segment) is a column of its own.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"

decades=7
window=300000
tries=3
while [ $# -gt 1 ]; do
    case "$1" in
    --decades) decades=$2 ;;
    --window) window=$2 ;;
    --tries) tries=$2 ;;
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

# Processor time, in us (counted in ticks of 10 ms), of the agent's thread of this name; of all others with "but" before it.
thread_us() {
    local task name but=no sum=0
    [ "$1" != but ] || {
        but=yes
        shift
    }
    for task in "/proc/$(agent_pid "$data")/task"/*; do
        name=$(<"$task/comm")
        case "$but:$([ "$name" = "$1" ] && echo it)" in
        no:it | yes:) sum=$((sum + $(awk '{ sub(/.*\) /, ""); print $12 + $13 }' "$task/stat"))) ;;
        esac
    done
    echo $((sum * 1000000 / $(getconf CLK_TCK)))
}

# Has the index all but the last few thousand actions, which it leaves until there are more? The name of a run ends in its last seq.
indexed() {
    local last
    last=$(find "$data/index" -name '????????????????-????????????????.run' -printf '%f\n' 2>/dev/null | sed 's/.*-//; s/[.]run$//' | sort | tail -n 1)
    [ -n "$last" ] && [ $((16#$last + 5000)) -ge "$made" ]
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
before=0
costs=()
index_costs=()
echo "| actions in the log | capture, us a change | agent's start, ms | index, us a change | wall, us a change | log, bytes a change | index, bytes a change |"
echo "|--:|--:|--:|--:|--:|--:|--:|"
# The agent's start with nothing to catch up with, then with a backlog of `last`: adds to index, says start, cpu and wall.
catch_up() {
    local began now
    agent_start "$data"
    start=$(thread_us but sealer)
    index=$((index + $(thread_us sealer)))
    agent_stop "$data"
    produce "$last"
    sync
    began=$(date +%s%N)
    agent_start --no-wait "$data"
    caught_up
    wall=$(seconds_since "$began")
    cpu=$(($(thread_us but sealer) - start))
    wait_for 3600 indexed
    sleep 1 # it may still be merging
    while now=$(thread_us sealer) && sleep 1 && [ "$(thread_us sealer)" -gt $((now + 20000)) ]; do :; done
    index=$((index + $(thread_us sealer)))
    agent_stop "$data"
}

per_change() {
    awk -v s="$1" -v n="$2" -v by="${3:-1}" 'BEGIN { printf "%.2f", s * by / n }'
}

for ((d = 5; d <= decades; d++)); do
    total=$((10 ** d))
    last=$((d == 5 ? 30000 : window))
    agent_start "$data"
    while [ "$made" -lt $((total - tries * last)) ]; do
        rest=$((total - tries * last - made))
        produce $((rest < 1000000 ? rest : 1000000)) 1000
        caught_up
        sql curve 'TRUNCATE bulk'
    done
    caught_up
    index=$(thread_us sealer)
    agent_stop "$data"
    least='' least_wall='' least_start=''
    for ((i = 0; i < tries; i++)); do
        catch_up
        [ -n "$least" ] && [ "$least" -le "$cpu" ] || least=$cpu least_wall=$wall least_start=$start
    done
    cost=$(per_change "$least" "$last")
    index_cost=$(per_change "$index" $((made - before)))
    printf '| 10^%d | %s | %s | %s | %s | %s | %s |\n' "$d" "$cost" "$((least_start / 1000))" "$index_cost" \
        "$(per_change "$least_wall" "$last" 1e6)" \
        "$(awk -v b="$(log_bytes "$data")" -v n="$made" 'BEGIN { printf "%.1f", b / n }')" \
        "$(find "$data/index" -name '*.run' -printf '%s\n' | awk -v n="$made" '{ sum += $1 } END { printf "%.1f", sum / n }')"
    costs+=("$cost")
    index_costs+=("$index_cost")
    before=$made
done
echo
table_head "processor time a change" "10^$decades" "10^6"
row "capturing it, catching up on $window" "${costs[-1]}" "${costs[1]}" 1.15 us
row "indexing it" "${index_costs[-1]}" "${index_costs[1]}" 1.5 us
exit "$bench_failed"
