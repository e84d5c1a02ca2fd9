# init on real clusters: what it finds, what it makes, what it leaves when it is killed, and what uninstall takes away.

load ../lib/initing

limit_is() {
    [ "$(sql postgres 'SHOW max_slot_wal_keep_size')" = "$1" ]
}

# Everything of a database and its cluster that init may touch.
catalogue() {
    "$PG_DUMP" -s -d "$(conninfo "$DB")" | grep -v restrict
    sql "$DB" "SELECT nspname FROM pg_namespace ORDER BY 1; SELECT evtname FROM pg_event_trigger;
        SELECT pubname FROM pg_publication; SELECT slot_name FROM pg_replication_slots;
        SELECT oid::regclass, relreplident FROM pg_class WHERE relkind = 'r' AND oid >= 16384 ORDER BY 1;
        SELECT name, setting, sourcefile FROM pg_settings WHERE name = 'max_slot_wal_keep_size'"
}

@test "init makes slot, publication, triggers and a FULL; the second run says that it is complete" {
    shop
    init
    [ "$(sql "$DB" "SELECT count(*) FROM pg_replication_slots WHERE database = '$DB' AND plugin = 'pgoutput' AND NOT temporary")" -eq 1 ]
    [ "$(sql "$DB" "SELECT count(*) FROM pg_publication WHERE pubname ~ '^pgstrand_[0-9a-f]{16}\$' AND puballtables")" -eq 1 ]
    [ "$(sql "$DB" "SELECT count(*) FROM pg_event_trigger WHERE evtenabled = 'A'")" -eq 4 ]
    [ "$(find "$DATA/snapshots" -name '*-full-*.commit' | wc -l)" -eq 1 ]
    [ -z "$(find "$DATA" -name '*.part')" ]
    grep -q "dbname='$DB'" "$DATA/pgstrand.conf"
    run init
    [ "$status" -eq 0 ]
    [[ "$output" == *"captured already"* ]]
    [ "$(slots)" -eq 1 ]
}

@test "a password in the connection string is not written down" {
    shop
    pgstrand init --data "$DATA" --source "$(conninfo "$DB") password=Geheim17" --no-progress
    refute grep -rq Geheim17 "$DATA"
}

@test "tables without key, old and new, can still be updated and deleted from" {
    shop
    init
    [ "$(sql "$DB" "SELECT relreplident FROM pg_class WHERE oid = 'journal'::regclass")" = f ]
    sql "$DB" "UPDATE journal SET n = n + 1; DELETE FROM journal WHERE n = 3"
    sql "$DB" "BEGIN; CREATE TABLE fresh (a int); INSERT INTO fresh VALUES (1), (2); UPDATE fresh SET a = 3 WHERE a = 1; DELETE FROM fresh; COMMIT"
    sql "$DB" "BEGIN; CREATE TABLE copied AS SELECT 1 AS x; DELETE FROM copied; COMMIT"
    sql "$DB" "BEGIN; SELECT 2 AS y INTO chosen; DELETE FROM chosen; COMMIT"
    sql "$DB" "BEGIN; ALTER TABLE item DROP CONSTRAINT item_pkey CASCADE; DELETE FROM item WHERE id = 1; COMMIT"
    sql "$DB" "CREATE TABLE later (a int); ALTER TABLE later ADD PRIMARY KEY (a)"
    [ "$(sql "$DB" "SELECT relreplident FROM pg_class WHERE oid = 'later'::regclass")" = d ]
}

