# What the measurements of capture share, on top of ../lib.bash. Source it; it only defines functions.
#
#   capture_init DB   pgstrand init of that database; DB.fresh is its data directory; sets $slot, $publication
#                                     and keeps the slot's place in the slot keeper_DB
#   capture_goal DB                   sets $goal: where the WAL ends now
#   ours DB                           the agent from DB.fresh as init left it and a copy of the slot, until it has $goal; sets $wall and
#                                     $cpu (seconds; user + system of the whole process)
#   theirs DB                         pg_recvlogical -f /dev/null from a copy of the slot, same options; sets the same
#   row_of NAME OURS THEIRS LIMIT UNIT, from lists in variables: medians; the single runs below the table

source "$(dirname "${BASH_SOURCE[0]}")/../lib.bash"

capture_init() {
    local db=$1
    # What is measured is capture: no snapshots.
    printf '[seal]\non_stop = no\ninterval = 0\nactions = 0\nbytes = 0\n' >"$HARNESS/bench.conf"
    pgstrand init --config "$HARNESS/bench.conf" --data "$HARNESS/$db.fresh" --source "$(conninfo "$db")" --no-wal-limit --yes \
        >/dev/null 2>"$HARNESS/err" || { cat "$HARNESS/err" >&2; return 1; }
    slot=$(sql "$db" "SELECT slot_name FROM pg_replication_slots WHERE database = current_database() LIMIT 1")
    publication=$(sql "$db" 'SELECT pubname FROM pg_publication LIMIT 1')
    sql "$db" "SELECT pg_copy_logical_replication_slot('$slot', 'keeper_$db')" >/dev/null
}

capture_goal() {
    goal=$(sql "$1" 'SELECT pg_current_wal_flush_lsn()')
    sql "$1" 'CHECKPOINT'
}

# User and system time of a running process, in seconds.
cpu_of() {
    awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); printf "%.2f\n", ($12 + $13) / hz }' "/proc/$1/stat"
}

seconds_since() {
    awk -v a="$1" -v b="$(date +%s%N)" 'BEGIN { printf "%.3f\n", (b - a) / 1e9 }'
}

ours() {
    local db=$1 data=$HARNESS/$1.fresh began
    # The same folder: what runs in a copy of it begins a new incarnation, and compares the database instead of capturing.
    [ -e "$data.kept" ] || cp -a "$data" "$data.kept"
    find "$data" -mindepth 1 -delete
    cp -a "$data.kept/." "$data"
    sql "$db" "SELECT pg_drop_replication_slot('$slot')" >/dev/null
    sql "$db" "SELECT pg_copy_logical_replication_slot('keeper_$db', '$slot')" >/dev/null
    sync
    began=$(date +%s%N)
    agent_start --no-wait "$data"
    pgstrand wait --data "$data" --lsn "$goal" --timeout 600 >/dev/null
    wall=$(seconds_since "$began")
    cpu=$(cpu_of "$(agent_pid "$data")")
    agent_stop "$data"
    ! agent_log "$data" | grep 'new incarnation' >&2 || return 1
}

theirs() {
    local db=$1 began
    sql "$db" "SELECT pg_copy_logical_replication_slot('keeper_$db', 'theirs_$db')" >/dev/null
    sync
    began=$(date +%s%N)
    {
        TIMEFORMAT='%U %S'
        time "$PG_BIN/pg_recvlogical" -d "$(conninfo "$db")" --slot "theirs_$db" --start --no-loop --endpos "$goal" -f /dev/null \
            -o proto_version="$(protocol)" -o publication_names="$publication" -o streaming=on -o messages=true 2>"$HARNESS/err"
    } 2>"$HARNESS/times"
    wall=$(seconds_since "$began")
    cpu=$(awk '{ print $1 + $2 }' "$HARNESS/times")
    sql "$db" "SELECT pg_drop_replication_slot('theirs_$db')" >/dev/null
}

protocol() {
    local version
    version=$(sql postgres 'SHOW server_version_num')
    echo $((version >= 160000 ? 4 : version >= 150000 ? 3 : 2))
}

# Of the action log of a data directory, large transactions' files included.
log_bytes() {
    find "$1/log" \( -name '*.mdb' -o -name '*.act' \) -printf '%s\n' | awk '{ sum += $1 } END { print sum }'
}

# A program of tests/bench/micro, built when it is missing or older than its sources.
micro() {
    local program=$1
    shift
    cmake --build "$PGSTRAND_BUILD" --target "$program" >/dev/null
    "$PGSTRAND_BUILD/$program" "$@"
}
