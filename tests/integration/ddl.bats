# DDL on a captured database: the application's statements succeed, what they did is on record, every table that can lose
# rows has a usable replica identity, and no command's text is kept.

load ../lib/onecluster

setup_file() {
    onecluster_begin
    sql postgres "CREATE ROLE app LOGIN; CREATE ROLE other LOGIN"
}

setup() {
    untraced
    DB=shop$BATS_TEST_NUMBER
    DATA=$HARNESS/data$BATS_TEST_NUMBER
}

teardown() {
    agent_running "$DATA" && agent_kill9 "$DATA"
    sql postgres "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots
                  WHERE database = '$DB' AND NOT active" >/dev/null || true
}

init() {
    pgstrand init --yes --no-progress --data "$DATA" --source "$(conninfo "$DB")" "$@" >/dev/null 2>"$HARNESS/init.log" ||
        complain "init failed: $(<"$HARNESS/init.log")"
}

shop() {
    sql "$DB" "$1"
}

# As the role that owns the application's objects, who is no superuser.
app() {
    "$PSQL" -X -q -A -t -v ON_ERROR_STOP=1 -d "$(conninfo "$DB") user=app" -c "$1"
}

app_database() {
    database_new "$DB"
    shop 'CREATE SCHEMA app AUTHORIZATION app; ALTER ROLE app SET search_path = app'
    shop "GRANT CREATE ON DATABASE $DB TO app"
}

identity_of() {
    shop "SELECT relreplident FROM pg_class WHERE oid = '$1'::regclass"
}