@test "DDL is recorded, in the application's own transaction; temporary tables and what was rolled back are not" {
    shop
    init
    sql "$DB" "CREATE TABLE t (a int PRIMARY KEY); ALTER TABLE t ADD b text DEFAULT 'x'; ALTER TABLE t ALTER b TYPE varchar(9);
        ALTER TABLE t ALTER a TYPE text; CREATE INDEX t_b ON t (b); DROP TABLE t"
    [ "$(sql "$DB" "SELECT string_agg(event || ':' || tag, ',' ORDER BY lsn) FROM pgstrand.ddl WHERE objects LIKE '%public.t%'")" = \
        "ddl_command_end:CREATE TABLE,ddl_command_end:ALTER TABLE,table_rewrite:ALTER TABLE,ddl_command_end:ALTER TABLE,table_rewrite:ALTER TABLE,ddl_command_end:ALTER TABLE,ddl_command_end:CREATE INDEX,sql_drop:DROP TABLE" ]
    [ "$(sql "$DB" "SELECT objects::jsonb #>> '{0,columns,1,missing}' FROM pgstrand.ddl WHERE tag = 'ALTER TABLE' AND objects LIKE '%public.t\"%' ORDER BY lsn LIMIT 1")" = '{x}' ]
    before=$(sql "$DB" "SELECT count(*) FROM pgstrand.ddl")
    sql "$DB" "CREATE TEMP TABLE tt (a int); ALTER TABLE tt ADD b int; CREATE INDEX ON tt (a); DROP TABLE tt"
    sql "$DB" "BEGIN; CREATE TABLE gone (a int); ROLLBACK"
    sql "$DB" "CREATE TABLE IF NOT EXISTS sale (a int)" 2>/dev/null
    [ "$(sql "$DB" "SELECT count(*) FROM pgstrand.ddl")" -eq "$before" ]
}

@test "the application's DDL is not disturbed: sequences, owners without rights, isolation levels" {
    shop
    sql "$DB" "DROP ROLE IF EXISTS owner1; CREATE ROLE owner1 LOGIN; GRANT CREATE ON SCHEMA public TO owner1"
    init
    [ "$(sql "$DB" "CREATE SEQUENCE mine; SELECT nextval('mine'); CREATE TABLE a1 (a int); SELECT lastval()" | tr '\n' ' ')" = '1 1 ' ]
    "$PSQL" -X -q -v ON_ERROR_STOP=1 -d "$(conninfo_tcp "$DB" owner1)" -c "CREATE TABLE o1 (a int); INSERT INTO o1 VALUES (1); DELETE FROM o1; ALTER TABLE o1 ADD b int; DROP TABLE o1"
    for level in 'READ COMMITTED' 'REPEATABLE READ' SERIALIZABLE; do
        sql "$DB" "BEGIN ISOLATION LEVEL $level; SELECT 1; CREATE TABLE lv (a int); INSERT INTO lv VALUES (1); DELETE FROM lv; ALTER TABLE lv ADD b int; DROP TABLE lv; COMMIT" >/dev/null
    done
    sql "$DB" "DO \$\$ BEGIN EXECUTE 'CREATE TABLE fromdo (a int)'; DELETE FROM fromdo; END \$\$"
    sql "$DB" "CREATE TABLE part (a int, b int) PARTITION BY RANGE (a); CREATE TABLE part1 PARTITION OF part FOR VALUES FROM (0) TO (9);
        INSERT INTO part VALUES (1, 1); DELETE FROM part; ALTER TABLE part DETACH PARTITION part1; DROP TABLE part"
    sql "$DB" "SELECT pgstrand.set_context('ann', 'till 3')" >/dev/null
    "$PSQL" -X -q -v ON_ERROR_STOP=1 -d "$(conninfo_tcp "$DB" owner1)" -c "SELECT pgstrand.set_context('bob', NULL)" >/dev/null
    # What the triggers use is not for everybody.
    "$PSQL" -X -q -d "$(conninfo_tcp "$DB" owner1)" -c "SELECT pgstrand.give('item'::regclass, 'd', 'f', 'no key')" 2>&1 |
        grep -q 'permission denied'
    refute "$PSQL" -X -q -v ON_ERROR_STOP=1 -d "$(conninfo_tcp "$DB" owner1)" -c "INSERT INTO pgstrand.ddl VALUES (1, '0/0', 'x', 'x', '[]')"
}

@test "a table that others read: the application's own DDL does not wait for what the triggers would like" {
    shop
    init
    # No key, and nothing that makes up for it: as where the triggers were away.
    sql "$DB" "ALTER EVENT TRIGGER pgstrand_command_end DISABLE; ALTER TABLE journal REPLICA IDENTITY NOTHING;
        ALTER EVENT TRIGGER pgstrand_command_end ENABLE ALWAYS"
    identity() {
        sql "$DB" "SELECT relreplident FROM pg_class WHERE oid = 'journal'::regclass"
    }
    session_open reader "$DB"
    say reader "BEGIN; SELECT FROM journal LIMIT 1"
    sql "$DB" "SET statement_timeout = '2s'; ALTER TABLE journal SET (autovacuum_enabled = off)"
    [ "$(identity)" = n ]
    [ "$(sql "$DB" "SELECT count(*) FROM pgstrand.identity WHERE now = '?'")" -eq 0 ] # its lock is too weak: not even tried
    sql "$DB" "SET statement_timeout = '2s'; SELECT pgstrand.give('journal'::regclass, 'n', 'f', 'no key')" >/dev/null
    [ "$(identity)" = n ]
    [ "$(sql "$DB" "SELECT now, why FROM pgstrand.identity WHERE relid = 'journal'::regclass ORDER BY at DESC LIMIT 1")" = '?|55P03' ]
    session_close reader
    sql "$DB" "ALTER TABLE journal ADD more int; DELETE FROM journal WHERE n = 1"
    [ "$(identity)" = f ]
}

@test "the publication cannot be dropped or renamed by mistake" {
    shop
    init
    name=$(sql "$DB" "SELECT pubname FROM pg_publication")
    refute sql "$DB" "DROP PUBLICATION $name"
    refute sql "$DB" "ALTER PUBLICATION $name RENAME TO other"
    [ "$(sql "$DB" "SELECT pubname FROM pg_publication")" = "$name" ]
}

@test "init waits for older transactions, says for whom, and can be killed while it waits" {
    shop
    session_open older "$DB"
    say older "BEGIN; INSERT INTO item VALUES (1000, 'open')"
    # begins init and returns when it waits
    waiting_init() {
        "$PGSTRAND_BUILD/pgstrand" init --data "$DATA" --source "$(conninfo "$DB")" >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
        pid=$!
        wait_for 20 grep -q 'waits for transactions that are older: pid' "$BATS_TEST_TMPDIR/out"
    }
    waiting_init
    kill -KILL "$pid"
    wait "$pid" || true
    waiting_init
    say older COMMIT
    wait "$pid" || complain "$(<"$BATS_TEST_TMPDIR/out")"
    session_close older
    [ "$(slots)" -eq 1 ]
    [ "$(find "$DATA/snapshots" -name '*.commit' | wc -l)" -eq 1 ]
    [ "$(sql "$DB" "SELECT count(*) FROM item WHERE id = 1000")" -eq 1 ]
}

# After any number of killed runs: one slot, one whole FULL with every row, nothing half-way, and the next run knows it.
finishes() {
    init >/dev/null
    [ "$(slots)" -eq 1 ] || complain "$(slots) slots after $1"
    [ "$(find "$DATA/snapshots" -name '*.commit' | wc -l)" -eq 1 ] || complain "not one snapshot after $1"
    [ -z "$(find "$DATA" -name '*.part')" ] || complain "half a file after $1"
    [ -z "$(find "$DATA/base" -type f)" ] || complain "staged tables left after $1"
    pgstrand verify --data "$DATA" >/dev/null
    run init
    [ "$status" -eq 0 ] && [[ "$output" == *"captured already"* ]] || complain "not complete after $1: $output"
    pgstrand uninstall --data "$DATA" --yes
    rm -rf "$DATA"
}

@test "init killed at a write to disk, and killed again, and run again" {
    shop
    killed=0
    for n in 2 9 16 24 33 43 54 66; do
        PGSTRAND_IO_FAULT=kill:$n init >/dev/null 2>&1 || killed=$((killed + 1))
        PGSTRAND_IO_FAULT=killafter:$((n / 2 + 1)) init >/dev/null 2>&1 || killed=$((killed + 1))
        sql "$DB" "INSERT INTO journal VALUES ('meanwhile', $n); CREATE TABLE made_$n (a int)"
        finishes "kill $n"
    done
    [ "$killed" -ge 10 ]
}

@test "init killed by the clock with the database at work, and run again" {
    shop
    for pause in 0.1 0.25 0.4 0.7; do
        timeout -s KILL "$pause" "$PGSTRAND_BUILD/pgstrand" init --data "$DATA" --source "$(conninfo "$DB")" >/dev/null 2>&1 || true
        sql "$DB" "INSERT INTO journal VALUES ('meanwhile', 1); CREATE TABLE made_${pause/./_} (a int)"
        finishes "${pause} s"
    done
}

@test "workflows: init is one; killed it is gone on with, cancelled it leaves nothing in the database" {
    shop
    init_workflow() {
        pgstrand workflow list --data "$DATA" --json | jq -c ".[] | select(.name == \"init\") | $1"
    }
    PGSTRAND_IO_FAULT=kill:2:.rows run init
    [ "$(init_workflow '[.type, .status, .step]')" = '["BACKUP","IN_PROGRESS","CREATE_SNAPSHOT"]' ]
    pgstrand workflow resume "$(init_workflow .uuid | tr -d '"')" --data "$DATA" --quiet
    [ "$(init_workflow '[.status, .progress]')" = '["COMPLETED",1]' ]
    init | grep -q 'captured already'
    pgstrand verify --data "$DATA" >/dev/null
    DATA=$BATS_TEST_TMPDIR/again
    database_new "$DB.again"
    sql "$DB.again" "CREATE TABLE t (id int PRIMARY KEY)"
    local before
    before=$(slots)
    PGSTRAND_IO_FAULT=kill:1:.rows run pgstrand init --data "$DATA" --source "$(conninfo "$DB.again")" --quiet
    [ "$(slots)" -eq $((before + 1)) ]
    pgstrand workflow cancel "$(init_workflow .uuid | tr -d '"')" --data "$DATA" --quiet
    [ "$(init_workflow .status)" = '"CANCELLED"' ]
    [ "$(slots)" -eq "$before" ]
    [ "$(sql "$DB.again" "SELECT count(*) FROM pg_namespace WHERE nspname = 'pgstrand'")" -eq 0 ]
    # What cannot be taken away stays known.
    PGSTRAND_IO_FAULT=kill:1:.rows run pgstrand init --data "$DATA" --source "$(conninfo "$DB.again")" --quiet
    cluster_stop
    expect_exit 13 'what init has made cannot be taken away' pgstrand workflow cancel "$(init_workflow .uuid | tr -d '"' | tail -n 1)" --data "$DATA" --quiet
    cluster_start
    [ "$(init_workflow .status | tail -n 1)" = '"IN_PROGRESS"' ]
    # A cancelled one is no hindrance.
    pgstrand init --data "$DATA" --source "$(conninfo "$DB.again")" --quiet >/dev/null
    pgstrand uninstall --data "$DATA" --yes >/dev/null
    DATA=$BATS_TEST_TMPDIR/data
}

@test "init while DDL goes on: the base is taken again until its schema is whole, and no new table is left without identity" {
    shop
    (for i in 1 2 3 4 5 6 7 8 9 10; do sql "$DB" "CREATE TABLE made_$i (a int)" && sleep 0.3; done) >/dev/null 2>&1 3>&- &
    loop=$!
    sleep 0.5
    run init
    wait "$loop"
    [ "$status" -eq 0 ] || complain "$output"
    [ "$(sql "$DB" "SELECT count(*) FROM pg_class WHERE relname LIKE 'made%' AND relreplident <> 'f'")" -eq 0 ]
    [ "$(sql "$DB" "SELECT count(*) FROM pg_class WHERE relname LIKE 'made%'")" -ge 2 ]
}

@test "a table whose tier depends on a column shows it in deleted rows, and keeps that over ALTER TABLE" {
    shop
    printf "[tiers]\nbusiness = item where name = 'item 7'\ntransient = item\n" >"$BATS_TEST_TMPDIR/conf"
    init --config "$BATS_TEST_TMPDIR/conf"
    [ "$(sql "$DB" "SELECT relreplident FROM pg_class WHERE oid = 'item'::regclass")" = f ]
    sql "$DB" "ALTER TABLE item ADD more int"
    [ "$(sql "$DB" "SELECT relreplident FROM pg_class WHERE oid = 'item'::regclass")" = f ]
    pgstrand uninstall --data "$DATA" --yes
    [ "$(sql "$DB" "SELECT relreplident FROM pg_class WHERE oid = 'item'::regclass")" = d ]
}

@test "the WAL limit is set where there is none, left where others have slots, and declined on request" {
    shop
    init
    wait_for 5 limit_is 8GB
    pgstrand uninstall --data "$DATA" --yes
    wait_for 5 limit_is -1
    rm -rf "$DATA"
    sql postgres "SELECT pg_create_physical_replication_slot('another')" >/dev/null
    init
    limit_is -1
    pgstrand uninstall --data "$DATA" --yes
    rm -rf "$DATA"
    # It is the others' limit as well: whoever can be asked is asked.
    answered() {
        echo "$1" | script -qec "'$PGSTRAND_BUILD/pgstrand' init --data '$DATA' --source '$(conninfo "$DB")' --no-progress" /dev/null \
            >"$BATS_TEST_TMPDIR/said"
        grep -q '1 other replication slot is on this server. Set max_slot_wal_keep_size = 8192 MB for all of them' "$BATS_TEST_TMPDIR/said"
    }
    answered n
    limit_is -1
    pgstrand uninstall --data "$DATA" --yes
    rm -rf "$DATA"
    answered y
    wait_for 5 limit_is 8GB
    pgstrand uninstall --data "$DATA" --yes
    wait_for 5 limit_is -1
    rm -rf "$DATA"
    sql postgres "SELECT pg_drop_replication_slot('another')" >/dev/null
    init --no-wal-limit
    limit_is -1
}

@test "others who decode the database's WAL are named by init and status: they see what is told again, unless that is switched off" {
    shop
    sql "$DB" "CREATE PUBLICATION theirs FOR TABLE item"
    sql "$DB" "SELECT pg_create_logical_replication_slot('theirs', 'pgoutput');
        SELECT pg_create_physical_replication_slot('physical')" >/dev/null
    sql postgres "SELECT pg_create_logical_replication_slot('elsewhere', 'pgoutput')" >/dev/null
    init --no-wal-limit 2>&1 | grep 'others decode' >"$BATS_TEST_TMPDIR/said"
    grep -q '(replication slot theirs): who of them asks for messages sees' "$BATS_TEST_TMPDIR/said"
    pgstrand status --data "$DATA" --json | jq -e '.other_readers == ["theirs"] and .not_captured == []'
    pgstrand status --data "$DATA" | grep -q '^other readers theirs$'
    theirs() {
        sql "$DB" "SELECT count(*) FROM pg_logical_slot_get_binary_changes('theirs', NULL, NULL, 'proto_version', '1', 'publication_names', 'theirs',
            'messages', 'true') WHERE position('pgstrand.retold'::bytea IN data) > 0 AND position('line'::bytea IN data) > 0"
    }
    sql "$DB" "SET pgstrand.retell_time = '60s'; ALTER TABLE journal ADD u uuid DEFAULT gen_random_uuid()"
    [ "$(theirs)" -gt 100 ]
    sql "$DB" "ALTER DATABASE $DB SET pgstrand.retell_bytes = 0"
    sql "$DB" "ALTER TABLE journal ADD w uuid DEFAULT gen_random_uuid()"
    [ "$(theirs)" -eq 0 ]
    sql "$DB" "SELECT pg_drop_replication_slot('theirs')" >/dev/null
    pgstrand status --data "$DATA" --json | jq -e '.other_readers == []'
}

