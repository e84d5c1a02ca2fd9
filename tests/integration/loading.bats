# Bases and what is loaded from them: several connections, types in binary form and as text, partitions, tables of extensions; targets
# of an owner who is no superuser. Each test has a small source of its own, which most of them capture without an agent.

bats_require_minimum_version 1.5.0

load ../lib/restoring

# source_made SQL: database $source, made by the SQL; source_based: captured in $DATA, with a FULL of UUID $base.
source_made() {
    source=src$BATS_TEST_NUMBER
    DATA=$BATS_TEST_TMPDIR/data
    database_new "$source"
    sql "$source" "$1"
}

source_based() {
    pgstrand init --data "$DATA" --source "$(conninfo "$source")" --yes --no-wal-limit --quiet >/dev/null
    base=$(pgstrand snapshots --data "$DATA" --json | jq -r '.[-1].uuid')
}

# Its slot must not be in the way of the next test.
teardown() {
    restoring_end
    ! agent_running "$BATS_TEST_TMPDIR/data" || agent_kill9 "$BATS_TEST_TMPDIR/data"
    pgstrand uninstall --data "$BATS_TEST_TMPDIR/data" --yes >/dev/null 2>&1 || true
    database_drop "src$BATS_TEST_NUMBER"
}

# The lock is granted when COPY has ended, before what comes next.
spoil_row() {
    sql spoilt_pgstrand_new "BEGIN; LOCK TABLE still; UPDATE still SET word = 'spoilt' WHERE id = 7 RETURNING 'spoilt'; COMMIT" \
        2>/dev/null | grep -q spoilt
}

