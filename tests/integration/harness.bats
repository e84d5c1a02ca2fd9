# The harness itself: what the other integration tests rely on, and that its comparisons can fail.

setup_file() {
    load ../lib/cluster
    load ../lib/pgstrand
    harness_begin
    cluster_new one
}

teardown_file() {
    load ../lib/cluster
    harness_end
}

setup() {
    load ../lib/cluster
    load ../lib/pgstrand
}

@test "a cluster decodes logically, over the socket and over loopback" {
    [ "$(sql postgres 'SHOW wal_level')" = logical ]
    [ "$("$PSQL" -XAt -d "$(conninfo_tcp postgres)" -c 'SELECT 1')" = 1 ]
}

@test "a crash loses nothing that was committed" {
    sql postgres 'CREATE TABLE kept (n int); INSERT INTO kept SELECT generate_series(1, 1000)'
    before=$(conninfo postgres)
    cluster_crash
    refute sql postgres 'SELECT 1'
    cluster_start
    [ "$(conninfo postgres)" = "$before" ]
    [ "$(sql postgres 'SELECT count(*) FROM kept')" = 1000 ]
}

@test "two clusters stand side by side" {
    cluster_new two wal_level=replica
    [ "$(sql postgres 'SHOW wal_level')" = replica ]
    [ "$(on one sql postgres 'SHOW wal_level')" = logical ]
    cluster_remove two
    [ ! -e "$HARNESS/clusters/two" ]
}

two_databases() {
    local db
    for db in left right; do
        database_drop $db
        database_new $db
        sql $db 'CREATE TABLE "Till" (id int PRIMARY KEY, "openedBy" text); CREATE TABLE plain (x numeric)'
        sql $db "INSERT INTO plain VALUES (1.50), (NULL)"
    done
    # The same rows, stored in another order.
    sql left "INSERT INTO \"Till\" VALUES (1, E'Ann\\tB'), (2, NULL), (3, '')"
    sql right "INSERT INTO \"Till\" VALUES (3, ''), (2, NULL), (1, E'Ann\\tB')"
}

@test "equal tables compare equal in any order of rows" {
    two_databases
    assert_same_tables "$(conninfo left)" "$(conninfo right)"
    assert_same_schema "$(conninfo left)" "$(conninfo right)"
}

@test "a changed value, a missing row, a doubled row and a missing table are each seen" {
    two_databases
    sql right "UPDATE \"Till\" SET \"openedBy\" = '' WHERE id = 2"
    refute assert_same_tables "$(conninfo left)" "$(conninfo right)"
    assert_same_tables "$(conninfo left)" "$(conninfo right)" public.plain
    sql right "UPDATE \"Till\" SET \"openedBy\" = NULL WHERE id = 2"
    assert_same_tables "$(conninfo left)" "$(conninfo right)"
    sql right 'DELETE FROM "Till" WHERE id = 3'
    refute assert_same_tables "$(conninfo left)" "$(conninfo right)"
    sql left 'DELETE FROM "Till" WHERE id = 3'
    sql right 'INSERT INTO plain VALUES (NULL)'
    refute assert_same_tables "$(conninfo left)" "$(conninfo right)"
    sql left 'INSERT INTO plain VALUES (NULL)'
    assert_same_tables "$(conninfo left)" "$(conninfo right)"
    sql right 'DROP TABLE plain'
    refute assert_same_tables "$(conninfo left)" "$(conninfo right)"
    refute assert_same_schema "$(conninfo left)" "$(conninfo right)"
}

@test "expect_exit wants the code, one line, and the pattern" {
    expect_exit 3 'no such shop' sh -c 'echo no such shop >&2; exit 3'
    refute expect_exit 4 'no such shop' sh -c 'echo no such shop >&2; exit 3'
    refute expect_exit 3 'no such till' sh -c 'echo no such shop >&2; exit 3'
    refute expect_exit 3 'no such shop' sh -c 'echo no such shop >&2; echo more >&2; exit 3'
    refute expect_exit 3 '' sh -c 'exit 3'
}

# In a shell of its own, as strict as bats: an agent that is dead already, a cluster that is down.
@test "the end removes everything, whatever state it is in" {
    run bash -euo pipefail -c "
        source '$PGSTRAND_ROOT/tests/lib/cluster.bash'
        harness_begin
        echo \"\$HARNESS\"
        cluster_new up
        cluster_new down
        cluster_crash
        echo 999999 >\"\$HARNESS/agents/dead.pid\"
        harness_end"
    echo "$output"
    [ "$status" -eq 0 ]
    [ ! -e "${lines[0]}" ]
    refute pgrep -f "${lines[0]}"
}