# init_at STEP ARGS...: init is killed while this step of its workflow runs.
init_at() {
    local step=$1 n
    shift
    for n in $(seq 3 40); do
        rm -rf "$DATA"
        PGSTRAND_IO_FAULT=kill:$n:catalog.mdb init "$@" >/dev/null 2>&1 && complain "never in $step" && return 1
        [ "$(pgstrand workflow list --data "$DATA" --json 2>/dev/null | jq -r '.[0].step')" = "$step" ] && return 0
        pgstrand uninstall --data "$DATA" --yes >/dev/null 2>&1 || true
    done
    complain "never in $step"
}

init_job() {
    pgstrand workflow list --data "$DATA" --json | jq -r ".[0] | $1"
}

@test "a re-run of init goes by what was said before, and by what is said now" {
    shop
    sql postgres "SELECT pg_create_physical_replication_slot('another')" >/dev/null
    # Agreed to, then killed: whoever goes on with it sets the limit, though nobody is asked again.
    init_at PUBLISH --yes --retries 3
    limit_is -1
    pgstrand workflow resume "$(init_job .uuid)" --data "$DATA" --quiet
    wait_for 5 limit_is 8GB
    [ "$(init_job .max_retries)" = 3 ]
    pgstrand uninstall --data "$DATA" --yes
    wait_for 5 limit_is -1
    init_at PUBLISH --yes
    init </dev/null
    wait_for 5 limit_is 8GB
    pgstrand uninstall --data "$DATA" --yes
    wait_for 5 limit_is -1
    sql postgres "SELECT pg_drop_replication_slot('another')" >/dev/null
    # Declined, then killed: it stays declined.
    init_at PUBLISH --no-wal-limit
    init
    limit_is -1
    pgstrand uninstall --data "$DATA" --yes
    # Set, then declined: it is taken back, also by whoever goes on after another kill. The rest is as it is said now.
    init_at CREATE_SNAPSHOT --device-name before
    wait_for 5 limit_is 8GB
    PGSTRAND_IO_FAULT=kill:1:.snap. run init --no-wal-limit --retries 7 --device-name after
    [ "$(init_job '[.step, .max_retries] | @json')" = '["CREATE_SNAPSHOT",7]' ]
    pgstrand workflow resume "$(init_job .uuid)" --data "$DATA" --quiet
    wait_for 5 limit_is -1
    [ "$(init_job '[.status, .max_retries] | @json')" = '["COMPLETED",7]' ]
    [ "$(pgstrand identity --data "$DATA" --json | jq -r .device_name)" = after ]
    # Complete, it does not pass over what comes too late.
    expect_exit 10 'is of device "after", not "other": leave --device-name out' pgstrand init --data "$DATA" --source "$(conninfo "$DB")" --device-name other --quiet
    printf '[tiers]\ndefault = audit\n' >"$BATS_TEST_TMPDIR/late"
    init --config "$BATS_TEST_TMPDIR/late" --no-wal-limit 2>"$BATS_TEST_TMPDIR/said" | grep -q 'captured already'
    grep -q 'late is not taken over, since init is complete' "$BATS_TEST_TMPDIR/said"
    grep -q -- '--no-wal-limit comes too late' "$BATS_TEST_TMPDIR/said"
    grep -q '^default = business' "$DATA/pgstrand.conf"
}