@test "a large base takes two connections by itself, where the target can be exchanged" {
    local how pid at before
    source_made "
        CREATE TABLE still (id int PRIMARY KEY, word text COLLATE \"C\", twice int GENERATED ALWAYS AS (id * 2) STORED, gone int);
        ALTER TABLE still DROP COLUMN gone;
        INSERT INTO still SELECT i, repeat(md5(i::text), 32) FROM generate_series(1, 36000) i; -- each has 36 MB
        INSERT INTO still VALUES (0, NULL), (-1, ''), (-2, E'\\t\\n\\\\');
        CREATE TABLE moved (LIKE still INCLUDING ALL);
        INSERT INTO moved SELECT id, word FROM still;
        CREATE INDEX ON still (word); CREATE INDEX ON moved (word);
        CREATE STATISTICS both_columns ON id, word FROM moved;
        ALTER TABLE moved ADD FOREIGN KEY (id) REFERENCES still"
    source_based
    agent_start "$DATA"
    sql "$source" "UPDATE moved SET word = 'moved' WHERE id % 5 = 0; DELETE FROM moved WHERE id % 7 = 0"
    at=$(pgstrand wait --data "$DATA" --timeout 60)
    agent_stop "$DATA"
    before=$(oid_of "$target")
    restore --to-seq "$at" --json >"$BATS_TEST_TMPDIR/done.json"
    [ "$(oid_of "$target")" != "$before" ]
    jq -e '.tables | length == 2 and all(.proven)' "$BATS_TEST_TMPDIR/done.json"
    assert_same_tables "$(conninfo "$source")" "$(conninfo "$target")" public.still public.moved
    [ "$(sql "$target" "SELECT count(*) FROM pg_stats WHERE tablename IN ('still', 'moved') AND attname = 'id'")" = 2 ]
    [ "$(sql "$target" "SELECT count(*) FROM pg_stats_ext WHERE statistics_name = 'both_columns' AND n_distinct IS NOT NULL")" = 1 ]

    # what a new database would not have: one transaction, or, when several jobs are asked for, the old one stays
    database_new prepared
    sql prepared "CREATE FUNCTION ours() RETURNS int LANGUAGE sql AS 'SELECT 7'"
    before=$(oid_of prepared)
    pgstrand restore --data "$DATA" --target "$(conninfo prepared)" --to-seq "$at" --tables still --no-analyze >/dev/null
    [ "$(oid_of prepared)" = "$before" ]
    [ "$(sql prepared 'SELECT ours()')" = 7 ]
    sql prepared 'DROP TABLE still, moved'
    pgstrand restore --data "$DATA" --target "$(conninfo prepared)" --to-seq "$at" --tables still --no-analyze --jobs 2 >/dev/null 2>"$HARNESS/kept"
    grep -q 'it is kept as prepared_pgstrand_old' "$HARNESS/kept"
    [ "$(sql prepared_pgstrand_old 'SELECT ours()')" = 7 ]
    database_drop prepared
    database_drop prepared_pgstrand_old

    # what somebody makes in the target meanwhile is kept with it
    database_new spoilt
    pgstrand restore --data "$DATA" --target "$(conninfo spoilt)" --to-seq "$at" --quiet --no-analyze 2>"$HARNESS/spoilt" 3>&- &
    pid=$!
    wait_for 30 sql spoilt_pgstrand_new 'SELECT 1'
    sql spoilt "CREATE FUNCTION ours() RETURNS int LANGUAGE sql AS 'SELECT 7'"
    wait "$pid"
    [ "$(sql spoilt_pgstrand_old 'SELECT ours()')" = 7 ]
    database_drop spoilt
    database_drop spoilt_pgstrand_old

    # a row that is another one when the table is proven: by the server's sums, and by reading back
    for how in '' --read-back; do
        database_new spoilt
        # shellcheck disable=SC2086
        pgstrand restore --data "$DATA" --target "$(conninfo spoilt)" --to-seq "$at" --quiet $how 2>"$HARNESS/spoilt" 3>&- &
        pid=$!
        wait_for 30 spoil_row
        wait "$pid" && return 1
        grep -q 'proving public.still: the target.s rows are not those that were expected; nothing was changed' "$HARNESS/spoilt"
        [ -z "$(sql spoilt "SELECT to_regclass('public.still')")" ]
        [ -z "$(oid_of spoilt_pgstrand_new)" ]
        database_drop spoilt
    done
}

@test "a foreign key of a partitioned table sees the rows of all partitions, however many connections load them" {
    local jobs
    source_made "
        CREATE TABLE makers (id int PRIMARY KEY);
        CREATE TABLE readings (at int, maker int REFERENCES makers) PARTITION BY RANGE (at);
        CREATE TABLE readings1 PARTITION OF readings FOR VALUES FROM (0) TO (100000);
        CREATE TABLE readings2 PARTITION OF readings FOR VALUES FROM (100000) TO (200000);
        INSERT INTO makers VALUES (1), (2);
        INSERT INTO readings SELECT i, i % 2 + 1 FROM generate_series(0, 199999) i"
    source_based
    for jobs in 1 3; do
        database_again "$target"
        expect_exit 11 'foreign key readings_maker_fkey of .*: 100000 rows without their parent' \
            restore --to-snapshot "$base" --tables 'readings*' --jobs "$jobs" --quiet
        restore --to-snapshot "$base" --jobs "$jobs" --quiet 2>/dev/null
        [ "$(sql "$target" "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND convalidated")" = \
            "$(sql "$source" "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND convalidated")" ]
    done
    database_drop "${target}_pgstrand_old"
}

@test "common types are loaded in binary form, whatever their values" {
    local at logged
    logged=$(cluster_folder)/log
    source_made "
        CREATE TYPE mood AS ENUM ('fine', 'a, \"b\"');
        CREATE DOMAIN percent AS numeric(5,2) CHECK (VALUE <= 100);
        CREATE TABLE typed (id int PRIMARY KEY, yes bool, small smallint, big bigint, f4 real, f8 double precision, n numeric,
            part percent, t text, v varchar(40), c char(9), any_length bpchar, j json, jb jsonb, bytes bytea, u uuid, d date, ts timestamp,
            tz timestamptz(3), feeling mood, one \"char\"[] GENERATED ALWAYS AS ('{x}') STORED);
        INSERT INTO typed SELECT i, i % 3 = 0, i - 1500, (random() - 0.5) * 1.8e19, (random() - 0.5) * 10 ^ (i % 60 - 30),
            (random() - 0.5) * 10 ^ (i % 600 - 300), round(((random() - 0.5) * 10 ^ (i % 40 - 20))::numeric, i % 30),
            random() * 100, CASE i % 4 WHEN 0 THEN E'tab\\tline\\nback\\\\slash\\r\\b' WHEN 1 THEN '\\N' ELSE 'näher 🙂' END,
            repeat('ü', i % 40), (ARRAY['pad', '', ' ü '])[i % 3 + 1], (ARRAY['no ', '', ' '])[i % 3 + 1], '{\"a\": [1, 2]}', jsonb_build_object('k', i, 'b', E'\\\\'),
            decode(md5(i::text), 'hex'), gen_random_uuid(), date '4714-11-24 BC' + i * 1900, timestamp '4714-11-24 BC' +
            i * interval '90 days 5 hours 0.000001 second', timestamptz '0001-01-01 BC' + i * interval '1 year 1 millisecond',
            CASE i % 2 WHEN 0 THEN 'fine' ELSE 'a, \"b\"' END::mood FROM generate_series(1, 3000) i;
        INSERT INTO typed (id) VALUES (0);
        INSERT INTO typed (id, f4, f8, n, d, ts, tz, bytes, t) VALUES
            (-1, 'NaN', 'NaN', 'NaN', 'infinity', 'infinity', 'infinity', '', ''),
            (-2, '-Infinity', 'Infinity', '-0.0000', '-infinity', '-infinity', '-infinity', '\\x00', 'x'),
            (-3, '-0', '-0', '1e-500', '5874897-12-31', '294276-12-31 23:59:59.999999', '294276-12-31', NULL, NULL),
            (-4, '1e-45', '5e-324', '1e1000', '2000-02-29', '1999-12-31 23:59:59.999999', '1999-12-31 23:59:59.999', NULL, NULL),
            (-5, '3.4028235e38', '1.7976931348623157e308', '-99999999.99990000', '0001-01-01', '0001-12-31 BC', '0044-03-15 BC',
             NULL, NULL)"
    source_based
    agent_start "$DATA"
    sql "$source" "UPDATE typed SET n = n * 3 + 0.001, ts = ts + interval '1 second' WHERE id % 5 = 1; DELETE FROM typed WHERE id % 7 = 1"
    at=$(pgstrand wait --data "$DATA" --timeout 60)
    agent_stop "$DATA"
    cluster_set log_statement all
    restore --to-seq "$at" --json >"$BATS_TEST_TMPDIR/done.json"
    sql postgres 'ALTER SYSTEM RESET log_statement' && sql postgres 'SELECT pg_reload_conf()' >/dev/null
    assert_same_tables "$(conninfo "$source")" "$(conninfo "$target")" public.typed
    jq -e '[.tables[].proven] | all' "$BATS_TEST_TMPDIR/done.json"
    grep -q 'COPY "public"."typed" .* FROM STDIN (FORMAT binary' "$logged"
    grep -q 'SELECT pg_catalog.count.*hashint4extended.* FROM ONLY "public"."typed"' "$logged"
    refute grep -q 'COPY "public"."typed" .* TO STDOUT' "$logged" # the sums were equal
    [ "$(sql "$target" "SELECT relallvisible * 2 > relpages FROM pg_class WHERE relname = 'typed'")" = t ] # frozen; 18 leaves some pages out
}

@test "a table of an extension that the target has already is loaded, though its rows cannot be frozen" {
    local member="CREATE EXTENSION citext; CREATE TABLE member (id int PRIMARY KEY) WITH (autovacuum_enabled = off); ALTER EXTENSION citext ADD TABLE member"
    source_made "$member"
    sql "$target" "$member"
    sql "$source" "CREATE TABLE other (id int PRIMARY KEY); INSERT INTO member SELECT generate_series(1, 3000); INSERT INTO other TABLE member"
    source_based
    restore --to-snapshot "$base" --quiet
    assert_same_tables "$(conninfo "$source")" "$(conninfo "$target")" public.member public.other
    [ "$(sql "$target" "SELECT string_agg(relname, ',') FROM pg_class WHERE relname IN ('member', 'other') AND relallvisible > 0")" = other ]
}

@test "tables of other types are loaded as text, and the server adds up the text of their rows, too" {
    local logged
    logged=$(cluster_folder)/log
    source_made "
        CREATE TYPE pair AS (a int, b text);
        CREATE DOMAIN words AS text[] CHECK (cardinality(VALUE) < 9);
        CREATE TYPE mood AS ENUM ('fine', 'a, \"b\"');
        CREATE TYPE whole;
        CREATE FUNCTION whole_in(cstring) RETURNS whole LANGUAGE internal STRICT IMMUTABLE AS 'int8in';
        CREATE FUNCTION whole_out(whole) RETURNS cstring LANGUAGE internal STRICT IMMUTABLE AS 'int8out';
        CREATE TYPE whole (INPUT = whole_in, OUTPUT = whole_out, LIKE = bigint);
        CREATE DOMAIN feeling AS mood;
        CREATE DOMAIN short AS char(7);
        CREATE TABLE worded (id bigint PRIMARY KEY, u uuid, yes bool, list text[], w words, p pair, ps pair[], i inet, m macaddr,
            took interval, r int4range, rs nummultirange, at point, search tsvector, v varbit, moods mood[], n name, k \"char\",
            own whole, d date, felt feeling, big bigint, padded short);
        INSERT INTO worded SELECT i, gen_random_uuid(), i % 2 = 0, ARRAY[E'tab\\t', 'x, \"y\"', NULL, 'NULL', E'\\\\'],
            ARRAY[i::text], (i, E'(\\n)'::text)::pair, ARRAY[(i, NULL::text)::pair, NULL], '10.0.0.0/8'::inet + i, '08:00:2b:01:02:03', i * interval '1 day 0.01 s',
            int4range(i, 2 * i), ('{[1,' || i || '),[9999,)}')::nummultirange, point(i, 0.1), to_tsvector('it''s ' || i), i::bit(20)::varbit,
            '{fine,NULL}', 'n' || i, 'c', (i - 900)::text::whole, date '2000-01-01' + i, 'fine', (i - 700) * 3000000000, 'x' || i FROM generate_series(1, 1500) i;
        INSERT INTO worded (id) VALUES (0)"
    source_based
    cluster_set log_statement all
    restore --to-snapshot "$base" --json >"$BATS_TEST_TMPDIR/done.json"
    sql postgres 'ALTER SYSTEM RESET log_statement' && sql postgres 'SELECT pg_reload_conf()' >/dev/null
    assert_same_tables "$(conninfo "$source")" "$(conninfo "$target")" public.worded
    jq -e '[.tables[].proven] | all' "$BATS_TEST_TMPDIR/done.json"
    grep -q 'COPY "public"."worded" .* FROM STDIN (FORMAT text' "$logged"
    grep -q 'SELECT pg_catalog.count.*array_out("list").* FROM ONLY "public"."worded"' "$logged"
    refute grep -q 'COPY "public"."worded" .* TO STDOUT' "$logged" # the sums were equal
}

small="CREATE EXTENSION citext; CREATE TABLE parent (name citext PRIMARY KEY); CREATE TABLE child (id int PRIMARY KEY, name citext REFERENCES parent);
    INSERT INTO parent VALUES ('Tea'); INSERT INTO child VALUES (1, 'TEA')"

@test "replace by an owner who is no superuser: triggers that were off stay off, foreign keys compare as they do" {
    source_made "$small"
    source_based
    restore >/dev/null
    sql "$target" "CREATE FUNCTION public.spoil() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN RAISE 'fired'; END \$\$;
        CREATE TRIGGER live BEFORE INSERT OR DELETE ON child FOR EACH ROW EXECUTE FUNCTION public.spoil();
        CREATE TRIGGER off BEFORE INSERT ON child FOR EACH ROW EXECUTE FUNCTION public.spoil(); ALTER TABLE child DISABLE TRIGGER off"
    # With the right to switch triggers off: the orphans are looked for.
    restore --mode replace --yes >/dev/null
    sql "$target" "DROP ROLE IF EXISTS keeper; CREATE ROLE keeper LOGIN; ALTER TABLE parent OWNER TO keeper; ALTER TABLE child OWNER TO keeper"
    pgstrand restore --data "$DATA" --target "$(conninfo_tcp "$target" keeper)" --mode replace --yes >/dev/null
    [ "$(sql "$target" "SELECT string_agg(tgname || ' ' || tgenabled::text, ', ' ORDER BY tgname) FROM pg_trigger WHERE NOT tgisinternal")" = "live O, off D" ]
    [ "$(sql "$target" "SELECT count(*) FROM child JOIN parent USING (name)")" = 1 ]
    sql "$target" "REASSIGN OWNED BY keeper TO postgres; DROP ROLE keeper"
}

@test "a schema public that is another role's stays as it is, and what is left out is said" {
    local about="SELECT obj_description(oid, 'pg_namespace'), nspacl::text ~ 'pg_monitor' FROM pg_namespace WHERE nspname = 'public'"
    local left=2 before15
    before15=$(sql postgres "SELECT current_setting('server_version_num')::int < 150000")
    [ "$before15" = f ] || left=5 # pg_dump then also writes down its owner and what PUBLIC may
    source_made "CREATE TABLE plain (id int PRIMARY KEY); INSERT INTO plain VALUES (1);
        COMMENT ON SCHEMA public IS 'the shop'; GRANT CREATE ON SCHEMA public TO pg_monitor"
    source_based
    sql "$target" "DROP ROLE IF EXISTS keeper; CREATE ROLE keeper LOGIN; ALTER DATABASE $target OWNER TO keeper;
        ALTER SCHEMA public OWNER TO postgres; GRANT CREATE ON SCHEMA public TO keeper"
    pgstrand restore --data "$DATA" --target "$(conninfo_tcp "$target" keeper)" --role postgres=keeper --json >"$HARNESS/restored" 2>/dev/null
    jq -e --argjson left "$left" '(.tables | length == 1 and all(.proven)) and ([.warnings[] | select(startswith("the schema public belongs to another role there"))]
        | length == $left and any(contains("COMMENT ON SCHEMA public IS")) and any(contains("GRANT CREATE ON SCHEMA public TO pg_monitor")))' "$HARNESS/restored"
    target_has "$about" 'standard public schema|f'
    # Before 15 a new database's is the superuser's: several connections leave it, too.
    if [ "$before15" = t ]; then
        database_new more
        sql more "ALTER DATABASE more OWNER TO keeper; ALTER ROLE keeper CREATEDB"
        pgstrand restore --data "$DATA" --target "$(conninfo_tcp more keeper)" --role postgres=keeper --jobs 2 --json 2>/dev/null |
            jq -e --argjson left "$left" '(.tables | all(.proven)) and
                ([.warnings[] | select(startswith("the schema public belongs to another role there"))] | length == $left)'
        database_drop more
        database_drop more_pgstrand_old
    fi
    sql "$target" 'REVOKE ALL ON SCHEMA public FROM keeper'
    keeper_leaves "$target"
    database_again "$target"
    restore --json 2>/dev/null | jq -e '.warnings | any(contains("schema public")) | not'
    target_has "$about" 'the shop|t'
}

@test "several connections for an owner who is no superuser: where CREATE on the tablespace is missing the plan says so, the server's own takes none" {
    local before
    source_made 'CREATE TABLE plain (id int PRIMARY KEY); INSERT INTO plain VALUES (1), (2)'
    source_based
    as_keeper() {
        pgstrand restore --data "$DATA" --target "$(conninfo_tcp "$target" keeper)" --role postgres=keeper --jobs 2 --drop-old "$@"
    }
    sql postgres 'DROP ROLE IF EXISTS keeper'
    sql postgres 'CREATE ROLE keeper LOGIN CREATEDB'
    before=$(oid_of "$target")
    expect_exit 11 "takes the place of $target, which is for its owner postgres: connect as that role" as_keeper --quiet
    sql postgres "ALTER DATABASE $target OWNER TO keeper"
    as_keeper --quiet
    [ "$(oid_of "$target")" != "$before" ]
    target_has 'SELECT count(*) FROM plain' 2

    # Since 16 a role may have what another one may without the right to be it, which OWNER wants.
    if [ "$(sql postgres "SELECT current_setting('server_version_num')::int >= 160000")" = t ]; then
        sql postgres 'CREATE ROLE holder; GRANT holder TO keeper WITH INHERIT TRUE, SET FALSE'
        database_drop "$target"
        sql postgres "CREATE DATABASE $target OWNER holder"
        before=$(oid_of "$target")
        expect_exit 11 "takes the place of $target, which is for its owner holder: connect as that role" as_keeper --quiet
        as_keeper --dry-run --json 2>/dev/null | jq -e '.warnings | any(startswith("the target would be refused: with several jobs"))'
        [ "$(oid_of "$target")" = "$before" ]
        sql postgres 'GRANT holder TO keeper WITH SET TRUE'
        as_keeper --quiet
        [ "$(oid_of "$target")" != "$before" ]
        sql postgres "ALTER DATABASE $target OWNER TO keeper; DROP ROLE holder"
    fi

    mkdir "$HARNESS/apart"
    [ "$(id -u)" -ne 0 ] || chown postgres "$HARNESS/apart"
    sql postgres "CREATE TABLESPACE apart LOCATION '$HARNESS/apart'"
    database_drop "$target"
    sql postgres "CREATE DATABASE $target OWNER keeper TABLESPACE apart"
    before=$(oid_of "$target")
    expect_exit 11 "made in $target's tablespace apart, and the role keeper may not: GRANT CREATE ON TABLESPACE" as_keeper --quiet
    as_keeper --dry-run --json 2>/dev/null |
        jq -e '.warnings | any(startswith("the target would be refused: with several jobs a new database is made in"))'
    [ "$(oid_of "$target")" = "$before" ]
    [ "$(tables_of "$target")" = 0 ]
    sql postgres 'GRANT CREATE ON TABLESPACE apart TO keeper'
    as_keeper --quiet
    target_has "SELECT count(*), (SELECT spcname FROM pg_database d JOIN pg_tablespace t ON t.oid = dattablespace
        WHERE datname = current_database()) FROM plain" '2|apart'
    database_drop "$target"
    sql postgres 'DROP TABLESPACE apart'
    sql postgres 'DROP ROLE keeper'
}

@test "a base that init took again after an interruption: seqs that it lies behind are refused, later ones are exact" {
    source_made "$small"
    sql "$source" "CREATE TABLE gone (id int PRIMARY KEY)"
    PGSTRAND_IO_FAULT=full:1:.rows refute pgstrand init --retries 0 --data "$DATA" --source "$(conninfo "$source")"
    sql "$source" "INSERT INTO parent VALUES ('Rice')"
    sql "$source" "INSERT INTO parent VALUES ('Salt')"
    sql "$source" "TRUNCATE gone"
    sql "$source" "DROP TABLE gone"
    pgstrand init --data "$DATA" --source "$(conninfo "$source")" >/dev/null
    agent_start "$DATA"
    sql "$source" "INSERT INTO parent VALUES ('Milk')"
    local last
    last=$(pgstrand wait --data "$DATA" --timeout 60)
    expect_exit 10 "earliest restorable seq is $((last - 1)) " restore --to-seq 1
    restore --to-seq "$last" >/dev/null
    assert_same_tables "$(conninfo "$source")" "$(conninfo "$target")"
    agent_stop "$DATA"
}
