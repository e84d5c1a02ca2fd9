# session: a psql that is told what to do, line by line, so that a test decides how long a transaction stays open or a lock is held.
# Source it after cluster.bash and pgstrand.bash.
#
#   session_open NAME DB      begins it
#   say NAME SQL              returns when that is done
#   session_close NAME        ends it; what it has not committed is taken back
#   lock_waiters DB           the pids of pgstrand's connections to it that wait for a lock
#   waits_for_lock DB         is there one?

session_open() {
    local file=$HARNESS/session.$1
    rm -f "$file"
    mkfifo "$file"
    "$PSQL" -X -q -A -t -v ON_ERROR_STOP=1 -d "$(conninfo "$2")" -f "$file" >"$file.out" 2>&1 3>&- &
    eval "session_$1=$!"
    eval "exec {said_$1}>'$file'"
}

say() {
    local descriptor=said_$1 mark=done.$RANDOM.$RANDOM
    echo "$2;" >&"${!descriptor}"
    echo "\\echo $mark" >&"${!descriptor}"
    wait_for 20 grep -q "$mark" "$HARNESS/session.$1.out" || complain "$(<"$HARNESS/session.$1.out")"
}

# \q: programs that were started meanwhile have the pipe open, too.
session_close() {
    local pid=session_$1 descriptor=said_$1
    echo '\q' >&"${!descriptor}"
    eval "exec {said_$1}>&-"
    wait "${!pid}"
}

lock_waiters() {
    sql postgres "SELECT pid FROM pg_stat_activity WHERE application_name = 'pgstrand' AND datname = '$1' AND wait_event_type = 'Lock'"
}

waits_for_lock() {
    [ -n "$(lock_waiters "$1")" ]
}
