# gated: a gate at which a COPY waits, for as long as a test wants: in the middle of it, and without a transaction that has a number, which
# a new slot would wait for. Source it after session.bash; the sessions gate and holder are the test's.
#
#   gate_sql            SQL: type gated, whose column g a tier depends on ("where g = 'in'"), so that its text is asked for row by row
#   gate_close          from here on whoever copies such a table waits at its first row (session gate holds it)
#   gate_open
#   at_gate DB N        do N connections wait there?
#   waits_for_table DB TABLE    does somebody wait for that table's lock?
#   tell NAME SQL       to a session, without waiting until it is done; told NAME: waits for that
#   session_end NAME    closes the session if it is open

gate_sql() {
    echo "CREATE TYPE gated AS ENUM ('in', 'out');
        CREATE FUNCTION pass_gate(gated) RETURNS text LANGUAGE plpgsql AS \$\$ BEGIN
            PERFORM pg_advisory_xact_lock_shared(7);
            RETURN CASE \$1 WHEN 'in' THEN 'in' ELSE 'out' END;
        END \$\$;
        CREATE CAST (gated AS text) WITH FUNCTION pass_gate(gated)"
}

gate_close() {
    say gate 'SELECT pg_advisory_lock(7)'
}

gate_open() {
    say gate 'SELECT pg_advisory_unlock(7)'
}

at_gate() {
    [ "$(sql "$1" "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database WHERE locktype = 'advisory' AND NOT granted AND datname = '$1'")" -ge "$2" ]
}

waits_for_table() {
    [ "$(sql "$1" "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = '$2'::regclass")" -gt 0 ]
}

tell() {
    local descriptor=said_$1 mark=done.$RANDOM.$RANDOM
    echo "$2;" >&"${!descriptor}"
    echo "\\echo $mark" >&"${!descriptor}"
    eval "told_$1=$mark"
}

told() {
    local mark=told_$1
    wait_for 60 grep -q "${!mark}" "$HARNESS/session.$1.out" || complain "$(<"$HARNESS/session.$1.out")"
}

session_end() {
    local descriptor=said_$1
    [ -n "${!descriptor:-}" ] || return 0
    session_close "$1" || true
    eval "said_$1="
}
