#!/usr/bin/env bash
# A FULL base against pg_dump -Fc of the same database, and its restore against pg_restore.
#
#   tests/bench/base.sh [--runs N] [--scale N]        scale: pgbench's (default 10, a million accounts) beside the example
#
# The time of init is the whole command on an idle database, where the slot does not have to wait.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
source "$bench_root/tests/lib/pos.bash"

runs=3
scale=10
while [ $# -gt 1 ]; do
    case "$1" in
    --runs) runs=$2 ;;
    --scale) scale=$2 ;;
    *) break ;;
    esac
    shift 2
done
[ $# -eq 0 ] || {
    echo "base.sh: unknown or incomplete option '$1'" >&2
    exit 2
}

init() {
    pgstrand init --data "$1" --source "$(conninfo shop)" --no-wal-limit --yes --no-progress
}

new_target() {
    database_drop target 2>/dev/null
    database_new target
    sql postgres CHECKPOINT
}

bench_begin max_wal_size=16GB
pos_load shop 20
"$PG_BIN/pgbench" -q -i -s "$scale" "$(conninfo shop)" >/dev/null 2>&1
sql shop 'VACUUM ANALYZE'
sql postgres CHECKPOINT

# pg_dump first: while pgstrand is installed, its event triggers would be in the dump without their functions.
base_ours=() base_theirs=()
for ((i = 0; i < runs; i++)); do
    if [ "$i" -gt 0 ]; then
        pgstrand uninstall --data "$HARNESS/data" --yes >/dev/null 2>&1
    fi
    rm -rf "$HARNESS/data" "$HARNESS/dump"
    sync
    base_theirs+=("$(seconds_of "$PG_DUMP" -Fc -d "$(conninfo shop)" -f "$HARNESS/dump")")
    sync
    base_ours+=("$(seconds_of init "$HARNESS/data")")
done
size_ours=$(find "$HARNESS/data" \( -name '*.snap' -o -name '*.device' -o -name '*.commit' \) -printf '%s\n' | awk '{ n += $1 } END { printf "%.1f", n / 1048576 }')
size_theirs=$(stat -c %s "$HARNESS/dump" | awk '{ printf "%.1f", $1 / 1048576 }')

# What pg_restore gets has nothing of pgstrand's in it: its event triggers would not find their functions.
pgstrand uninstall --data "$HARNESS/data" --keep-data --yes >/dev/null 2>&1
rm -f "$HARNESS/dump"
"$PG_DUMP" -Fc -d "$(conninfo shop)" -f "$HARNESS/dump"

one_ours=() one_theirs=() two_ours=() two_theirs=() one_plain=() two_plain=()
ours() {
    new_target
    seconds_of pgstrand restore --data "$HARNESS/data" --target "$(conninfo target)" --to-snapshot "$full" --no-progress "$@"
}
full=$(pgstrand snapshots --data "$HARNESS/data" --json | jq -r '.[0].uuid')
for ((i = 0; i < runs; i++)); do
    one_ours+=("$(ours)")
    new_target
    one_theirs+=("$(seconds_of "$(pg_client pg_restore)" -j 1 -d "$(conninfo target)" "$HARNESS/dump")")
    one_plain+=("$(ours --no-analyze)")
    two_ours+=("$(ours --jobs 2)")
    new_target
    two_theirs+=("$(seconds_of "$(pg_client pg_restore)" -j 2 -d "$(conninfo target)" "$HARNESS/dump")")
    two_plain+=("$(ours --jobs 2 --no-analyze)")
done

table_head "base of $(sql shop "SELECT pg_size_pretty(pg_database_size('shop'))")" pgstrand pg_dump/restore
row "base: time (init, pg_dump -Fc)" "$(median "${base_ours[@]}")" "$(median "${base_theirs[@]}")" 1.00 s
row "base: size" "$size_ours" "$size_theirs" 1.00 M
row "restore (default, pg_restore -j1)" "$(median "${one_ours[@]}")" "$(median "${one_theirs[@]}")" 1.00 s
row "restore (--jobs 2, pg_restore -j2)" "$(median "${two_ours[@]}")" "$(median "${two_theirs[@]}")" 1.00 s
row "the same without ANALYZE, as pg_restore is" "$(median "${one_plain[@]}")" "$(median "${one_theirs[@]}")" 1.00 s
row "the same with --jobs 2" "$(median "${two_plain[@]}")" "$(median "${two_theirs[@]}")" 1.00 s
echo "<!-- base ${base_ours[*]} / ${base_theirs[*]}; restore ${one_ours[*]} / ${one_theirs[*]}; jobs 2 ${two_ours[*]} / ${two_theirs[*]}; without ANALYZE ${one_plain[*]}, ${two_plain[*]} -->"
exit "$bench_failed"