@test "rows that were copied before another configuration gave their table another tier are copied again" {
    shop
    PGSTRAND_IO_FAULT=kill:1:.snap. run init
    [ "$(find "$DATA/base" -name '*.rows' | wc -l)" -ge 3 ]
    printf '[tiers]\ndevice = item\n' >"$BATS_TEST_TMPDIR/conf"
    init --config "$BATS_TEST_TMPDIR/conf"
    pgstrand verify --data "$DATA" >/dev/null
    [ "$(find "$DATA/snapshots" -name '*.device' | wc -l)" = 1 ]
    # What is sent to a vault that must not have them.
    agent_start "$DATA"
    sql "$DB" "INSERT INTO journal VALUES ('later', 1)"
    pgstrand wait --data "$DATA" --timeout 60 >/dev/null
    pgstrand seal --data "$DATA" --quiet >/dev/null
    agent_stop "$DATA"
    pgstrand vault add --data "$DATA" shelf "file://$BATS_TEST_TMPDIR/shelf" >/dev/null
    pgstrand ship --data "$DATA" shelf >/dev/null
    database_new "$DB.copy"
    pgstrand restore --data "$BATS_TEST_TMPDIR/other" --from "file://$BATS_TEST_TMPDIR/shelf" --target "$(conninfo "$DB.copy")" --as other --orphans report --quiet >/dev/null
    [ "$(sql "$DB.copy" 'SELECT (SELECT count(*) FROM item), (SELECT count(*) FROM journal)')" = '0|101' ]
    database_drop "$DB.copy"
}

