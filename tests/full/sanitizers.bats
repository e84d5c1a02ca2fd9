# The programs as the sanitizers build them, at their whole work: data races between the agent's threads, and memory that is misused
# or lost. tests/run.sh --full builds them; where they are not built these tests are skipped.

load ../lib/onecluster

setup_file() {
    harness_begin
}

# built PRESET
built() {
    PGSTRAND_BUILD=$PGSTRAND_ROOT/build/$1
    [ -x "$PGSTRAND_BUILD/pgstrand-agent" ] && [ -x "$PGSTRAND_BUILD/pgstrand" ] ||
        skip "not built: cmake --build --preset $1 --target pgstrand pgstrand-agent"
}

# under_asan FILE: the integration tests as they are, with other programs. What a sanitizer finds ends a program with 99.
under_asan() {
    local failed=0
    built asan
    env -i PATH="${PATH#"$BATS_LIBEXEC:"}" HOME="$HOME" TMPDIR="${TMPDIR:-/tmp}" PGSTRAND_TEST_TEMPLATES="${PGSTRAND_TEST_TEMPLATES:-}" \
        PGSTRAND_BUILD="$PGSTRAND_BUILD" BATS_TEST_TIMEOUT=600 \
        ASAN_OPTIONS="detect_leaks=1:exitcode=99:log_path=$BATS_TEST_TMPDIR/asan" UBSAN_OPTIONS="halt_on_error=1:exitcode=99:print_stacktrace=1:log_path=$BATS_TEST_TMPDIR/asan" \
        bats --formatter tap "$CLUSTER_ROOT/tests/integration/$1.bats" >"$BATS_TEST_TMPDIR/tap" 2>&1 3>&- </dev/null || failed=1
    cat "$BATS_TEST_TMPDIR/tap"
    [ -z "$(ls "$BATS_TEST_TMPDIR"/asan.* 2>/dev/null)" ] || complain "$(head -n 60 "$BATS_TEST_TMPDIR"/asan.*)" || return 1
    [ "$failed" -eq 0 ]
}

@test "address and undefined-behaviour sanitizers: capture" { under_asan capture; }
@test "address and undefined-behaviour sanitizers: restore" { under_asan restore; }
@test "address and undefined-behaviour sanitizers: loading" { under_asan loading; }
@test "address and undefined-behaviour sanitizers: ddl" { under_asan ddl; }
@test "address and undefined-behaviour sanitizers: heal" { under_asan heal; }
@test "address and undefined-behaviour sanitizers: init" { under_asan init; }
@test "address and undefined-behaviour sanitizers: badinput" { under_asan badinput; }
@test "address and undefined-behaviour sanitizers: workflow" { under_asan workflow; }
@test "address and undefined-behaviour sanitizers: history" { under_asan history; }
@test "address and undefined-behaviour sanitizers: merge" { under_asan merge; }
@test "address and undefined-behaviour sanitizers: restoremodes" { under_asan restoremodes; }
@test "address and undefined-behaviour sanitizers: schemaver" { under_asan schemaver; }
@test "address and undefined-behaviour sanitizers: rewrites" { under_asan rewrites; }
@test "address and undefined-behaviour sanitizers: retold" { under_asan retold; }
@test "address and undefined-behaviour sanitizers: takeover" { under_asan takeover; }
@test "address and undefined-behaviour sanitizers: types" { under_asan types; }
@test "address and undefined-behaviour sanitizers: twophase" { under_asan twophase; }
@test "address and undefined-behaviour sanitizers: order" { under_asan order; }
@test "address and undefined-behaviour sanitizers: truncbase" { under_asan truncbase; }
@test "address and undefined-behaviour sanitizers: baselocks" { under_asan baselocks; }
@test "address and undefined-behaviour sanitizers: assets" { under_asan assets; }
@test "address and undefined-behaviour sanitizers: export" { under_asan export; }
@test "address and undefined-behaviour sanitizers: business" { under_asan business; }
@test "address and undefined-behaviour sanitizers: differential" { under_asan differential; }

nothing_raced() {
    [ -z "$(ls "$HARNESS"/tsan.* 2>/dev/null)" ] || complain "$(head -n 80 "$HARNESS"/tsan.*)"
}

