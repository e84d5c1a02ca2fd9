# Rows that a rewrite told again, seen by what reads the log beside a restore: differences, undoing, dry runs; and the command's own
# end: a cancel while they are told is the application's, and nothing half told reaches anybody.

bats_require_minimum_version 1.5.0

load_libs() {
    load ../lib/cluster
    load ../lib/pgstrand
    load ../lib/session
    load ../lib/schemasteps
}

setup_file() {
    load_libs
    harness_begin
    export DATA=$HARNESS/data target=back
    cluster_new one logical_decoding_work_mem=64kB pgstrand.retell_time=60s # what is cancelled is streamed; a slow machine tells slowly
    database_new shop
    sql shop "
        CREATE TABLE goods (id int PRIMARY KEY, price int, note text);
        INSERT INTO goods SELECT i, i, 'n' || i FROM generate_series(1, 20) i;
        CREATE TABLE other (id int PRIMARY KEY, v text, u uuid DEFAULT gen_random_uuid(), gone int); INSERT INTO other VALUES (1, 'a'), (2, 'b');"
    printf '[seal]\ninterval = 0\nactions = 0\nbytes = 0\n' >"$HARNESS/start.conf"
    pgstrand init --data "$DATA" --source "$(conninfo shop)" --config "$HARNESS/start.conf" >"$HARNESS/init.out" 2>&1
    agent_start "$DATA"
    after first "UPDATE goods SET price = 100 WHERE id = 1; UPDATE other SET v = 'c' WHERE id = 1"
    after rewritten "ALTER TABLE goods ALTER price TYPE int USING price * 10"
    after behind "UPDATE goods SET price = 7 WHERE id = 2; DELETE FROM goods WHERE id = 3; UPDATE other SET v = 'd' WHERE id = 2"
    after moved "ALTER TABLE goods ALTER id TYPE int USING id + 100, ADD made uuid DEFAULT gen_random_uuid()"
    after last "INSERT INTO goods (id, price) VALUES (1, 1); UPDATE goods SET note = 'last' WHERE id = 105"
}

# SQL, and the seq that the log stands at behind it under a name; each schema is kept.
after() {
    sql shop "$2" >/dev/null
    echo "$1=$(pgstrand wait --data "$DATA" --timeout 60)" >>"$HARNESS/names"
    wait_for 30 healthy
}

healthy() {
    pgstrand status --data "$DATA" --json | jq -e .healthy
}

teardown_file() {
    load_libs
    harness_end
}

setup() {
    load_libs
    untraced
    # shellcheck disable=SC1091
    source "$HARNESS/names"
}

# [added, changed, removed] between two seqs.
differ() {
    pgstrand diff --data "$DATA" "$1" "$2" --table goods --json 2>/dev/null | jq -c '.tables[0] | [.added, .changed, .removed]'
}

@test "diff: a rewrite changed what it changed; a key that USING wrote is another row" {
    [ "$(retold)" -eq 2 ]
    [ "$(differ "$first" "$rewritten")" = '[0,20,0]' ]
    [ "$(differ "$rewritten" "$behind")" = '[0,1,1]' ]
    [ "$(differ "$first" "$behind")" = '[0,19,1]' ]
    [ "$(differ "$behind" "$moved")" = '[19,0,19]' ]
    [ "$(differ "$moved" "$last")" = '[1,1,0]' ]
    [ "$(differ 0 "$last")" = '[19,1,19]' ] # 1 is there at both ends
    pgstrand diff --data "$DATA" "$first" "$rewritten" --table goods --json 2>/dev/null |
        jq -e '[.rows[] | select(.old.id == "1" and .old.price == "100" and .new.price == "1000")] | length == 1' >/dev/null
}

@test "revert: what a rewrite changed is not put back, nor what it lies upon; behind it, and of other tables, all is" {
    revert() {
        pgstrand revert --data "$DATA" --quiet "$@"
    }
    expect_exit 11 "public.goods was rewritten at seq [0-9]+ by a change of the schema" revert --from-seq "$((first + 1))" --to-seq "$rewritten"
    expect_exit 11 "public.goods was rewritten at seq [0-9]+ by a change of the schema" revert --from-seq "$((rewritten + 1))" --to-seq "$behind"
    expect_exit 11 "public.goods was rewritten at seq [0-9]+ by a change of the schema" revert --from-seq 1 --to-seq "$last" --table goods
    revert --from-seq "$((rewritten + 1))" --to-seq "$behind" --table other --apply --yes
    [ "$(sql shop 'SELECT string_agg(v, NULL ORDER BY id) FROM other')" = cb ]
    revert --from-seq "$((moved + 1))" --to-seq "$last" --apply --yes
    [ "$(sql shop "SELECT count(*), count(*) FILTER (WHERE note = 'n5' AND id = 105) FROM goods")" = '19|1' ]
}