@test "a WAL limit that was chosen after init stays" {
    shop
    init
    wait_for 5 limit_is 8GB
    cluster_set max_slot_wal_keep_size 20GB
    wait_for 5 limit_is 20GB
    run pgstrand uninstall --data "$DATA" --yes
    [ "$status" -eq 0 ]
    [[ "$output" == *"max_slot_wal_keep_size was changed after init"* ]]
    limit_is 20GB
    sql postgres "ALTER SYSTEM RESET max_slot_wal_keep_size"
    sql postgres "SELECT pg_reload_conf()" >/dev/null
    wait_for 5 limit_is -1
}

@test "a schema pgstrand of somebody else's: exit 15, nobody's code runs with our rights, nobody's tables are dropped" {
    shop
    sql "$DB" "DROP ROLE IF EXISTS mallory; CREATE ROLE mallory LOGIN; GRANT CREATE ON DATABASE $DB TO mallory"
    "$PSQL" -X -q -d "$(conninfo_tcp "$DB" mallory)" -c "CREATE SCHEMA pgstrand;
        CREATE TABLE pgstrand.ddl (txid bigint NOT NULL, lsn pg_lsn NOT NULL, event text NOT NULL, tag text NOT NULL, objects text NOT NULL);
        CREATE FUNCTION pgstrand.evil() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN ALTER ROLE mallory SUPERUSER; RETURN NEW; END \$\$;
        CREATE TRIGGER evil BEFORE INSERT ON pgstrand.ddl FOR EACH ROW EXECUTE FUNCTION pgstrand.evil()"
    expect_exit 15 'belongs to role mallory' init
    # The schema is the superuser's, one function in it is not.
    sql "$DB" "ALTER SCHEMA pgstrand OWNER TO postgres; DROP TABLE pgstrand.ddl"
    expect_exit 15 'evil belongs to role mallory' init
    # All of it is the superuser's, but pgstrand did not make it.
    sql "$DB" "DROP SCHEMA pgstrand CASCADE; CREATE SCHEMA pgstrand; CREATE TABLE pgstrand.mine (a int PRIMARY KEY); INSERT INTO pgstrand.mine VALUES (1)"
    expect_exit 15 'rename or drop it' init
    pgstrand uninstall --data "$DATA" --yes
    [ "$(sql "$DB" "SELECT a FROM pgstrand.mine")" = 1 ]
    [ "$(sql "$DB" "SELECT rolsuper FROM pg_roles WHERE rolname = 'mallory'")" = f ]
    sql "$DB" "DROP SCHEMA pgstrand CASCADE; DROP OWNED BY mallory; DROP ROLE mallory"
}