assert_identities() {
    local without
    without=$(shop "SELECT oid::regclass FROM pg_class
        WHERE relkind = 'r' AND relreplident <> 'f' AND pg_relation_is_publishable(oid)
          AND pg_get_replica_identity_index(oid) IS NULL AND relnamespace <> 'pgstrand'::regnamespace")
    [ -z "$without" ] || complain "tables without a usable replica identity: $without"
}

# What a DDL row says of a relation: the newest one that names it.
recorded() {
    shop "SELECT o -> '$2' FROM pgstrand.ddl, jsonb_array_elements(objects::jsonb) o
          WHERE o ->> 'identity' = '$1' AND o ? '$2' ORDER BY lsn DESC LIMIT 1"
}

every_kind() {
    "$PSQL" -X -q -v ON_ERROR_STOP=1 -d "$(conninfo "$DB") user=app" <<'SQL_END'
CREATE TABLE t (id int PRIMARY KEY, v text);
INSERT INTO t SELECT g, 'v' || g FROM generate_series(1, 50) g;
ALTER TABLE t ADD COLUMN n int DEFAULT 7, ADD COLUMN r float DEFAULT random();
ALTER TABLE t RENAME v TO w;
ALTER TABLE t ALTER COLUMN n TYPE bigint USING n * 10;
ALTER TABLE t DROP COLUMN r, ALTER COLUMN w SET NOT NULL;
ALTER TABLE t RENAME TO renamed;
ALTER TABLE renamed DROP CONSTRAINT t_pkey;
UPDATE renamed SET w = 'no key' WHERE id = 1;
DELETE FROM renamed WHERE id = 2;
ALTER TABLE renamed ADD PRIMARY KEY (id) DEFERRABLE INITIALLY DEFERRED;
UPDATE renamed SET w = 'deferrable' WHERE id = 3;
ALTER TABLE renamed DROP CONSTRAINT renamed_pkey, ADD PRIMARY KEY (id);
UPDATE renamed SET w = 'key' WHERE id = 4;
CREATE TABLE copied AS SELECT * FROM renamed;
SELECT * INTO selected FROM renamed;
UPDATE copied SET w = 'x'; DELETE FROM selected WHERE id < 10;
CREATE TABLE nothing (a int, b int NOT NULL);
ALTER TABLE nothing REPLICA IDENTITY NOTHING;
INSERT INTO nothing VALUES (1, 2); UPDATE nothing SET a = 2;
CREATE UNIQUE INDEX byb ON nothing (b);
ALTER TABLE nothing REPLICA IDENTITY USING INDEX byb;
DROP INDEX byb;
DELETE FROM nothing;
CREATE TYPE mood AS ENUM ('sad', 'ok'); ALTER TYPE mood ADD VALUE 'happy'; ALTER TYPE mood RENAME VALUE 'ok' TO 'fine';
CREATE TYPE pair AS (a int, b text); CREATE TABLE typed OF pair; INSERT INTO typed VALUES (1, 'x');
ALTER TYPE pair ADD ATTRIBUTE c int CASCADE; UPDATE typed SET c = 3;
ALTER TYPE pair DROP ATTRIBUTE b CASCADE; DELETE FROM typed;
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE VIEW seen AS SELECT id FROM renamed; CREATE MATERIALIZED VIEW kept AS SELECT id FROM renamed;
REFRESH MATERIALIZED VIEW kept;
CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE PROCEDURE go() LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION fires() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER fires BEFORE INSERT ON renamed FOR EACH ROW EXECUTE FUNCTION fires();
CREATE SCHEMA more; CREATE TABLE more.m (id int GENERATED ALWAYS AS IDENTITY, d int GENERATED ALWAYS AS (1) STORED);
ALTER SCHEMA more RENAME TO lots; INSERT INTO lots.m DEFAULT VALUES; DELETE FROM lots.m; DROP SCHEMA lots CASCADE;
CREATE TABLE parted (id int, at date) PARTITION BY RANGE (at);
CREATE TABLE p1 PARTITION OF parted FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TABLE p2 (id int, at date); UPDATE p2 SET id = 1;
ALTER TABLE parted ATTACH PARTITION p2 FOR VALUES FROM ('2021-01-01') TO ('2022-01-01');
INSERT INTO parted VALUES (1, '2020-02-02'), (2, '2021-02-02');
UPDATE parted SET at = '2021-03-03' WHERE id = 1;
ALTER TABLE parted ADD PRIMARY KEY (id, at); UPDATE parted SET id = id + 1;
ALTER TABLE parted DROP CONSTRAINT parted_pkey; DELETE FROM parted WHERE id = 2;
ALTER TABLE parted ADD COLUMN note text DEFAULT 'n'; ALTER TABLE parted DETACH PARTITION p1; DELETE FROM p1;
CREATE TABLE father (a int PRIMARY KEY, b int); CREATE TABLE child (c int) INHERITS (father);
INSERT INTO child VALUES (1, 2, 3); UPDATE father SET b = 3; ALTER TABLE father ADD COLUMN d int DEFAULT 4;
ALTER TABLE father DROP COLUMN a; DELETE FROM father;
CREATE TABLE logged (a int); ALTER TABLE logged SET UNLOGGED; UPDATE logged SET a = 1; ALTER TABLE logged SET LOGGED;
UPDATE logged SET a = 1;
CREATE TEMP TABLE passing (a int); UPDATE passing SET a = 1; DROP TABLE passing;
BEGIN;
CREATE TABLE many (a int); INSERT INTO many VALUES (1), (2); ALTER TABLE many ADD COLUMN b int DEFAULT 2;
SAVEPOINT s; DROP TABLE many; ROLLBACK TO s; UPDATE many SET b = 3; ALTER TABLE many ADD UNIQUE (a); DELETE FROM many WHERE a = 1;
COMMIT;
CREATE FUNCTION makes(name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE %I (a int)', name);
    EXECUTE format('INSERT INTO %I VALUES (1)', name);
    EXECUTE format('UPDATE %I SET a = 2', name);
    EXECUTE format('ALTER TABLE %I ADD PRIMARY KEY (a)', name);
    EXECUTE format('DELETE FROM %I', name);
END $$;
SELECT makes('by function');
DO $$ BEGIN PERFORM makes('in do'); DROP TABLE "in do"; CREATE TABLE "in do" (x int); DELETE FROM "in do"; END $$;
CREATE INDEX CONCURRENTLY late ON renamed (w); DROP INDEX CONCURRENTLY late; REINDEX TABLE renamed;
CREATE EXTENSION citext; CREATE TABLE ext (c citext); DELETE FROM ext; DROP EXTENSION citext CASCADE;
CREATE SEQUENCE counts; ALTER SEQUENCE counts INCREMENT 2; DROP SEQUENCE counts;
COMMENT ON TABLE renamed IS 'words'; GRANT SELECT ON renamed TO other; REVOKE ALL ON renamed FROM other;
ALTER TABLE renamed ENABLE ROW LEVEL SECURITY; CREATE POLICY all_rows ON renamed USING (true);
ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO other;
ALTER DEFAULT PRIVILEGES IN SCHEMA app REVOKE SELECT ON TABLES FROM other;
DROP TABLE renamed, copied, selected, nothing, typed, parted, p1, father, child, logged, many, "by function", "in do" CASCADE;
DROP TYPE mood, pair, positive; DROP FUNCTION one, makes, fires; DROP PROCEDURE go; DROP TABLE ext;
SQL_END
}

# What DDL rows name behind an LSN: event, command, object, one a line; an index of TOAST has no name of its own.
named() {
    shop "SELECT event, tag, coalesce(o ->> 'type' || ' ' || (o ->> 'identity'), '') FROM pgstrand.ddl
              LEFT JOIN LATERAL jsonb_array_elements(objects::jsonb) o ON true
          WHERE lsn > '$1' AND coalesce(o ->> 'identity', '') NOT LIKE 'pg_toast.%'" | LC_ALL=C sort
}

@test "every kind of DDL by an owner who is no superuser, in all isolation levels: nothing fails, all is recorded" {
    app_database
    init
    local level since missing
    for level in 'read committed' 'repeatable read' serializable; do
        sql postgres "ALTER ROLE app SET default_transaction_isolation = '$level'"
        since=$(shop 'SELECT max(lsn) FROM pgstrand.ddl')
        every_kind || complain "failed in $level"
        assert_identities
        named "$since" >"$HARNESS/named.${level// /-}"
        missing=$(LC_ALL=C sort "$PGSTRAND_ROOT/tests/data/ddl/recorded" | LC_ALL=C comm -23 - "$HARNESS/named.${level// /-}")
        [ -z "$missing" ] || complain "not recorded in $level:" "$missing"
        [ "$(shop "SELECT count(*) FROM pgstrand.identity WHERE now = '?'")" -eq 0 ]
        [ "$(shop "SELECT count(*) FROM pgstrand.ddl WHERE objects LIKE '%error%'")" -eq 0 ]
    done
    # Under the others' old snapshots nothing is told again; all else is the same.
    [ "$(grep -c '^table_retold|ALTER TABLE|table app.t$' "$HARNESS/named.read-committed")" -eq 2 ]
    grep -v '^table_retold' "$HARNESS/named.read-committed" | diff - "$HARNESS/named.repeatable-read"
    diff "$HARNESS/named.repeatable-read" "$HARNESS/named.serializable"
    sql postgres "ALTER ROLE app RESET default_transaction_isolation"
}

@test "what is recorded: columns by number with missing values, children, typed tables, enum labels" {
    app_database
    init
    app "CREATE TABLE father (a int, b text); CREATE TABLE child (c int) INHERITS (father); INSERT INTO child VALUES (1, 'x', 2);
         ALTER TABLE father DROP COLUMN a; ALTER TABLE father ADD COLUMN d timestamptz DEFAULT '2020-01-01 12:00+02'"
    [ "$(recorded app.father columns | jq -c 'map([.n, .name])')" = '[[2,"b"],[3,"d"]]' ]
    [ "$(recorded app.child columns | jq -c 'map([.n, .name])')" = '[[2,"b"],[3,"c"],[4,"d"]]' ]
    [ "$(recorded app.child columns | jq -r '.[2].missing')" = '{"2020-01-01 10:00:00+00"}' ]
    app "CREATE TABLE parted (id int) PARTITION BY LIST (id); CREATE TABLE part PARTITION OF parted FOR VALUES IN (1)"
    app "BEGIN ISOLATION LEVEL REPEATABLE READ; ALTER TABLE parted ADD COLUMN e int DEFAULT 5; COMMIT"
    [ "$(recorded app.part columns | jq -c '.[1] | [.n, .name, .missing]')" = '[2,"e","{5}"]' ]
    [ "$(recorded app.part stale)" = true ]
    app "CREATE TYPE pair AS (a int, b text); CREATE TABLE typed OF pair; ALTER TYPE pair ADD ATTRIBUTE c int CASCADE"
    [ "$(recorded app.pair columns | jq -c 'map([.n, .name])')" = '[[1,"a"],[2,"b"],[3,"c"]]' ]
    [ "$(recorded app.typed columns | jq -c 'map([.n, .name])')" = '[[1,"a"],[2,"b"],[3,"c"]]' ]
    [ "$(recorded app.pair rowtype)" = "$(shop "SELECT 'app.pair'::regtype::oid")" ]
    app "CREATE TYPE mood AS ENUM ('sad', 'ok'); ALTER TYPE mood RENAME VALUE 'ok' TO 'fine'"
    [ "$(recorded app.mood labels | jq -c 'map(.label)')" = '["sad","fine"]' ]
    [ "$(recorded app.mood labels | jq '.[1].oid')" = "$(shop "SELECT oid FROM pg_enum WHERE enumlabel = 'fine'")" ]
}

@test "lastval() and session settings stay the application's" {
    app_database
    init
    [ "$(app "CREATE SEQUENCE s; SELECT nextval('s'); SET lock_timeout = '7s'; SET search_path = app, public;
              CREATE TABLE t (a int); CREATE TABLE u (a int PRIMARY KEY); ALTER TABLE t ADD COLUMN b int; DROP TABLE u;
              SELECT lastval(), current_setting('lock_timeout'), current_setting('search_path'), current_setting('session_replication_role')" |
        tail -n 1)" = '1|7s|app, public|origin' ]
}

@test "a key that goes gives FULL, one that comes back lowers it; what the owner chose stays" {
    app_database
    app "CREATE TABLE silent (id int PRIMARY KEY); ALTER TABLE silent REPLICA IDENTITY NOTHING"
    init
    app "CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE chosen (id int PRIMARY KEY); ALTER TABLE chosen REPLICA IDENTITY FULL"
    [ "$(identity_of app.t)" = d ]
    app 'ALTER TABLE t DROP CONSTRAINT t_pkey'
    [ "$(identity_of app.t)" = f ]
    app 'ALTER TABLE t ADD PRIMARY KEY (id)'
    [ "$(identity_of app.t)" = d ]
    app 'ALTER TABLE chosen ADD COLUMN b int'
    [ "$(identity_of app.chosen)" = f ]
    # What had a key when its owner chose NOTHING keeps FULL, and gets NOTHING back.
    app 'ALTER TABLE silent ADD COLUMN b int'
    [ "$(identity_of app.silent)" = f ]
    agent_start "$DATA"
    pgstrand wait --data "$DATA" --timeout 60 >/dev/null
    [ "$(identity_of app.silent)" = f ]
    [ "$(shop "SELECT count(*) FROM pgstrand.identity WHERE relation LIKE '%silent%'")" = 1 ]
    agent_stop "$DATA"
    # The lock that the command itself took is too weak to change anything more: the table stays as it is.
    app 'ALTER TABLE t SET (autovacuum_enabled = off)'
    [ "$(identity_of app.t)" = d ]
    pgstrand uninstall --yes --data "$DATA" >/dev/null 2>&1
    [ "$(identity_of app.t)" = d ] && [ "$(identity_of app.chosen)" = f ] && [ "$(identity_of app.silent)" = n ]
}

@test "what pgstrand captures by can be neither renamed, narrowed nor dropped, other publications can" {
    app_database
    init
    local publication
    publication=$(shop 'SELECT pubname FROM pg_publication')
    refute shop "ALTER PUBLICATION $publication RENAME TO pgstrand_0123456789abcdef"
    refute shop "ALTER PUBLICATION $publication SET (publish = 'insert')"
    refute shop "ALTER PUBLICATION $publication SET (publish_via_partition_root = true)"
    refute shop "DROP PUBLICATION $publication"
    refute shop 'DROP TABLE pgstrand.ddl'
    shop "CREATE PUBLICATION pgstrand_0123456789abcdef; ALTER PUBLICATION pgstrand_0123456789abcdef RENAME TO mine; DROP PUBLICATION mine"
    pgstrand uninstall --yes --data "$DATA" >/dev/null 2>&1
    [ "$(shop "SELECT count(*) FROM pg_event_trigger")" -eq 0 ]
}

@test "no password in a command reaches the log or the sealed files" {
    app_database
    shop 'CREATE EXTENSION postgres_fdw'
    init
    agent_start "$DATA"
    sql "$DB" "CREATE ROLE r1 LOGIN PASSWORD 'hemlig-ett'; ALTER ROLE r1 PASSWORD 'hemlig-ett'; CREATE USER r2 PASSWORD 'hemlig-ett'"
    shop "CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'h', dbname 'd');
          CREATE USER MAPPING FOR app SERVER s OPTIONS (user 'u', password 'hemlig-ett');
          ALTER USER MAPPING FOR app SERVER s OPTIONS (SET password 'hemlig-ett');
          CREATE SUBSCRIPTION sub CONNECTION 'host=nowhere password=hemlig-ett' PUBLICATION p WITH (connect = false);
          ALTER SUBSCRIPTION sub CONNECTION 'host=nowhere password=hemlig-ett dbname=x'"
    app "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)"
    pgstrand wait --data "$DATA" --timeout 60 >/dev/null
    pgstrand seal --data "$DATA" >/dev/null
    pgstrand seal --data "$DATA" --type full >/dev/null
    agent_stop "$DATA"
    # The search itself can find: the name of the user mapping's server is there.
    grep -rqs 'USER MAPPING' "$DATA/log"
    refute grep -rqs 'hemlig-ett' "$DATA"
    shop "ALTER SUBSCRIPTION sub SET (slot_name = NONE); DROP SUBSCRIPTION sub"
    sql postgres 'DROP ROLE r1, r2'
}

# One line of the configuration file a second argument; the agent reads it from the data directory.
init_with() {
    printf '[source]\nconninfo = %s\n%s\n' "$(conninfo "$DB")" "$1" >"$HARNESS/conf"
    init --config "$HARNESS/conf"
}

has_identity() {
    [ "$(identity_of "$1")" = "$2" ]
}

@test "a table that a column rule looks at is made after init: whole old rows from its first change on" {
    app_database
    init_with $'[tiers]\ntransient = jobs*\naudit = jobs* where state = \'DONE\''
    app "CREATE TABLE jobs1 (id int PRIMARY KEY, state text)"
    has_identity app.jobs1 f
    app "CREATE TABLE jobs2 (id int PRIMARY KEY); CREATE TABLE kept (id int PRIMARY KEY, state text)"
    has_identity app.jobs2 d
    has_identity app.kept d
    app "BEGIN ISOLATION LEVEL REPEATABLE READ; ALTER TABLE jobs2 ADD COLUMN state text; COMMIT"
    has_identity app.jobs2 f
}

# Changes of the schema that were found by comparing.
found() {
    [ "$(shop "SELECT count(*) FROM pgstrand.ddl WHERE event = 'compare'")" -ge "$1" ]
}

# The schema as it is now is kept: what comes is another change.
settled() {
    pgstrand wait --data "$DATA" --timeout 60 >/dev/null
    wait_for 60 schema_kept "$DATA"
}

@test "the agent does what the triggers may not: lower in REPEATABLE READ, raise what was locked, say what is missing" {
    app_database
    sql postgres 'CREATE ROLE early'
    app 'CREATE TABLE lent (id int PRIMARY KEY); GRANT SELECT ON lent TO early'
    init_with $'[capture]\nschema_check = 1s'
    sql postgres 'ALTER ROLE early RENAME TO earlier' # before anybody looks: the base has the old name
    agent_start "$DATA"
    wait_for 20 found 1
    app "CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE u (id int PRIMARY KEY)"
    app "BEGIN ISOLATION LEVEL REPEATABLE READ; ALTER TABLE t DROP CONSTRAINT t_pkey; COMMIT"
    app "BEGIN ISOLATION LEVEL REPEATABLE READ; ALTER TABLE t ADD PRIMARY KEY (id); COMMIT"
    has_identity app.t f
    wait_for 20 has_identity app.t d
    # Changes that no event trigger sees, found by comparing.
    sql postgres 'CREATE ROLE clerk'
    app 'GRANT SELECT ON t TO clerk'
    [ "$(shop "SELECT count(*) FROM pgstrand.ddl WHERE tag = 'GRANT' AND objects LIKE '%TABLE%'")" -ge 1 ]
    sleep 6
    [ "$(shop "SELECT count(*) FROM pgstrand.ddl WHERE event = 'compare'")" -eq 1 ]
    sql postgres 'ALTER ROLE clerk RENAME TO cashier'
    wait_for 20 found 2
    shop 'ALTER TABLE app.u OWNER TO cashier'
    settled
    app 'CLUSTER t USING t_pkey'
    wait_for 20 found 3
    settled
    shop 'REASSIGN OWNED BY cashier TO app'
    wait_for 20 found 4
    settled
    sql postgres "ALTER DATABASE $DB SET work_mem = '5MB'"
    wait_for 20 found 5
    settled
    sql postgres "ALTER DATABASE $DB SET work_mem = '6MB'"
    wait_for 20 found 6
    settled
    # For this one a trigger is called, but not told what went.
    shop 'DROP OWNED BY cashier'
    [ "$(shop "SELECT count(*) FROM pgstrand.ddl WHERE tag = 'DROP OWNED'")" -ge 1 ]
    settled
    # Without a trigger a key can go unseen; and it is said.
    shop 'ALTER EVENT TRIGGER pgstrand_command_end DISABLE; ALTER EVENT TRIGGER pgstrand_sql_drop DISABLE'
    app 'ALTER TABLE u DROP CONSTRAINT u_pkey'
    wait_for 20 has_identity app.u f
    said() {
        pgstrand status --data "$DATA" --json | jq -e '.problems | any(contains("event triggers"))'
    }
    wait_for 20 said
    agent_stop "$DATA"
    sql "$DB" 'DROP OWNED BY cashier; DROP ROLE cashier; DROP OWNED BY earlier; DROP ROLE earlier'
}

@test "what cannot be captured is told once, also when it comes later, and named by status, which stays healthy" {
    app_database
    init
    pgstrand status --data "$DATA" --json | jq -e '.not_captured == []'
    agent_start "$DATA"
    told() {
        [ "$(agent_log "$DATA" | grep -c "$1")" -eq "${2:-1}" ]
    }
    shop 'SELECT lo_create(0)' >/dev/null
    "$PSQL" -X -q -d "$(conninfo "$DB") user=app" -c 'CREATE TEMP TABLE passing (a int)' -c 'SELECT pg_sleep(60)' >/dev/null 2>&1 3>&- &
    local session=$!
    there() {
        [ "$(shop "SELECT count(*) FROM pg_class WHERE relname = 'passing'")" -eq 1 ]
    }
    wait_for 20 there
    app 'CREATE UNLOGGED TABLE quick (a int)'
    wait_for 20 told 'table app.quick is unlogged'
    told 'the database has large objects now'
    told 'there are temporary tables'
    pgstrand status --data "$DATA" --json | jq -e '.healthy and .not_captured == ["1 unlogged table", "large objects", "temporary tables"]'
    pgstrand status --data "$DATA" | grep -q '^not captured  1 unlogged table, large objects, temporary tables$'
    agent_stop "$DATA"
    agent_start "$DATA"
    shop 'SELECT lo_create(0)' >/dev/null
    app 'CREATE UNLOGGED TABLE quicker (a int)'
    wait_for 20 told 'table app.quicker is unlogged'
    told 'table app.quick is unlogged'
    told 'the database has large objects now'
    told 'there are temporary tables'
    shop "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'" >/dev/null
    wait "$session" || true
    agent_stop "$DATA"
}

@test "constant DDL: a FULL is made behind the gate, and no statement waits long" {
    app_database
    init
    agent_start "$DATA"
    local worker workers=() stop=$HARNESS/stop
    rm -f "$stop"
    # Each statement is a transaction of its own: what a dump or a copy has seen is gone when it wants it.
    ddl_of() {
        PGOPTIONS='-c statement_timeout=30s' "$PSQL" -X -q -v ON_ERROR_STOP=1 -d "$(conninfo "$DB") user=app" \
            -c "CREATE TABLE $1 (id int PRIMARY KEY)" -c "ALTER TABLE $1 ADD v text" -c "DROP TABLE $1"
    }
    for worker in 1 2 3; do
        (
            while [ ! -e "$stop" ]; do
                ddl_of "w$worker" 2>"$HARNESS/words$worker" || cat "$HARNESS/words$worker" >>"$HARNESS/ddl-failed"
            done
        ) 3>&- >/dev/null 2>&1 &
        workers+=($!)
    done
    sleep 1
    local begun ended watcher
    # The FULL's lock on the gate, as long as it has it: the agent closes it for its own dumps, too.
    "$PSQL" -X -q -A -t -d "$(conninfo "$DB")" >"$HARNESS/gate" 2>&1 3>&- <<'SQL_END' &
SELECT 'closed' FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE application_name = 'the FULL' AND locktype = 'advisory' AND (classid, objid) = (1885827956, 1734440037) AND mode = 'ExclusiveLock' AND granted
\watch 0.02
SQL_END
    watcher=$!
    begun=$(shop 'SELECT count(*) FROM pgstrand.ddl')
    PGAPPNAME='the FULL' pgstrand seal --data "$DATA" --type full >/dev/null 2>"$HARNESS/seal.log" || complain "no FULL: $(<"$HARNESS/seal.log")"
    ended=$(shop 'SELECT count(*) FROM pgstrand.ddl')
    touch "$stop"
    wait "${workers[@]}"
    kill "$watcher"
    wait "$watcher" || true
    grep -qx closed "$HARNESS/gate"
    echo "$begun to $ended rows of DDL" >&2
    [ "$ended" -gt "$begun" ]
    [ ! -e "$HARNESS/ddl-failed" ] || complain "$(<"$HARNESS/ddl-failed")"
    agent_stop "$DATA"
}

@test "a dump waits for a table whose transaction wants one that the dump has: it is the dump that gives way, not the application" {
    app_database
    app 'CREATE TABLE early (id int PRIMARY KEY); CREATE TABLE late (id int PRIMARY KEY)' # locked by pg_dump in this order
    init
    agent_start "$DATA"
    session_open ddl "$DB"
    say ddl 'BEGIN; ALTER TABLE app.late ADD more int'
    app 'CREATE TABLE other (id int)' # has the agent take a dump
    dump_waits() {
        [ "$(shop "SELECT count(*) FROM pg_locks WHERE relation = 'app.late'::regclass AND mode = 'AccessShareLock' AND NOT granted")" -eq 1 ]
    }
    wait_for 20 dump_waits
    say ddl 'ALTER TABLE app.early ADD more int; COMMIT'
    session_close ddl
    [ "$(shop "SELECT count(*) FROM pg_attribute WHERE attrelid IN ('app.early'::regclass, 'app.late'::regclass) AND attname = 'more'")" -eq 2 ]
    settled
    agent_stop "$DATA"
}

@test "the gate stays closed: DDL waits three seconds at most and goes on" {
    app_database
    init
    local began
    session_open gate "$DB"
    say gate 'SELECT pg_advisory_lock(1885827956, 1734440037)'
    began=$SECONDS
    app "SET statement_timeout = '60s'; CREATE TABLE t (id int PRIMARY KEY)" # who waited for the gate alone would never come
    [ $((SECONDS - began)) -ge 2 ]
    session_close gate
}

@test "without superuser a change shows with the table's next row, also when the agent is killed before it is noted" {
    database_new "$DB"
    sql postgres "CREATE ROLE plain LOGIN REPLICATION; ALTER ROLE plain SET log_statement = 'all'"
    shop "GRANT CREATE ON DATABASE $DB TO plain; GRANT CREATE ON SCHEMA public TO plain"
    plain() {
        "$PSQL" -X -q -A -t -v ON_ERROR_STOP=1 -d "$(conninfo "$DB") user=plain" -c "$1"
    }
    inferred() {
        [ "$(pgstrand log --data "$DATA" --json | grep -c INFERRED)" -eq "$1" ]
    }
    healthy_with() {
        pgstrand status --data "$DATA" --json | jq -e '.healthy' &&
            [ "$(pgstrand snapshots --data "$DATA" --json | jq '[.[] | select(.type == "full")] | length')" -eq "$1" ]
    }
    plain "CREATE TABLE t (id int PRIMARY KEY, v varchar(9)); CREATE TABLE same (id int PRIMARY KEY, n numeric(9,2), g int GENERATED ALWAYS AS (id) STORED);
        CREATE TABLE keyless (a int, b text[]); INSERT INTO t VALUES (1, 'base');
        CREATE TABLE passing (id int PRIMARY KEY); INSERT INTO passing VALUES (1)"
    printf '[capture]\nschema_check = 0\n[tiers]\ntransient = passing\n' >"$HARNESS/conf"
    pgstrand init --yes --quiet --no-progress --data "$DATA" --source "$(conninfo "$DB") user=plain" --config "$HARNESS/conf" >/dev/null
    PGSTRAND_IO_FAULT=slow:3000:/catalog agent_start --no-wait "$DATA"
    # What is as it was in the base is no news; the log has not seen any of these tables.
    plain "INSERT INTO same VALUES (1, 1.5); INSERT INTO keyless VALUES (1, '{x}'); UPDATE keyless SET a = 2"
    plain "ALTER TABLE t ADD c int DEFAULT 5; INSERT INTO t VALUES (2, 'with', 6)"
    wait_for 30 inferred 1
    agent_kill9 "$DATA"
    pgstrand status --data "$DATA" --json | jq -e '.problems | any(contains("schema changed")) | not'
    agent_start "$DATA"
    agent_log "$DATA" | grep -q 'the schema changed at seq .*: INFERRED'
    wait_for 40 healthy_with 2
    plain "INSERT INTO t VALUES (3, 'after', 7)"
    pgstrand wait --data "$DATA" --timeout 60 >/dev/null
    inferred 1
    # A tier that only the configuration takes away: the table is captured, and its rows from before are in no base. The server, which
    # looks through all of its publication for an answer, is asked about that table alone, and not while it is transient.
    publication_asked() {
        grep -c 'execute .*SELECT EXISTS (SELECT FROM pg_catalog.pg_publication_tables WHERE pubname' "$(cluster_folder)/log"
    }
    [ "$(publication_asked)" -eq 0 ]
    agent_stop "$DATA"
    sed -i 's/^transient = passing/transient =/' "$DATA/pgstrand.conf"
    agent_start "$DATA"
    wait_for 40 healthy_with 3
    [ "$(publication_asked)" -eq 1 ]
    agent_stop "$DATA"
    agent_start "$DATA"
    plain "INSERT INTO passing VALUES (2)"
    pgstrand wait --data "$DATA" --timeout 60 >/dev/null
    inferred 1
    sleep 1
    [ "$(agent_log "$DATA" | grep -c 'gives tables other tiers')" -eq 1 ]
    healthy_with 3
    database_new "back_$DB"
    pgstrand restore --data "$DATA" --quiet --target "$(conninfo "back_$DB")" >/dev/null
    assert_same_tables "$(conninfo "$DB")" "$(conninfo "back_$DB")"
    agent_stop "$DATA"
    pgstrand uninstall --yes --data "$DATA" >/dev/null 2>&1
}
