# bench: what the measurements share. Source it; it only defines functions and loads the test harness.
#
#   bench_begin [GUC=VALUE...]         a cluster of its own with fsync on: durability is part of what is measured
#   seconds_of COMMAND...              wall time in seconds, on stdout; the command's own output goes to $HARNESS/out
#   median NUMBER...                   spread NUMBER...   "min-max"
#   rss_watch PID FILE                 samples RssAnon every 20 ms until the process ends; leaves the largest, in KiB
#   row NAME OURS THEIRS LIMIT UNIT    one line of the table: both medians, their ratio, the limit, and whether it holds
#
# Wall times on a shared machine wander: runs of ours and of theirs alternate, and only ratios within one run are compared.

bench_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
source "$bench_root/tests/lib/cluster.bash"
source "$bench_root/tests/lib/pgstrand.bash"

bench_failed=0

bench_begin() {
    [ -x "$PGSTRAND_BUILD/pgstrand-agent" ] || {
        echo "bench: $PGSTRAND_BUILD has no programs; build the preset release first" >&2
        exit 1
    }
    harness_begin
    trap harness_end EXIT
    trap 'exit 130' INT TERM
    cluster_new bench fsync=on synchronous_commit=off shared_buffers=256MB "$@"
}

seconds_of() {
    local bench_began bench_ended # a command may be a function, which sees our locals
    bench_began=$(date +%s%N)
    "$@" >"$HARNESS/out" 2>"$HARNESS/err" || {
        tail -n 5 "$HARNESS/err" >&2
        echo "bench: failed: $*" >&2
        return 1
    }
    bench_ended=$(date +%s%N)
    awk -v a="$bench_began" -v b="$bench_ended" 'BEGIN { printf "%.3f\n", (b - a) / 1e9 }'
}

median() {
    printf '%s\n' "$@" | sort -g | awk '{ v[NR] = $1 } END { printf "%.3f\n", NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

spread() {
    printf '%s\n' "$@" | sort -g | awk 'NR == 1 { low = $1 } END { printf "%.2f-%.2f", low, $1 }'
}

rss_watch() {
    local pid=$1 file=$2 most=0 now
    while now=$(awk '/^RssAnon/ { print $2 }' "/proc/$pid/status" 2>/dev/null) && [ -n "$now" ]; do
        [ "$now" -le "$most" ] || most=$now
        echo "$most" >"$file"
        sleep 0.02
    done
}

table_head() {
    printf '| %-44s | %12s | %12s | %6s | %6s | %-4s |\n' "$1" "$2" "$3" ratio limit holds
    printf '|%s|%s:|%s:|%s:|%s:|%s|\n' "$(printf -- '-%.0s' {1..46})" "$(printf -- '-%.0s' {1..13})" "$(printf -- '-%.0s' {1..13})" ------- ------- ------
}

row() {
    local name=$1 ours=$2 theirs=$3 limit=$4 unit=$5 ratio holds
    ratio=$(awk -v a="$ours" -v b="$theirs" 'BEGIN { printf "%.2f", a / b }')
    holds=$(awk -v r="$ratio" -v l="$limit" 'BEGIN { print r <= l ? "yes" : "NO" }')
    [ "$holds" = yes ] || bench_failed=1
    printf '| %-44s | %10s %s | %10s %s | %6s | %6s | %-5s |\n' "$name" "$ours" "$unit" "$theirs" "$unit" "$ratio" "$limit" "$holds"
}