@test "a schema that only says it was made by a restore: nobody's trigger, default or view runs with our rights" {
    local as_mallory
    shop
    init
    database_new victim
    sql victim "DROP ROLE IF EXISTS mallory; CREATE ROLE mallory LOGIN; GRANT CREATE ON DATABASE victim TO mallory"
    as_mallory=("$PSQL" -X -q -v ON_ERROR_STOP=1 -d "$(conninfo_tcp victim mallory)")
    "${as_mallory[@]}" -c "CREATE SCHEMA pgstrand; COMMENT ON SCHEMA pgstrand IS 'pgstrand node 00000000-0000-0000-0000-000000000000'" \
        -f "$BATS_TEST_DIRNAME/../../agent/setup/replay.sql" -c "GRANT ALL ON SCHEMA pgstrand TO PUBLIC; GRANT ALL ON pgstrand.replay TO PUBLIC"
    # Plain as it is, a superuser's init takes it over, and nobody keeps a right.
    pgstrand init --data "$BATS_TEST_TMPDIR/other" --source "$(conninfo victim)" --no-progress
    [ "$(sql victim "SELECT has_table_privilege('mallory', 'pgstrand.replay', 'SELECT'), has_schema_privilege('mallory', 'pgstrand', 'CREATE'),
        (SELECT count(*) FROM pg_class WHERE relnamespace = 'pgstrand'::regnamespace AND relowner <> 10)")" = 'f|f|0' ]
    pgstrand uninstall --data "$BATS_TEST_TMPDIR/other" --yes
    rm -rf "$BATS_TEST_TMPDIR/other"
    # With something inside that runs, it is refused, by init and by restore.
    pgstrand restore --data "$DATA" --target "$(conninfo victim)" >/dev/null
    sql victim "DROP SCHEMA pgstrand CASCADE"
    "${as_mallory[@]}" -c "CREATE SCHEMA pgstrand; COMMENT ON SCHEMA pgstrand IS 'pgstrand node 00000000-0000-0000-0000-000000000000'" \
        -f "$BATS_TEST_DIRNAME/../../agent/setup/replay.sql" -c "CREATE SCHEMA evil; GRANT ALL ON SCHEMA evil TO PUBLIC;
        CREATE FUNCTION evil.now() RETURNS timestamptz LANGUAGE plpgsql AS \$\$ BEGIN ALTER ROLE mallory SUPERUSER; RETURN NULL; END \$\$;
        CREATE FUNCTION evil.run() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN ALTER ROLE mallory SUPERUSER; RETURN NEW; END \$\$;
        CREATE TRIGGER grab BEFORE INSERT ON pgstrand.replay FOR EACH ROW EXECUTE FUNCTION evil.run();
        ALTER TABLE pgstrand.replay ENABLE ALWAYS TRIGGER grab"
    expect_exit 15 'belongs to role mallory' pgstrand restore --data "$DATA" --target "$(conninfo victim)" --mode replace
    expect_exit 15 'belongs to role mallory' pgstrand restore --data "$DATA" --target "$(conninfo victim)" --mode merge
    expect_exit 15 'trigger grab on replay' pgstrand init --data "$BATS_TEST_TMPDIR/other" --source "$(conninfo victim)"
    [ "$(sql victim "SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'pgstrand'")" = mallory ]
    "${as_mallory[@]}" -c "DROP TRIGGER grab ON pgstrand.replay; ALTER TABLE pgstrand.replay ALTER at SET DEFAULT evil.now()"
    expect_exit 15 'column at of replay' pgstrand init --data "$BATS_TEST_TMPDIR/other" --source "$(conninfo victim)"
    # Also where an earlier init has taken it over as it was.
    sql victim "ALTER SCHEMA pgstrand OWNER TO postgres; ALTER TABLE pgstrand.replay OWNER TO postgres; ALTER TABLE pgstrand.conflict OWNER TO postgres"
    expect_exit 15 'column at of replay' pgstrand restore --data "$DATA" --target "$(conninfo victim)" --mode merge
    [ "$(sql victim "SELECT rolsuper FROM pg_roles WHERE rolname = 'mallory'")" = f ]
    database_drop victim
    sql "$DB" "DROP ROLE mallory"
}