@test "thread sanitizer: the agent under a load with seals, DDL, a drill, a crash of the server; init and restore with two jobs" {
    built tsan
    export TSAN_OPTIONS="suppressions=$PGSTRAND_ROOT/tests/lib/tsan.supp log_path=$HARNESS/tsan exitcode=0"
    local data=$HARNESS/data load round
    cluster_new one logical_decoding_work_mem=64kB
    database_new shop
    "$PG_BIN/pgbench" -i -q -s 1 "$(conninfo shop)" >/dev/null 2>&1
    sql shop "CREATE TABLE note (id int PRIMARY KEY, n int, t text); INSERT INTO note SELECT g, g, repeat('x', 200) FROM generate_series(1, 12000) g"
    printf '[seal]\ninterval = 3s\n[drill]\ninterval = 5s\n[capture]\nschema_check = 4s\nstatus_interval = 500ms\n[log]\nsegment_bytes = 1 MiB\n' >"$HARNESS/start.conf"
    pgstrand init --yes --quiet --data "$data" --source "$(conninfo shop)" --config "$HARNESS/start.conf" >/dev/null
    agent_start "$data"
    for round in 1 2; do
        "$PG_BIN/pgbench" -n -c 2 -R 200 -T 12 "$(conninfo shop)" >/dev/null 2>&1 3>&- &
        load=$!
        sql shop "INSERT INTO note SELECT g, g, 'streamed' FROM generate_series($round * 100000, $round * 100000 + 9000) g"
        sql shop "BEGIN; INSERT INTO note SELECT g, g, 'gone' FROM generate_series($round * 500000, $round * 500000 + 9000) g; ROLLBACK"
        sql shop "ALTER TABLE note ADD a$round int DEFAULT 3; ALTER TABLE note ALTER n TYPE bigint USING n + 1"
        pgstrand seal --data "$data" --quiet >/dev/null
        pgstrand status --data "$data" >/dev/null || true
        wait_for 60 pgstrand entity --data "$data" note 5 # not before the changed schema is kept
        sql shop "SELECT pg_terminate_backend(pid) FROM pg_stat_replication" >/dev/null
        pgstrand seal --data "$data" --type full --quiet >/dev/null
        wait "$load" || true
        [ "$round" -eq 2 ] || { cluster_crash && cluster_start; }
    done
    pgstrand wait --data "$data" --timeout 120 >/dev/null
    wait_for 60 eval "agent_log '$data' | grep -q 'is proven'"
    agent_stop "$data"
    database_new back
    pgstrand restore --data "$data" --target "$(conninfo back)" --jobs 2 --quiet >/dev/null
    assert_same_tables "$(conninfo shop)" "$(conninfo back)"
    nothing_raced
}

@test "thread sanitizer: restores of a chain with changes: rows read back and summed up, one connection and several, folding that spills" {
    built tsan
    export TSAN_OPTIONS="suppressions=$PGSTRAND_ROOT/tests/lib/tsan.supp log_path=$HARNESS/tsan exitcode=0"
    local data=$HARNESS/chain how
    cluster_new chained
    database_new chained
    sql chained "CREATE TABLE goods (id int PRIMARY KEY, word text); CREATE TABLE sales (id int PRIMARY KEY, goods int REFERENCES goods, n int);
        CREATE TABLE loose (n int, word text); CREATE TABLE parts (id int, day int, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
        CREATE TABLE parts_low PARTITION OF parts FOR VALUES FROM (0) TO (50); CREATE TABLE parts_high PARTITION OF parts FOR VALUES FROM (50) TO (100);
        INSERT INTO goods SELECT g, repeat(md5(g::text), 10) FROM generate_series(1, 30000) g;
        INSERT INTO sales SELECT g, g, 0 FROM generate_series(1, 30000) g; CREATE INDEX ON sales (goods);
        INSERT INTO loose SELECT g % 100, 'w' FROM generate_series(1, 10000) g; INSERT INTO parts SELECT g, g % 100 FROM generate_series(1, 10000) g"
    pgstrand init --yes --quiet --data "$data" --source "$(conninfo chained)" >/dev/null
    agent_start "$data"
    sql chained "UPDATE sales SET n = n + 1; UPDATE goods SET word = repeat(md5(word), 12) WHERE id % 2 = 0; DELETE FROM sales WHERE id % 5 = 0"
    pgstrand seal --data "$data" --quiet >/dev/null
    sql chained "UPDATE sales SET id = id + 100000 WHERE id % 3 = 0; DELETE FROM loose WHERE n < 10; UPDATE parts SET day = 99 - day WHERE id < 3000;
        TRUNCATE loose; INSERT INTO loose SELECT g % 100, 'later' FROM generate_series(1, 5000) g; UPDATE goods SET word = word || 'x'"
    pgstrand wait --data "$data" --timeout 120 >/dev/null
    agent_stop "$data"
    database_new back
    for how in '--jobs 2' '--jobs 2 --read-back' '--jobs 3 --memory 16MiB' '--jobs 1 --read-back --memory 16MiB' '--jobs 1' '--mode replace --read-back'; do
        [ "${how#--mode}" != "$how" ] || database_again back
        # shellcheck disable=SC2086
        pgstrand restore --data "$data" --target "$(conninfo back)" --drop-old --quiet $how
        assert_same_tables "$(conninfo chained)" "$(conninfo back)"
    done
    pgstrand drill --data "$data" --quiet
    nothing_raced
}

@test "thread sanitizer: unit tests of what has threads" {
    built tsan
    TSAN_OPTIONS="suppressions=$PGSTRAND_ROOT/tests/lib/tsan.supp" \
        ctest --test-dir "$PGSTRAND_BUILD" --output-on-failure -j 1 -L threads >"$BATS_TEST_TMPDIR/ctest" 2>&1 || complain "$(tail -n 60 "$BATS_TEST_TMPDIR/ctest")"
    [ "$(sed -n 's/.*tests passed, 0 tests failed out of //p' "$BATS_TEST_TMPDIR/ctest")" -ge 6 ]
}