@test "a dry run counts what the restore then does, before, between and behind rewrites" {
    local seq
    for seq in "$first" "$rewritten" "$moved"; do
        database_new "back$seq"
        pgstrand restore --data "$DATA" --target "$(conninfo "back$seq")" --to-seq "$seq" --dry-run --json 2>/dev/null | jq -c '[.rows, .actions]' >"$HARNESS/dry"
        pgstrand restore --data "$DATA" --target "$(conninfo "back$seq")" --to-seq "$seq" --json 2>/dev/null >"$HARNESS/done"
        jq -c '[.rows, .actions]' "$HARNESS/done" | diff "$HARNESS/dry" -
        database_drop "back$seq"
    done
    jq -e '.tables | any(.table == "public.goods" and .rows == 19 and .proven)' "$HARNESS/done"
}

@test "types whose text stays: nothing is told again, nothing needs a base, and every seq around is the source's" {
    local told bases from seq
    told=$(retold) bases=$(bases)
    step "CREATE TABLE wide (id smallint PRIMARY KEY, n int, u uuid, v varchar(4), w numeric(9,2), c text DEFAULT 'c') PARTITION BY RANGE (id);
          CREATE TABLE wide_a PARTITION OF wide FOR VALUES FROM (0) TO (100); CREATE TABLE wide_b PARTITION OF wide FOR VALUES FROM (100) TO (200);
          INSERT INTO wide SELECT i * 9, -i, '11111111-2222-3333-4444-555555555555', 'v ', i / 7.0 FROM generate_series(1, 20) i" \
        "DELETE FROM wide WHERE id = 9"
    from=$(wc -l <"$HARNESS/seqs")
    step "ALTER TABLE wide ALTER n TYPE bigint" "UPDATE wide SET n = 5000000000 WHERE id = 18; INSERT INTO wide VALUES (1, 5000000001)"
    step "BEGIN; UPDATE wide SET c = 'before' WHERE id < 40; ALTER TABLE wide_a ADD UNIQUE (w, n); ALTER TABLE wide ALTER n TYPE numeric, ALTER u TYPE text,
          ALTER w TYPE numeric, ALTER v TYPE text; UPDATE wide SET c = 'behind', n = n + 0.5 WHERE id > 140; COMMIT" "DELETE FROM wide WHERE id = 27"
    step "ALTER TABLE other ALTER id TYPE bigint, DROP gone" "UPDATE other SET id = id + 5000000000 WHERE id = 1; INSERT INTO other VALUES (7, 'z ')"
    keep_state
    [ "$(retold)" -eq "$told" ]
    [ "$(bases)" -eq "$bases" ]
    for seq in $(tail -n +"$from" "$HARNESS/seqs"); do
        check "$seq"
    done
    # What only looks like it: a length takes blanks off, and a cast between such types may be anybody's.
    step "ALTER TABLE other ALTER v TYPE varchar(1)" "INSERT INTO other VALUES (8, 'w')"
    step "CREATE FUNCTION shouts(uuid) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT upper(left(\$1::varchar, 3))'; CREATE CAST (uuid AS text) WITH FUNCTION shouts(uuid) AS ASSIGNMENT;
          ALTER TABLE other ALTER u TYPE text" "DELETE FROM other WHERE id = 2"
    keep_state
    [ "$(retold)" -eq $((told + 2)) ]
    check "$(tail -n 1 "$HARNESS/seqs")"
}

@test "a command that waited behind another change of its table: the trigger cannot see that one, the agent does" {
    local before session
    sql shop "DROP CAST IF EXISTS (uuid AS text)" # with one of anybody's, all would be told
    sql shop "CREATE TABLE waits (id int PRIMARY KEY, n int); INSERT INTO waits SELECT i, i % 2 FROM generate_series(1, 9) i"
    wait_for 30 healthy
    before=$(bases)
    session_open first shop
    say first 'BEGIN; ALTER TABLE waits ALTER n TYPE bool USING n > 0'
    sql shop 'ALTER TABLE waits ALTER n TYPE text' 3>&- & # from boolean, which was integer when this began
    session=$!
    behind() {
        [ "$(sql shop "SELECT count(*) FROM pg_locks WHERE relation = 'waits'::regclass AND mode = 'AccessExclusiveLock' AND NOT granted")" -eq 1 ]
    }
    wait_for 60 behind
    say first COMMIT
    session_close first
    wait "$session"
    wait_for 30 more_bases "$before"
    keep_state
    check "$(tail -n 1 "$HARNESS/seqs")"
    [ "$(sql "$target" 'SELECT string_agg(DISTINCT n, NULL ORDER BY n) FROM waits')" = falsetrue ]
}

