#!/usr/bin/env bash
# Catching up on a backlog, against `pgcopydb stream receive` (wal2json) from a copy of the same slot.
#
#   tests/bench/capture/pgcopydb.sh [--runs N] [--transactions N]
#
# Needs the packages pgcopydb and postgresql-NN-wal2json, which nothing else of pgstrand does: it says so when they are missing.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"

runs=3
transactions=60000
while [ $# -gt 1 ]; do
    case "$1" in
    --runs) runs=$2 ;;
    --transactions) transactions=$2 ;;
    *) break ;;
    esac
    shift 2
done
[ $# -eq 0 ] || {
    echo "pgcopydb.sh: unknown or incomplete option '$1'" >&2
    exit 2
}

# It wants a table in the source that says where to stop, and the connection of a target it does not write to.
pgcopydb_receive() {
    local db=$1 folder=$HARNESS/pgcopydb began source
    source=$(conninfo "$db")
    rm -rf "$folder"
    export XDG_DATA_HOME=$folder XDG_RUNTIME_DIR=$folder
    mkdir "$folder"
    sql "$db" "SELECT pg_copy_logical_replication_slot('keeper_$db', 'pgcopydb', false, 'wal2json')" >/dev/null
    pgcopydb stream sentinel create --source "$source" --startpos 0/0 --endpos "$goal" >"$HARNESS/out" 2>&1
    sync
    began=$(date +%s%N)
    {
        TIMEFORMAT='%U %S'
        time pgcopydb stream receive --source "$source" --target "$(conninfo postgres)" --slot-name pgcopydb --endpos "$goal" \
            --not-consistent --resume >"$HARNESS/out" 2>&1 || true
    } 2>"$HARNESS/times"
    wall=$(seconds_since "$began")
    cpu=$(awk 'END { print $1 + $2 }' "$HARNESS/times")
    sql "$db" "SELECT pg_drop_replication_slot('pgcopydb')" >/dev/null
    [ "$(find "$folder" -name '*.json' -exec cat {} + | wc -l)" -gt "$transactions" ] || {
        tail -n 5 "$HARNESS/out" >&2
        echo "pgcopydb.sh: pgcopydb received less than the backlog" >&2
        return 1
    }
}

bench_begin max_wal_size=16GB
command -v pgcopydb >/dev/null && [ -e "$("$PG_BIN/pg_config" --pkglibdir 2>/dev/null || echo "${PG_BIN%/bin}/lib")/wal2json.so" ] || {
    echo "pgcopydb.sh: needs pgcopydb and wal2json: apt-get install pgcopydb postgresql-NN-wal2json" >&2
    exit 3
}
# Later minor releases want to be told which output plugins may be loaded.
if [ "$(sql postgres "SELECT count(*) FROM pg_settings WHERE name = 'output_plugin_libraries'")" = 1 ]; then
    sql postgres "ALTER SYSTEM SET output_plugin_libraries = 'pgoutput', 'wal2json'"
    sql postgres 'SELECT pg_reload_conf()' >/dev/null
fi
database_new small
"$PG_BIN/pgbench" -q -i -s 5 "$(conninfo small)" >/dev/null 2>&1
capture_init small
"$PG_BIN/pgbench" -n -N -c 4 -j 2 -t $((transactions / 4)) "$(conninfo small)" >/dev/null 2>&1
capture_goal small
our_wall=() our_cpu=() their_wall=() their_cpu=()
for ((i = 0; i < runs; i++)); do
    ours small
    our_wall+=("$wall") our_cpu+=("$cpu")
    pgcopydb_receive small
    their_wall+=("$wall") their_cpu+=("$cpu")
done
table_head "catch-up" agent pgcopydb
row "$transactions small transactions, wall" "$(median "${our_wall[@]}")" "$(median "${their_wall[@]}")" 0.40 s
row "$transactions small transactions, processor" "$(median "${our_cpu[@]}")" "$(median "${their_cpu[@]}")" 0.40 s
echo "<!-- agent ${our_wall[*]} ${our_cpu[*]}, pgcopydb ${their_wall[*]} ${their_cpu[*]} -->"
exit "$bench_failed"
