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
    untraced
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

@test "jq -e does not take nothing for an answer" {
    echo '{"a": 1}' | jq -e '.a == 1'
    echo '{"a": 1}' | jq -es --arg b 1 --argjson c 1 'map(.a) == [$c] and $b == "1"'
    printf '{"a": 1}\n{"a": 2}' | jq -s -e 'def two: 2; length == two'
    refute eval 'false | jq -e .'
    refute eval "false | jq -s -e 'all(.a == 1)'"
    refute eval "false | jq --arg b 1 -se 'length == 0'"
    # Long options, options behind the filter, options that take files.
    refute eval "false | jq --slurp --exit-status 'all(.a == 1)'"
    refute eval "false | jq 'all(.a == 1)' -e --slurp"
    printf '[1]' >"$HARNESS/one.json"
    refute eval "false | jq --slurpfile b '$HARNESS/one.json' -es 'all(.a == 1)'"
    echo '{"a": 1}' | jq --slurpfile b "$HARNESS/one.json" --exit-status --slurp 'all(.a == $b[0][0])'
    echo 'all(.a == 1)' >"$HARNESS/filter.jq"
    refute eval "false | jq -es -f '$HARNESS/filter.jq' 2>/dev/null"
    echo '[{"a": 1}]' | jq -ef "$HARNESS/filter.jq"
    [ "$(: | jq -s length)" = 0 ]
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

# A tree with run.sh and stand-ins for the compiler, ctest and a fuzz target; prints the last line of a run in it.
small_run() {
    (cd "$tree" && env -i PATH="$tree/bin:$PATH" HOME="$HOME" TMPDIR="$BATS_TEST_TMPDIR" \
        ./tests/run.sh --no-install --fuzz-seconds 1 >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- </dev/null) || true
    tail -n 1 "$BATS_TEST_TMPDIR/out"
}

@test "tests/run.sh is red when a part of it gave no result" {
    tree=$BATS_TEST_TMPDIR/tree
    mkdir -p "$tree"/{bin,deploy,tests/{lib,unit,fuzz,integration,full},build/asan/fuzz}
    cp "$PGSTRAND_ROOT/tests/run.sh" "$tree/tests/"
    cp "$PGSTRAND_ROOT/tests/lib/report.bash" "$tree/tests/lib/"
    echo 'pgstrand_test(one_test one_test.c) pgstrand_test(two_test two_test.c)' >"$tree/tests/unit/CMakeLists.txt"
    cp "$tree/tests/unit/CMakeLists.txt" "$BATS_TEST_TMPDIR/units"
    echo 'pgstrand_fuzzer(some_fuzz some_fuzz.c)' >"$tree/tests/fuzz/CMakeLists.txt"
    echo '@test "fine" { true; }' >"$tree/tests/integration/fine.bats"
    printf '#!/bin/sh\nprintf "1..1\\nok 1 fine in 1ms\\n"\n' >"$tree/bin/bats"
    for name in deploy/check-{floors,readmes,format}.sh bin/cmake build/asan/fuzz/some_fuzz; do
        printf '#!/bin/sh\nexit 0\n' >"$tree/$name"
    done
    for name in one two; do
        echo "echo '    Start 1: ${name}_test'; echo '$name: [       OK ] case'; echo '1/2 Test #$name: ${name}_test ..... Passed 0.1 sec'"
    done | sed 's/one: /1: /; s/#one/#1/; s/two: /2: /; s/#two/#2/' >"$BATS_TEST_TMPDIR/said"
    sed '1i #!/bin/sh' "$BATS_TEST_TMPDIR/said" >"$tree/bin/ctest"
    chmod -R +x "$tree"
    [ "$(small_run)" = '9 passed, 0 failed, 0 skipped' ] || complain "$(<"$BATS_TEST_TMPDIR/out")"
    # ctest left one out; failed and said nothing of it; was not there
    sed '1i #!/bin/sh' "$BATS_TEST_TMPDIR/said" | grep -v two >"$tree/bin/ctest"
    [ "$(small_run)" = '8 passed, 1 failed, 0 skipped' ] || complain "$(<"$BATS_TEST_TMPDIR/out")"
    grep -q 'two_test (gave no result)' "$BATS_TEST_TMPDIR/out"
    { sed '1i #!/bin/sh' "$BATS_TEST_TMPDIR/said" && echo 'exit 8'; } >"$tree/bin/ctest"
    [ "$(small_run)" = '9 passed, 1 failed, 0 skipped' ] || complain "$(<"$BATS_TEST_TMPDIR/out")"
    # a process killed before it could say how it ended
    printf '#!/bin/sh\nkill -9 $PPID\n' >"$tree/bin/ctest"
    chmod +x "$tree/bin/ctest"
    small_run | grep -q ' [1-9][0-9]* failed' || complain "$(<"$BATS_TEST_TMPDIR/out")"
    grep -q 'what runs beside the integration tests' "$BATS_TEST_TMPDIR/out"
    # no names at all
    sed '1i #!/bin/sh' "$BATS_TEST_TMPDIR/said" >"$tree/bin/ctest"
    : >"$tree/tests/unit/CMakeLists.txt"
    small_run | grep -q ' [1-9][0-9]* failed' || complain "$(<"$BATS_TEST_TMPDIR/out")"
    grep -q 'unit tests (none were found)' "$BATS_TEST_TMPDIR/out"
    # a bats file whose runner was killed, a fuzz target that is not there
    cp "$BATS_TEST_TMPDIR/units" "$tree/tests/unit/CMakeLists.txt"
    printf '#!/bin/sh\nkill -9 $(ps -o ppid= $PPID)\n' >"$tree/bin/bats"
    rm "$tree/build/asan/fuzz/some_fuzz"
    [ "$(small_run)" = '7 passed, 2 failed, 0 skipped' ] || complain "$(<"$BATS_TEST_TMPDIR/out")"
    grep -q 'fine.bats (gave no result)' "$BATS_TEST_TMPDIR/out"
}