@test "a key with a generated column, which the stream does not carry, is none" {
    shop
    sql "$DB" "CREATE TABLE shout (a int, n text, g text GENERATED ALWAYS AS (upper(n)) STORED, PRIMARY KEY (a, g))"
    init
    sql "$DB" "CREATE TABLE later (n int, g int GENERATED ALWAYS AS (n * 2) STORED PRIMARY KEY); ALTER TABLE later ADD COLUMN more text;
        CREATE TABLE keyless (n int); CREATE TABLE unique_only (n int, g int NOT NULL GENERATED ALWAYS AS (n + 1) STORED);
        CREATE UNIQUE INDEX unique_only_g ON unique_only (g); ALTER TABLE unique_only REPLICA IDENTITY USING INDEX unique_only_g"
    [ "$(sql "$DB" "SELECT string_agg(relname || ' ' || relreplident::text, ', ' ORDER BY relname) FROM pg_class WHERE relname IN ('shout', 'later', 'unique_only')")" = \
        "later f, shout f, unique_only f" ]
    sql "$DB" "ALTER TABLE keyless ADD PRIMARY KEY (n)"
    [ "$(sql "$DB" "SELECT relreplident FROM pg_class WHERE relname = 'keyless'")" = d ]
}

@test "uninstall leaves the database as it was" {
    shop
    sql "$DB" "CREATE TABLE quiet (a int); ALTER TABLE quiet REPLICA IDENTITY NOTHING;
        CREATE TABLE indexed (a int NOT NULL); CREATE UNIQUE INDEX indexed_a ON indexed (a); ALTER TABLE indexed REPLICA IDENTITY USING INDEX indexed_a"
    catalogue >"$BATS_TEST_TMPDIR/before"
    init
    refute diff -q <(catalogue) "$BATS_TEST_TMPDIR/before"
    pgstrand uninstall --data "$DATA" --yes --keep-data
    wait_for 5 limit_is -1
    diff <(catalogue) "$BATS_TEST_TMPDIR/before"
    # Once more: nothing is left to do, and that is no error. Killed while the data directory goes, it goes on.
    PGSTRAND_IO_FAULT=kill:2:/snapshots refute pgstrand uninstall --data "$DATA" --yes
    pgstrand uninstall --data "$DATA" --yes
    [ ! -e "$DATA" ]
}

