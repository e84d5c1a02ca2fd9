# Long operations: their steps are kept, a kill at any of them is gone on from, failures are tried again, cancelled ones leave nothing.

bats_require_minimum_version 1.5.0

load_libs() {
    load ../lib/cluster
    load ../lib/pgstrand
    load ../lib/workflow
    load ../lib/restoreflow
}

setup_file() {
    load_libs
    harness_begin
    cluster_new one
    restoreflow_shop
}

teardown_file() {
    load_libs
    harness_end
}

setup() {
    load_libs
    target=w$BATS_TEST_NUMBER
    database_new "$target"
}

teardown() {
    load_libs
    database_drop "w$BATS_TEST_NUMBER"
}

restore() {
    pgstrand restore --data "$DATA" --target "$(conninfo "$target")" "$@"
}

last() {
    workflow_last "$DATA" "$1"
}

target_has() {
    local got
    got=$(sql "$target" "$1")
    [ "$got" = "$2" ] || complain "$1: got '$got', wanted '$2'"
}

@test "workflows: a restore is kept with its steps, times and dependencies" {
    restore --quiet
    [ "$(last '[.type, .status, .running, .progress == 1, .retries, .error] | @json')" = '["RESTORE","COMPLETED",false,true,0,null]' ]
    [ "$(last '[.steps[].name] | join(" ")')" = 'VALIDATE CHECK_SCHEMA FOLD HOOKS_BEFORE LOAD RECORD HOOKS_AFTER' ]
    [ "$(last '[.steps[] | select(.name == "LOAD") | .after] | @json')" = '[["CHECK_SCHEMA","FOLD","HOOKS_BEFORE"]]' ]
    [ "$(last '[.steps[] | .started != null and .ended != null] | all')" = true ]
    target_has 'SELECT count(*) FROM pgstrand.replay WHERE workflow IS NOT NULL' 1
    local id
    id=$(last .uuid)
    pgstrand workflow list --data "$DATA" | grep -q "$id .*COMPLETED"
    pgstrand workflow show "${id:0:8}" --data "$DATA" | grep -q 'HOOKS_BEFORE *SKIPPED'
    expect_exit 10 'there is no workflow ffff' pgstrand workflow show ffff --data "$DATA"
    expect_exit 2 'did you mean "?resume|resume' pgstrand workflow resum "$id" --data "$DATA"
    expect_exit 10 'has ended already' pgstrand workflow cancel "$id" --data "$DATA"
}

@test "workflows: killed between its steps a restore is gone on from, and ends the same" {
    workflow_sweep 3 1 killed_fresh
    workflow_sweep 4 3 killed_parallel
}

@test "retry: a lost connection is tried again; after the last retry it has failed, with what to do, and can be resumed" {
    restoreflow_prepare replace
    sql "$target" "BEGIN; LOCK TABLE goods; SELECT pg_sleep(30)" >/dev/null 2>&1 3>&- &
    local holder=$! restoring
    wait_for 5 eval "[ \"\$(sql '$target' \"SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation = 'goods'::regclass\")\" = 1 ]"
    lose() {
        wait_for 10 eval "[ -n \"\$(sql postgres \"SELECT pid FROM pg_stat_activity WHERE application_name = 'pgstrand' AND datname = '$target' AND wait_event_type = 'Lock'\")\" ]"
        sql postgres "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pgstrand' AND datname = '$target'" >/dev/null
    }
    restore --mode replace --retries 1 --quiet >/dev/null 2>"$HARNESS/lost" 3>&- &
    restoring=$!
    lose
    sleep 0.3
    lose
    local code=0
    wait "$restoring" || code=$?
    [ "$code" = 13 ] || complain "exit $code: $(<"$HARNESS/lost")"
    [ "$(wc -l <"$HARNESS/lost")" = 1 ]
    [ "$(last '[.status, .retries, .error_class] | @json')" = '["FAILED",1,"network"]' ]
    last .advice | grep -q 'see that the server can be reached, then pgstrand workflow resume'
    [ "$(last '.steps[] | select(.status == "FAILED") | [.status, .retries, .error.class] | @json')" = '["FAILED",1,"network"]' ]
    sql postgres "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(30)%' AND pid <> pg_backend_pid()" >/dev/null
    wait "$holder" || true
    target_has 'SELECT string_agg(name, $$ $$) FROM goods' mine
    pgstrand workflow resume "$(last .uuid)" --data "$DATA" | grep -q 'restored seq'
    [ "$(last .status)" = COMPLETED ]
    assert_same_tables "$(conninfo shop)" "$(conninfo "$target")"
}

@test "workflow cancel from another process: the target is as it was; also of one that was killed" {
    restoreflow_prepare replace
    sql "$target" "BEGIN; LOCK TABLE goods; SELECT pg_sleep(30)" >/dev/null 2>&1 3>&- &
    local holder=$! restoring code=0 id
    wait_for 5 eval "[ \"\$(sql '$target' \"SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation = 'goods'::regclass\")\" = 1 ]"
    restore --mode replace --quiet >/dev/null 2>"$HARNESS/cancelled" 3>&- &
    restoring=$!
    wait_for 10 eval "[ -n \"\$(sql postgres \"SELECT pid FROM pg_stat_activity WHERE application_name = 'pgstrand' AND datname = '$target' AND wait_event_type = 'Lock'\")\" ]"
    [ "$(last .running)" = true ]
    expect_exit 15 'another process is at work on workflow' pgstrand workflow resume "$(last .uuid)" --data "$DATA"
    pgstrand workflow cancel "$(last .uuid)" --data "$DATA" --quiet
    wait "$restoring" || code=$?
    [ "$code" = 130 ] || complain "exit $code: $(<"$HARNESS/cancelled")"
    grep -q 'was cancelled' "$HARNESS/cancelled"
    [ "$(last '[.status, .running] | @json')" = '["CANCELLED",false]' ]
    sql postgres "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(30)%' AND pid <> pg_backend_pid()" >/dev/null
    wait "$holder" || true
    target_has 'SELECT string_agg(name, $$ $$) FROM goods' mine
    # Killed while the new database is filled: it goes with the workflow.
    restoreflow_prepare fresh
    database_new "${target}_pgstrand_new"
    sql postgres "COMMENT ON DATABASE \"${target}_pgstrand_new\" IS 'pgstrand: a restore in progress'"
    workflow_killed kill:6:catalog.mdb restore --data "$DATA" --target "$(conninfo "$target")" --jobs 2
    id=$(workflow_open "$DATA")
    pgstrand workflow list --data "$DATA" | grep -q "$id .*interrupted"
    pgstrand workflow cancel "$id" --data "$DATA" --quiet
    [ "$(sql postgres "SELECT count(*) FROM pg_database WHERE datname LIKE '%pgstrand%'")" = 0 ]
    [ "$(tables_of "$target")" = 0 ]
    [ "$(last .status)" = CANCELLED ]
}

@test "rollback: the store's disk is full in the middle: nothing changed, and it can be resumed" {
    PGSTRAND_IO_FAULT=full:5:catalog.mdb restore --quiet --retries 0 >/dev/null 2>"$HARNESS/full" && complain 'not full'
    [ "$(tables_of "$target")" = 0 ]
    grep -q 'No space left' "$HARNESS/full"
    local id
    id=$(workflow_open "$DATA")
    pgstrand workflow resume "$id" --data "$DATA" --quiet
    assert_same_tables "$(conninfo shop)" "$(conninfo "$target")"
}