@test "a cancel while rows are told again ends the application's command, and nothing half told reaches a restore" {
    local from from_lsn session
    sql shop "
        CREATE TABLE many (id int PRIMARY KEY, v text); INSERT INTO many SELECT i, 'x' FROM generate_series(1, 150000) i;
        CREATE FUNCTION telling() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_lock(42); END';
        CREATE FUNCTION told() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_lock(43); END';
        CREATE EVENT TRIGGER a_telling ON ddl_command_end EXECUTE FUNCTION telling(); -- by name, right before ours
        CREATE EVENT TRIGGER z_told ON ddl_command_end EXECUTE FUNCTION told()" >/dev/null
    from=$(pgstrand wait --data "$DATA" --timeout 60)
    holds() {
        [ "$(sql shop "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = $1")" -eq "${2:-1}" ]
    }
    "$PSQL" -X -q -d "$(conninfo shop) application_name=rewrites options='-c pgstrand.retell_bytes=1000000000 -c pgstrand.retell_time=60s'" \
        -c "BEGIN" -c "UPDATE many SET v = 'before' WHERE id < 5000" -c "SAVEPOINT s" -c "ALTER TABLE many ADD u uuid DEFAULT gen_random_uuid()" \
        -c "SELECT pg_advisory_unlock_all()" -c "ROLLBACK TO s" -c "UPDATE many SET v = 'behind' WHERE id > 149000" -c "COMMIT" \
        >"$HARNESS/cancelled" 2>&1 3>&- &
    session=$!
    wait_for 60 holds 42
    # What is told is WAL; it writes at least 60 bytes a row, nobody else that much in a moment.
    from_lsn=$(sql shop 'SELECT pg_current_wal_insert_lsn()')
    telling() {
        [ "$(sql shop "SELECT pg_current_wal_insert_lsn() - '$from_lsn' > 500000")" = t ]
    }
    wait_for 60 telling
    holds 43 0
    sql shop "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'rewrites'" >/dev/null
    wait "$session" || true
    grep -q 'ERROR:  canceling statement due to user request' "$HARNESS/cancelled"
    grep -q 'PL/pgSQL function pgstrand.retell(' "$HARNESS/cancelled" # it came while they were told
    sql shop "DROP EVENT TRIGGER a_telling; DROP EVENT TRIGGER z_told"
    pgstrand wait --data "$DATA" --timeout 60 >/dev/null
    [ "$(retold "$((from + 1))")" -eq 0 ]
    pgstrand log --data "$DATA" --json --from-seq "$((from + 1))" | jq -s -e 'all(.kind != "MESSAGE")'
    [ "$(pgstrand log --data "$DATA" --json --from-seq "$((from + 1))" --table many | jq -s 'length')" -eq 5999 ]
    database_new cancelled
    pgstrand restore --data "$DATA" --target "$(conninfo cancelled)" --quiet >/dev/null
    assert_same_tables "$(conninfo shop)" "$(conninfo cancelled)"
}

@test "a statement_timeout that is near keeps the rows from being told, a lock_timeout does not; the command succeeds" {
    local from tenths
    from=$(pgstrand wait --data "$DATA" --timeout 60)
    # The time of a statement begins with the message that it came in. What is left of it, 0.8 s, may be too little for a slow machine.
    for tenths in 10 30 100; do
        ! sql shop "SET statement_timeout = '$((tenths * 3 / 10))s'; SELECT pg_sleep($tenths * 0.22);
            ALTER TABLE other ADD x uuid DEFAULT gen_random_uuid()" >/dev/null || break
    done
    [ "$(sql shop "SELECT count(*) FROM pg_attribute WHERE attrelid = 'other'::regclass AND attname = 'x'")" -eq 1 ]
    pgstrand wait --data "$DATA" --timeout 60 >/dev/null
    [ "$(retold "$from")" -eq 0 ]
    # A dump or vacuum may have the table in that moment.
    wait_for 60 sql shop "SET lock_timeout = '1ms'; ALTER TABLE other ADD w uuid DEFAULT gen_random_uuid()"
    pgstrand wait --data "$DATA" --timeout 60 >/dev/null
    [ "$(retold "$from")" -eq 1 ]
}