@test "without superuser: a table list, and init says what it lacks" {
    database_new "$DB"
    sql "$DB" "DROP ROLE IF EXISTS limited; CREATE ROLE limited LOGIN REPLICATION; GRANT CREATE ON DATABASE $DB TO limited; GRANT CREATE ON SCHEMA public TO limited;
        CREATE TABLE foreign_owned (a int PRIMARY KEY); GRANT SELECT ON foreign_owned TO limited"
    "$PSQL" -X -q -d "$(conninfo_tcp "$DB" limited)" -c "CREATE TABLE own (a int PRIMARY KEY); CREATE TABLE own_keyless (a int); CREATE TABLE pr (a int) PARTITION BY RANGE (a); CREATE TABLE pr1 PARTITION OF pr FOR VALUES FROM (0) TO (9)"
    run pgstrand init --data "$DATA" --source "$(conninfo_tcp "$DB" limited)"
    [ "$status" -eq 0 ]
    [[ "$output" == *"is not superuser"* ]]
    [[ "$output" == *"public.foreign_owned belongs to another role"* ]] || [[ "$output" == *"foreign_owned belongs to another role"* ]]
    [ "$(sql "$DB" "SELECT string_agg(tablename, ',' ORDER BY tablename) FROM pg_publication_tables")" = own,own_keyless,pr1 ]
    "$PSQL" -X -q -v ON_ERROR_STOP=1 -d "$(conninfo_tcp "$DB" limited)" -c "INSERT INTO own_keyless VALUES (1); DELETE FROM own_keyless; INSERT INTO pr VALUES (1); DELETE FROM pr"
    pgstrand uninstall --data "$DATA" --yes
    [ "$(sql "$DB" "SELECT count(*) FROM pg_publication")" -eq 0 ]
}
