# Long operations: their steps are kept, a kill at any of them is gone on from, failures are tried again, cancelled ones leave nothing.

bats_require_minimum_version 1.5.0

load ../lib/restoreflow

setup() {
    untraced
    target=w$BATS_TEST_NUMBER
    database_new "$target"
}

teardown() {
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

# killed_where CHECK N ARGS...: killed at the N-th write of the catalogue, or at the first one behind it where CHECK holds: how far a step
# is goes there each second, so that on a slow machine the N-th is an earlier one.
killed_where() {
    local check=$1 n
    for ((n = $2; n < $2 + 5; n++)); do
        workflow_killed "kill:$n:catalog.mdb" "${@:3}" --data "$DATA" || return 1
        ! "$check" || return 0
        pgstrand workflow cancel "$(workflow_open "$DATA")" --data "$DATA" --quiet || return 1
    done
    complain "$check: never, killed at writes $2 to $n"
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
    workflow_sweep 5 $((RANDOM % 5 + 1)) killed_fresh
    workflow_sweep 6 $((RANDOM % 6 + 1)) killed_parallel
}

@test "workflows: into a newer schema it is a MIGRATION; killed between its steps it is gone on from" {
    workflow_sweep 3 3 killed_migration
    [ "$(last '[.type, .status] | @json')" = '["MIGRATION","COMPLETED"]' ]
    pgstrand workflow list --data "$DATA" | grep -q "$(last .uuid) .*MIGRATION"
    # Cancelled, it leaves the newer schema and its row alone.
    restoreflow_prepare replace
    sql "$target" "ALTER TABLE goods ADD COLUMN shelf text DEFAULT 'new'"
    workflow_killed kill:5:catalog.mdb restore --data "$DATA" --target "$(conninfo "$target")" --mode replace
    pgstrand workflow cancel "$(workflow_open "$DATA")" --data "$DATA" --quiet
    [ "$(last '[.type, .status] | @json')" = '["MIGRATION","CANCELLED"]' ]
    target_has 'SELECT id, name, shelf FROM goods' '7|mine|new'
}

# kind_of TYPE ARGS...: killed in its work it is listed and shown; cancelled and, after another kill, resumed.
kind_of() {
    local type=$1 action id
    shift
    for action in cancel resume; do
        workflow_killed kill:4:catalog.mdb "$@" --data "$DATA"
        id=$(workflow_open "$DATA")
        pgstrand workflow list --data "$DATA" | grep -q "$id .*$type .*interrupted" || complain "$* is not listed" || return 1
        pgstrand workflow show "$id" --data "$DATA" | grep -q '^status *interrupted' || complain "$* is not shown" || return 1
        pgstrand workflow "$action" "$id" --data "$DATA" --quiet || return 1
        [ "$action $(last .status)" = 'cancel CANCELLED' ] || [ "$action $(last .status)" = 'resume COMPLETED' ] ||
            complain "$* $action: $(last .status)" || return 1
    done
}

@test "workflows: each kind is listed, shown, cancelled and resumed (init: init.bats; MIGRATION: above)" {
    agent_start "$DATA"
    restoreflow_prepare merge
    kind_of REPLAY restore --mode merge --target "$(conninfo "$target")"
    target_has 'SELECT count(*) FROM goods' 300
    kind_of RESTORE drill
    [ "$(sql postgres "SELECT count(*) FROM pg_database WHERE datname LIKE 'pgstrand_drill%'")" = 0 ]
    kind_of BACKUP seal --type full
    [ "$(pgstrand snapshots --data "$DATA" --json | jq '[.[] | select(.type == "full")] | length')" = 2 ]
    agent_stop "$DATA"
}

@test "retry: a lost connection is tried again; after the last retry it has failed, with what to do, and can be resumed" {
    restoreflow_prepare replace
    local restoring lost
    session_open holder "$target"
    say holder 'BEGIN; LOCK TABLE goods'
    # not the one that was ended before and is still listed
    another_waits() {
        local now
        now=$(lock_waiters "$target")
        [ -n "$now" ] && [ "$now" != "${lost:-}" ]
    }
    lose() {
        wait_for 20 another_waits
        lost=$(lock_waiters "$target")
        sql postgres "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pgstrand' AND datname = '$target'" >/dev/null
    }
    restore --mode replace --retries 1 --quiet >/dev/null 2>"$HARNESS/lost" 3>&- &
    restoring=$!
    lose
    lose
    local code=0
    wait "$restoring" || code=$?
    [ "$code" = 13 ] || complain "exit $code: $(<"$HARNESS/lost")"
    [ "$(wc -l <"$HARNESS/lost")" = 1 ]
    [ "$(last '[.status, .retries, .error_class] | @json')" = '["FAILED",1,"network"]' ]
    last .advice | grep -q 'see that the server can be reached, then pgstrand workflow resume'
    [ "$(last '.steps[] | select(.status == "FAILED") | [.status, .retries, .error.class] | @json')" = '["FAILED",1,"network"]' ]
    session_close holder
    target_has 'SELECT string_agg(name, $$ $$) FROM goods' mine
    pgstrand workflow resume "$(last .uuid)" --data "$DATA" | grep -q 'restored seq'
    [ "$(last .status)" = COMPLETED ]
    assert_same_tables "$(conninfo shop)" "$(conninfo "$target")"
}

@test "workflow cancel from another process: the target is as it was; also of one that was killed" {
    restoreflow_prepare replace
    local restoring code=0 id
    session_open holder "$target"
    say holder 'BEGIN; LOCK TABLE goods'
    restore --mode replace --quiet >/dev/null 2>"$HARNESS/cancelled" 3>&- &
    restoring=$!
    wait_for 20 waits_for_lock "$target"
    [ "$(last .running)" = true ]
    expect_exit 15 'another process is at work on workflow' pgstrand workflow resume "$(last .uuid)" --data "$DATA"
    pgstrand workflow cancel "$(last .uuid)" --data "$DATA" --quiet
    wait "$restoring" || code=$?
    [ "$code" = 130 ] || complain "exit $code: $(<"$HARNESS/cancelled")"
    grep -q 'was cancelled' "$HARNESS/cancelled"
    [ "$(last '[.status, .running] | @json')" = '["CANCELLED",false]' ]
    session_close holder
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
    PGSTRAND_IO_FAULT=full:5:catalog.mdb expect_exit 12 'No space left' restore --quiet --retries 0
    [ "$(tables_of "$target")" = 0 ]
    local id
    id=$(workflow_open "$DATA")
    pgstrand workflow resume "$id" --data "$DATA" --quiet
    assert_same_tables "$(conninfo shop)" "$(conninfo "$target")"
}
@test "interruption: a seal that was killed when its snapshot was there is completed by the same command, which makes no second one" {
    local type before n id
    agent_start "$DATA"
    sealed() {
        pgstrand snapshots --data "$DATA" --json | jq "[.[$before:][] | select(.type == \"$1\")] | $2"
    }
    for type in full differential incremental; do
        before=$(pgstrand snapshots --data "$DATA" --json | jq length)
        for ((n = 3; n < 9; n += 3)); do # to the rename that makes it exist, and not a write further; a FULL has an INCREMENTAL before it
            sql shop "UPDATE goods SET price = price + 1 WHERE id = 2"
            PGSTRAND_IO_FAULT=killafter:$n:.commit pgstrand seal --data "$DATA" --type $type --name "at $type" --quiet >/dev/null 2>&1 || true
            [ "$(sealed $type length)" = 0 ] || break
        done
        [ "$(sealed $type length)" = 1 ]
        [ "$(last '[.status, .step] | @json')" = '["IN_PROGRESS","CREATE_SNAPSHOT"]' ]
        id=$(workflow_open "$DATA")
        sql shop "UPDATE goods SET price = price + 1 WHERE id = 3"
        pgstrand seal --data "$DATA" --type $type --name "at $type" --json >"$HARNESS/sealed" 2>"$HARNESS/said"
        grep -q 'was interrupted when its snapshot was there: it is complete now' "$HARNESS/said"
        [ -z "$(workflow_open "$DATA")" ]
        # What came since is sealed, too: a FULL is not made for it.
        pgstrand seal --data "$DATA" | grep -q 'nothing new'
        [ "$type" != full ] || [ "$(sealed full length)" = 1 ]
        [ "$type" != full ] || [ "$(sealed full '.[0].uuid')" = "$(jq .uuid "$HARNESS/sealed")" ]
        [ "$(pgstrand workflow show "$id" --data "$DATA" --json | jq -r .status)" = COMPLETED ]
    done
    # Under another name it is another one.
    before=$(pgstrand snapshots --data "$DATA" --json | jq length)
    sql shop "UPDATE goods SET price = price + 1 WHERE id = 4"
    pgstrand seal --data "$DATA" --type full --name other --quiet >/dev/null
    [ "$(sealed full length)" = 1 ]
    pgstrand verify --data "$DATA" >/dev/null
    agent_stop "$DATA"
}

@test "interruption: the agent goes on with what was killed when it starts" {
    workflow_killed kill:5:catalog.mdb restore --data "$DATA" --target "$(conninfo "$target")"
    workflow_killed kill:4:catalog.mdb seal --no-wait --data "$DATA"
    [ "$(workflow_open "$DATA" | wc -l)" = 2 ]
    agent_start "$DATA"
    wait_for 20 eval '[ -z "$(workflow_open "$DATA")" ]'
    [ "$(pgstrand workflow list --data "$DATA" --json | jq -c '[.[-2:][] | [.type, .status]]')" = '[["RESTORE","COMPLETED"],["BACKUP","COMPLETED"]]' ]
    agent_stop "$DATA"
    assert_same_tables "$(conninfo shop)" "$(conninfo "$target")"
    agent_log "$DATA" | grep -q 'going on with workflow'
}

scratch_databases() {
    sql postgres "SELECT count(*) FROM pg_database WHERE datname LIKE 'pgstrand_drill%'"
}

@test "drill: restored into a scratch database, compared, dropped, recorded; status shows it and warns when it is old" {
    pgstrand drill --data "$DATA" --json 2>/dev/null >"$HARNESS/drill"
    jq -e '.same_device and (.tables | length == 2) and (.tables | all(.proven and .rows > 0))' "$HARNESS/drill"
    [ "$(scratch_databases)" = 0 ]
    local seq
    seq=$(jq .seq "$HARNESS/drill")
    pgstrand status --data "$DATA" --json >"$HARNESS/status" || true
    jq -e --argjson seq "$seq" '.proven_seq == $seq and (.problems | any(test("proven")) | not)' "$HARNESS/status"
    [ "$(last '[.name, .type, .status] | @json')" = '["drill","RESTORE","COMPLETED"]' ]
    sed -i 's/^warn_after = .*/warn_after = 1s/' "$DATA/pgstrand.conf"
    sleep 1.2
    pgstrand status --data "$DATA" --json >"$HARNESS/status" || true
    sed -i 's/^warn_after = .*/warn_after = 35d/' "$DATA/pgstrand.conf"
    jq -e '.problems | any(test("the last proven restore is .* old: run pgstrand drill"))' "$HARNESS/status"
}

@test "drill: killed, damaged, not due" {
    one_scratch() {
        [ "$(scratch_databases)" = 1 ]
    }
    killed_where one_scratch 5 drill
    pgstrand workflow cancel "$(workflow_open "$DATA")" --data "$DATA" --quiet
    [ "$(scratch_databases)" = 0 ]
    workflow_killed kill:5:catalog.mdb drill --data "$DATA"
    pgstrand drill --data "$DATA" --quiet
    [ "$(scratch_databases)" = 0 ]
    [ -z "$(workflow_open "$DATA")" ]
    pgstrand drill --if-due --data "$DATA" 2>&1 | grep -q 'no drill is due'
    cp -a "$DATA" "$HARNESS/hurt"
    local file
    # What came behind the last FULL may be taken from the log, and its schema and configuration lie behind its rows.
    file=$(find "$HARNESS/hurt/snapshots" -name "*$(pgstrand snapshots --data "$DATA" --json | jq -r '[.[] | select(.type == "full")][-1].uuid')*.snap")
    printf 'x' | dd of="$file" bs=1 seek=$(($(stat -c %s "$file") / 8)) conv=notrunc status=none
    expect_exit 12 . pgstrand drill --data "$HARNESS/hurt" --quiet
    [ "$(scratch_databases)" = 0 ]
    pgstrand status --data "$HARNESS/hurt" --json >"$HARNESS/status" || true
    jq -e '.problems | any(test("the last drill failed: "))' "$HARNESS/status"
}

@test "drill: by the agent, as often as drill.interval says, within its limit" {
    sed -i 's/^interval = 0/interval = 1s/; s/^most_bytes = .*/most_bytes = 1KiB/' "$DATA/pgstrand.conf"
    agent_start "$DATA"
    wait_for 20 eval 'agent_log "$DATA" | grep -q "no drill by itself: the snapshots have"'
    agent_stop "$DATA"
    sed -i 's/^most_bytes = .*/most_bytes = 0/' "$DATA/pgstrand.conf"
    agent_start "$DATA"
    wait_for 20 eval 'agent_log "$DATA" | grep -q "drill: seq [0-9]* is proven, 2 tables"'
    agent_stop "$DATA"
    sed -i 's/^interval = 1s/interval = 0/' "$DATA/pgstrand.conf"
    [ "$(scratch_databases)" = 0 ]
}

# hook FILE TEXT
hook() {
    cat >"$HARNESS/hooks/$1"
    chmod +x "$HARNESS/hooks/$1"
}

@test "hooks: before, in and after, with the facts; a failing one before means nothing happens" {
    mkdir -p "$HARNESS/hooks" "$HARNESS/hooked"
    hook before.sh <<'EOF'
#!/bin/sh
echo "before $PGSTRAND_MODE $PGSTRAND_SAME_DEVICE $PGSTRAND_SEQ $PGSTRAND_NODE '$1'" >>"$HOOKS_SAID"
EOF
    hook after.sh <<'EOF'
#!/bin/sh
echo "after $PGSTRAND_RESULT $PGSTRAND_SAME_DEVICE" >>"$HOOKS_SAID"
EOF
    hook same.sql <<'EOF'
CREATE TABLE public.hooked AS SELECT current_setting('pgstrand.node') AS node, current_setting('pgstrand.hook') AS hook;
EOF
    hook other.sql </dev/null
    export HOOKS_SAID=$HARNESS/hooks.said
    cp "$DATA/pgstrand.conf" "$HARNESS/hooks/hooks.conf"
    sed -i "s#^before_command =.*#before_command = $HARNESS/hooks/before.sh \$(date)#; s#^after_command =.*#after_command = $HARNESS/hooks/after.sh#
        s#^same_sql =.*#same_sql = same.sql#" "$HARNESS/hooks/hooks.conf"
    local node
    node=$(pgstrand identity --data "$DATA" --json | jq -r .node)
    restore --config "$HARNESS/hooks/hooks.conf" --quiet --jobs 2
    [ "$(cat "$HOOKS_SAID")" = "before fresh yes $(last '.steps | length | tostring' >/dev/null; sql "$target" 'SELECT seq FROM pgstrand.replay') $node '\$(date)'
after restored yes" ]
    target_has 'SELECT node, hook FROM hooked' "$node|same"
    [ "$(last '[.steps[] | select(.name | test("HOOKS")) | .status] | @json')" = '["COMPLETED","COMPLETED"]' ]
    # SQL that fails inside takes everything back, and what was paused is resumed.
    rm "$HOOKS_SAID"
    restoreflow_prepare fresh
    echo 'SELECT 1; SELECT 1 / 0' >"$HARNESS/hooks/same.sql"
    expect_exit 11 'same.sql, statement 2: .*division by zero' restore --config "$HARNESS/hooks/hooks.conf" --quiet
    [ "$(tables_of "$target")" = 0 ]
    grep -q 'after failed' "$HOOKS_SAID"
    echo 'COMMIT; SELECT 1' >"$HARNESS/hooks/same.sql"
    expect_exit 10 'COMMIT cannot stand in it' restore --config "$HARNESS/hooks/hooks.conf" --quiet
    # Before: nothing happens, nothing is resumed.
    rm "$HOOKS_SAID"
    printf '#!/bin/sh\necho no sync to pause >&2; exit 3' >"$HARNESS/hooks/before.sh"
    expect_exit 11 'hook: before.sh failed: no sync to pause' restore --config "$HARNESS/hooks/hooks.conf" --quiet
    [ "$(tables_of "$target")" = 0 ]
    [ ! -e "$HOOKS_SAID" ]
    printf '#!/bin/sh\nsleep 60 & sleep 60' >"$HARNESS/hooks/before.sh"
    sed -i 's/^timeout = .*/timeout = 1s/' "$HARNESS/hooks/hooks.conf"
    expect_exit 14 'before.sh did not end within 1 s' restore --config "$HARNESS/hooks/hooks.conf" --quiet --retries 0
    refute pgrep -f "$HARNESS/hooks/before.sh"
    rm "$HARNESS/hooks/before.sh"
    expect_exit 12 'cannot start .*before.sh' restore --config "$HARNESS/hooks/hooks.conf" --quiet
    # After: restored, but to be resumed until it went well.
    printf '#!/bin/sh\nexit 0' >"$HARNESS/hooks/before.sh"
    chmod +x "$HARNESS/hooks/before.sh"
    : >"$HARNESS/hooks/same.sql"
    printf '#!/bin/sh\nexit 1' >"$HARNESS/hooks/after.sh"
    expect_exit 11 'restored, but afterwards: hook: after.sh failed' restore --config "$HARNESS/hooks/hooks.conf" --quiet
    target_has 'SELECT count(*) FROM goods' 300
    sql "$target" 'DELETE FROM goods WHERE id > 299 AND id NOT IN (SELECT goods FROM sales)'
    printf '#!/bin/sh\nexit 0' >"$HARNESS/hooks/after.sh"
    pgstrand workflow resume "$(last .uuid)" --data "$DATA" --config "$HARNESS/hooks/hooks.conf" --quiet
    [ "$(last .status)" = COMPLETED ]
}

@test "hooks: what SQL before the restore has paused is resumed when the program behind it fails" {
    mkdir -p "$HARNESS/hooks"
    restoreflow_prepare replace
    sql "$target" "CREATE SCHEMA shop; CREATE TABLE shop.sync (state text); INSERT INTO shop.sync VALUES ('on')"
    hook pause.sql <<<"UPDATE shop.sync SET state = 'paused'"
    hook resume.sql <<<"UPDATE shop.sync SET state = state || ' resumed ' || current_setting('pgstrand.result')"
    hook refuses.sh <<<$'#!/bin/sh\nexit 1'
    sed "s#^before_sql =.*#before_sql = pause.sql#; s#^after_sql =.*#after_sql = resume.sql#
        s#^before_command =.*#before_command = $HARNESS/hooks/refuses.sh#" "$DATA/pgstrand.conf" >"$HARNESS/hooks/pause.conf"
    expect_exit 11 'hook: refuses.sh failed' restore --mode replace --config "$HARNESS/hooks/pause.conf" --quiet
    target_has 'SELECT state FROM shop.sync' 'paused resumed failed'
    # SQL that fails has paused nothing.
    hook pause.sql <<<"UPDATE shop.sync SET state = 'on'; SELECT 1 / 0"
    expect_exit 11 'pause.sql, statement 2' restore --mode replace --config "$HARNESS/hooks/pause.conf" --quiet
    target_has 'SELECT state FROM shop.sync' 'paused resumed failed'
}

@test "backup-steps: sealing is a workflow; killed at its steps it goes on, and the chain is whole" {
    agent_start "$DATA"
    workflow_sweep 4 1 killed_full
    [ "$(last '[.type, .status, .name] | @json')" = '["BACKUP","COMPLETED","seal full"]' ]
    [ "$(last '[.steps[].name] | join(" ")')" = 'VALIDATE_PARENT CREATE_SNAPSHOT VALIDATE_SNAPSHOT' ]
    agent_stop "$DATA"
}

@test "backup-steps: the agent's seals are workflows; what was killed goes on when it starts, what fails is tried again" {
    seals() {
        pgstrand workflow list --data "$DATA" --json | jq -c "[.[] | select(.name | test(\"by schedule\")) | $1]"
    }
    sed -i 's/^interval = 1h/interval = 1s/' "$DATA/pgstrand.conf"
    agent_start "$DATA"
    sql shop "UPDATE goods SET price = price + 1 WHERE id = 2"
    wait_for 20 eval '[ "$(seals "[.type, .status, .name]" | jq -c ".[-1]")" = "[\"BACKUP\",\"COMPLETED\",\"seal incremental by schedule\"]" ]'
    agent_stop "$DATA"
    # Killed while it publishes.
    PGSTRAND_IO_FAULT=kill:1:.commit agent_start "$DATA"
    sql shop "UPDATE goods SET price = price + 1 WHERE id = 2"
    agent_exit_code "$DATA" >/dev/null
    local id
    id=$(workflow_open "$DATA")
    agent_start "$DATA"
    wait_for 20 eval '[ "$(pgstrand workflow show "$id" --data "$DATA" --json | jq -r .status)" = COMPLETED ]'
    agent_stop "$DATA"
    # A disk that is full: it waits for the schedule with its error, and the next agent goes on with the same one.
    PGSTRAND_IO_FAULT=full:1:.snap agent_start "$DATA"
    sql shop "UPDATE goods SET price = price + 1 WHERE id = 2"
    wait_for 20 eval '[ "$(last "[.status, .retries > 0, .steps[1].error.class] | @json")" = "[\"PENDING\",true,\"storage\"]" ]'
    id=$(last .uuid)
    agent_kill9 "$DATA"
    agent_start "$DATA"
    wait_for 20 eval '[ "$(pgstrand workflow show "$id" --data "$DATA" --json | jq -r .status)" = COMPLETED ]'
    agent_stop "$DATA"
    sed -i 's/^interval = 1s/interval = 1h/' "$DATA/pgstrand.conf"
    pgstrand verify --data "$DATA" >/dev/null
}

@test "quarantine: workflow resume tries the rows again that --on-error skip left out, and counts" {
    restoreflow_prepare replace
    sql "$target" 'ALTER TABLE goods ADD CONSTRAINT cheap CHECK (id < 299)'
    sql "$target" 'ALTER TABLE sales DROP CONSTRAINT sales_goods_fkey'
    restore --mode replace --on-error skip --quiet 2>/dev/null
    target_has 'SELECT count(*) FROM goods' 298
    [ "$(last '[.status, .left_out] | @json')" = '["COMPLETED",2]' ]
    local id
    id=$(last .uuid)
    sql "$target" 'ALTER TABLE goods DROP CONSTRAINT cheap, ADD CONSTRAINT cheaper CHECK (id < 300)'
    pgstrand workflow resume "$id" --data "$DATA" 2>&1 | grep -q '1 of the rows that were left out are in the target now, 1 are not'
    target_has 'SELECT count(*), max(id) FROM goods' '299|299'
    pgstrand log --failed --data "$DATA" --json | jq -se 'map([.retries, (.error | test("cheaper"))]) == [[1, true]]'
    sql "$target" 'ALTER TABLE goods DROP CONSTRAINT cheaper'
    pgstrand workflow resume "$id" --data "$DATA" --quiet
    target_has 'SELECT count(*) FROM goods' 300
    [ "$(pgstrand workflow show "$id" --data "$DATA" --json | jq .left_out)" = 0 ]
    [ -z "$(pgstrand log --failed --data "$DATA")" ]
}

@test "interruption: the same command typed again is a new restore, of what is the latest now" {
    local first
    agent_start "$DATA"
    folded() {
        [ "$(last '.steps[] | select(.name == "FOLD") | .status')" = COMPLETED ]
    }
    killed_where folded 6 restore --target "$(conninfo "$target")"
    first=$(workflow_open "$DATA")
    sql shop "UPDATE goods SET name = 'later' WHERE id = 1"
    pgstrand wait --data "$DATA" --timeout 60 >/dev/null
    restore >/dev/null 2>"$HARNESS/again"
    grep -q "workflow $first, which was interrupted, is cancelled: this one begins anew" "$HARNESS/again"
    target_has 'SELECT name FROM goods WHERE id = 1' later
    [ "$(pgstrand workflow show "$first" --data "$DATA" --json | jq -r .status)" = CANCELLED ]
    [ "$(last .status)" = COMPLETED ]
    # Killed when its rows were there, and the record does not know it.
    restoreflow_prepare replace
    rows_there() {
        [ "$(sql "$target" 'SELECT count(*) FROM goods')" = 300 ]
    }
    killed_where rows_there 7 restore --target "$(conninfo "$target")" --mode replace
    first=$(workflow_open "$DATA")
    sql shop "UPDATE goods SET name = 'latest' WHERE id = 1"
    pgstrand wait --data "$DATA" --timeout 60 >/dev/null
    restore --mode replace >/dev/null 2>"$HARNESS/again"
    grep -q "completing workflow $first" "$HARNESS/again"
    target_has 'SELECT name FROM goods WHERE id = 1' latest
    [ "$(pgstrand workflow show "$first" --data "$DATA" --json | jq -r .status)" = COMPLETED ]
    [ "$(last .uuid)" != "$first" ]
    [ -z "$(workflow_open "$DATA")" ]
    agent_stop "$DATA"
}
