# Restore against real clusters: the point-of-sale example under load, rebuilt at many seqs and compared row by row with what
# the source held at those seqs; tiers by device; every refusal leaves the target as it was.

bats_require_minimum_version 1.5.0

load ../lib/restoring
load ../lib/pos

odd_tables=(public.odd public.loose public.emptied public.emptied_too public.numbered public.parts_old public.parts_new
    public.texts public.shout)

# The source's tables as they are now, under the seq that the log then stands at.
keep_state() {
    local seq
    seq=$(pgstrand wait --data "$DATA" --timeout 60)
    pos_dump "$(conninfo shop)" "$HARNESS/at/$seq/pos" business audit device
    dump_tables "$(conninfo shop)" "$HARNESS/at/$seq/odd" "${odd_tables[@]}"
    echo "$seq" >>"$HARNESS/seqs"
}

# Changes of the kinds that the workload does not make: key changes and swaps, TRUNCATE, large values left alone, bulk.
odd_changes() {
    sql shop "
        BEGIN; UPDATE odd SET id = -1 WHERE id = 1; UPDATE odd SET id = 1 WHERE id = 2; UPDATE odd SET id = 2 WHERE id = -1; COMMIT;
        UPDATE odd SET id = id + 5000 WHERE id % 11 = $1 AND id BETWEEN 3 AND 4999;
        UPDATE odd SET note = 'touched $1' WHERE id % 3 = 0;
        DELETE FROM odd WHERE id % 7 = $(($1 % 7));
        INSERT INTO odd SELECT 100 * $1 + i, 'new', repeat(md5((100 * $1 + i)::text), 300) FROM generate_series(1, 20) i
            ON CONFLICT DO NOTHING;
        INSERT INTO loose SELECT 'again', i % 3 FROM generate_series(1, 9) i;
        DELETE FROM loose WHERE ctid IN (SELECT ctid FROM loose LIMIT 4);
        UPDATE loose SET n = n + 1 WHERE n = 1;
        INSERT INTO shout VALUES ($1, 'a'), ($1, 'b'), ($1, 'c');
        UPDATE shout SET n = n || '!' WHERE n = 'a';
        DELETE FROM shout WHERE a = $1 - 1 AND n = 'b' OR a = 0 AND n = '$1'"
    if [ $(($1 % 4)) -eq 3 ]; then
        sql shop "BEGIN; INSERT INTO emptied VALUES (1); TRUNCATE emptied, emptied_too; INSERT INTO emptied VALUES ($1); COMMIT"
    else
        sql shop "INSERT INTO emptied VALUES ($1); INSERT INTO emptied_too VALUES ($1, 'x')"
    fi
}

# Beside the example's tables, those of the kinds that it does not have.
shop_more() {
    sql shop "
        CREATE TABLE odd (id bigint PRIMARY KEY, note text, body text, twice bigint GENERATED ALWAYS AS (id * 2) STORED);
        ALTER TABLE odd ALTER body SET STORAGE EXTERNAL;
        INSERT INTO odd SELECT i, 'old', repeat(md5(i::text), 300) FROM generate_series(1, 40) i;
        CREATE TABLE loose (word text, n int);
        INSERT INTO loose SELECT 'same', i % 2 FROM generate_series(1, 10) i;
        CREATE TABLE emptied (n int);
        CREATE TABLE emptied_too (n int GENERATED ALWAYS AS IDENTITY, word text);
        ALTER TABLE emptied_too DROP COLUMN n; ALTER TABLE emptied_too ADD COLUMN n int; ALTER TABLE emptied_too DROP COLUMN word;
        ALTER TABLE emptied_too ADD COLUMN word text;
        CREATE TABLE numbered (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, word text);
        CREATE SEQUENCE countdown INCREMENT -1;
        CREATE TABLE parts (id int, day date, word text, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
        CREATE TABLE parts_old PARTITION OF parts FOR VALUES FROM ('2020-01-01') TO ('2024-01-01');
        CREATE TABLE parts_new PARTITION OF parts FOR VALUES FROM ('2024-01-01') TO ('2030-01-01');
        INSERT INTO parts SELECT i, '2023-12-01'::date + i, 'p' FROM generate_series(1, 60) i;
        CREATE MATERIALIZED VIEW words AS SELECT word, count(*) FROM loose GROUP BY word;
        CREATE TABLE shout (a int, n text, g text GENERATED ALWAYS AS (upper(n)) STORED, PRIMARY KEY (a, g));
        INSERT INTO shout SELECT 0, i FROM generate_series(1, 9) i;
        CREATE TABLE texts (id int PRIMARY KEY, t text);
        INSERT INTO texts VALUES (1, E'tab\tnewline\nbackslash\\\\N cr\r vt\v'), (2, ''), (3, NULL), (4, '\\.')"
}

setup_file() {
    pos_captured
    keep_state
    local round
    for round in 1 2 3 4 5 6 7 8 9; do
        pos_work shop --transactions 20 --clients 2 --seed "$round"
        odd_changes "$round"
        sql shop "INSERT INTO numbered (word) VALUES ('$round'); SELECT nextval('countdown');
            UPDATE parts SET day = day + 20 WHERE id % 9 = $round" >/dev/null
        keep_state
        [ $((round % 3)) -ne 0 ] || pgstrand seal --data "$DATA" --name "round $round" >/dev/null
        [ "$round" -ne 5 ] || pgstrand seal --data "$DATA" --type full >/dev/null
    done
    pos_shipped shelf safe
}

# The target's tables of these tiers against the state that was kept at a seq.
assert_state() {
    local seq=$1 kind
    shift
    pos_dump "$(conninfo "$target")" "$HARNESS/got/pos" "$@"
    dump_tables "$(conninfo "$target")" "$HARNESS/got/odd" "${odd_tables[@]}"
    for kind in pos odd; do
        diff -rq "$HARNESS/at/$seq/$kind" "$HARNESS/got/$kind" | grep -v "^Only in $HARNESS/at/" >"$HARNESS/difference" || continue
        complain "seq $seq differs:" "$(<"$HARNESS/difference")" \
            "$(diff -r "$HARNESS/at/$seq/$kind" "$HARNESS/got/$kind" | cut -c 1-200 | head -n 12)" || return 1
    done
}

nth_seq() {
    sed -n "$1p" "$HARNESS/seqs"
}

# A target as the restore to the n-th seq leaves it. Restored once, copied after that.
target_at() {
    if [ ! -e "$HARNESS/restored.$1" ]; then
        database_new "at_$1"
        target=at_$1 restore --to-seq "$(nth_seq "$1")" >/dev/null
        : >"$HARNESS/restored.$1"
    fi
    database_drop "$target"
    sql postgres "CREATE DATABASE $target TEMPLATE at_$1"
}

@test "rebuilt at ten seqs, each table is what the source held" {
    local n seq
    for n in 1 2 3 4 5 6 7 8 9 10; do
        seq=$(nth_seq "$n")
        restore --to-seq "$seq" --as same --json >"$HARNESS/restore.json"
        jq -e --argjson seq "$seq" '.seq == $seq and .same_device and (.tables | all(.proven))' "$HARNESS/restore.json"
        # integrity: rows, entities, digests; equal rows of a table without a key are no entities of their own
        jq -e '.entities == ([.tables[] | .entities // 0] | add) and .entities < .rows and
            (.tables[] | select(.table == "public.odd") | .entities == .rows) and
            (.tables[] | select(.table == "public.loose") | .entities == null)' "$HARNESS/restore.json"
        assert_state "$seq" business audit device
        database_again "$target"
    done
}

@test "the latest state is the chain's end and the log's tail, and equals the source: rows, indexes, foreign keys" {
    restore
    [ "$(sql "$target" "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND convalidated")" = \
        "$(sql shop "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND convalidated")" ]
    [ "$(sql "$target" "SELECT string_agg(indexdef, ';' ORDER BY indexdef) FROM pg_indexes WHERE schemaname = 'public'")" = \
        "$(sql shop "SELECT string_agg(indexdef, ';' ORDER BY indexdef) FROM pg_indexes WHERE schemaname = 'public'")" ]
    pos_assert_same "$(conninfo shop)" "$(conninfo "$target")" business audit device
    assert_same_tables "$(conninfo shop)" "$(conninfo "$target")" "${odd_tables[@]}"
    # generated and identity columns, the partitions' root, the filled view and the sequences are right
    [ "$(sql "$target" 'SELECT count(*) FROM odd WHERE twice <> id * 2')" = 0 ]
    [ "$(sql "$target" 'SELECT count(*) FROM parts')" = "$(sql shop 'SELECT count(*) FROM parts')" ]
    [ "$(sql "$target" 'SELECT * FROM words ORDER BY 1')" = "$(sql shop 'SELECT word, count(*) FROM loose GROUP BY 1 ORDER BY 1')" ]
    sql "$target" "INSERT INTO numbered (word) VALUES ('after')"
    [ "$(sql "$target" "SELECT id FROM numbered WHERE word = 'after'")" -gt "$(sql shop 'SELECT max(id) FROM numbered')" ]
    [ "$(sql "$target" "SELECT nextval('countdown')")" -lt 0 ]
    # transient rows are nowhere
    [ "$(sql "$target" 'SELECT count(*) FROM "sessions"')" = 0 ]
}

@test "a seq inside a transaction is rounded down to the commit before it, and says so" {
    sql shop "BEGIN; INSERT INTO loose SELECT 'rounded', i FROM generate_series(1, 50) i; COMMIT"
    local last
    last=$(pgstrand wait --data "$DATA" --timeout 60)
    restore --to-seq $((last - 10)) --json >"$HARNESS/restore.json" 2>"$HARNESS/restore.err"
    jq -e --argjson seq $((last - 50)) '.seq == $seq' "$HARNESS/restore.json"
    grep -q "seq $((last - 10)) lies inside a transaction: rounded down to the commit before it, seq $((last - 50))" "$HARNESS/restore.err"
    [ "$(sql "$target" "SELECT count(*) FROM loose WHERE word = 'rounded'")" = 0 ]
}

@test "by time, by LSN, by snapshot and by the name given at sealing" {
    sql shop "INSERT INTO loose VALUES ('before', 1)"
    pgstrand wait --data "$DATA" --timeout 60 >/dev/null
    local time lsn
    time=$(sql shop "SELECT clock_timestamp()")
    lsn=$(sql shop "SELECT pg_current_wal_insert_lsn()")
    sql shop "INSERT INTO loose VALUES ('later', 1)"
    pgstrand wait --data "$DATA" --timeout 60 >/dev/null
    restore --to-time "$time"
    [ "$(sql "$target" "SELECT string_agg(word, ',' ORDER BY word) FROM loose WHERE word IN ('before', 'later')")" = before ]
    restore --mode replace
    [ "$(sql "$target" "SELECT string_agg(word, ',' ORDER BY word) FROM loose WHERE word IN ('before', 'later')")" = before,later ]
    restore --mode replace --to-lsn "$lsn"
    [ "$(sql "$target" "SELECT string_agg(word, ',' ORDER BY word) FROM loose WHERE word IN ('before', 'later')")" = before ]
    restore --mode replace --to-name 'round 6'
    assert_state "$(nth_seq 7)" business audit device
    restore --mode replace --to-snapshot "$(pgstrand snapshots --data "$DATA" --json | jq -r '.[] | select(.name == "round 3") | .uuid')"
    assert_state "$(nth_seq 4)" business audit device
}

@test "replace exchanges every row, forwards and backwards, and leaves pgstrand's own schema alone" {
    target_at 2
    sql "$target" "CREATE SCHEMA IF NOT EXISTS pgstrand; CREATE TABLE pgstrand.mine (n int); INSERT INTO pgstrand.mine VALUES (1);
        INSERT INTO \"sessions\" SELECT * FROM \"sessions\""
    restore --mode replace --to-seq "$(nth_seq 8)"
    assert_state "$(nth_seq 8)" business audit device
    restore --mode replace --to-seq "$(nth_seq 3)"
    assert_state "$(nth_seq 3)" business audit device
    [ "$(sql "$target" 'SELECT n FROM pgstrand.mine')" = 1 ]
}

@test "replace says which rows it removes that nothing brings back, before it does" {
    target_at 2
    sql "$target" "SET session_replication_role = replica;
        INSERT INTO \"sessions\" VALUES ('a', 'b', 'c', now())"
    restore --mode replace --dry-run --json --to-seq "$(nth_seq 2)" 2>/dev/null |
        jq -e '.warnings == ["rows that nothing brings back are removed from the target: public.sessions"]'
    [ "$(sql "$target" 'SELECT count(*) FROM "sessions"')" = 1 ]
    restore --mode replace --to-seq "$(nth_seq 2)" >/dev/null 2>"$HARNESS/restore.err"
    grep -q 'removed from the target: public.sessions' "$HARNESS/restore.err"
    [ "$(sql "$target" 'SELECT count(*) FROM "sessions"')" = 0 ]
    restore --mode replace --to-seq "$(nth_seq 2)" --json | jq -e '.warnings == []'
}

@test "replace of some tables keeps the others, and refuses to leave orphans" {
    target_at 2
    sql "$target" "CREATE TABLE leans (id bigint REFERENCES odd); INSERT INTO leans SELECT min(id) FROM odd"
    restore --mode replace --tables 'odd,loose' --to-seq "$(nth_seq 2)"
    sql "$target" "INSERT INTO odd (id) VALUES (987654321); INSERT INTO leans VALUES (987654321)"
    expect_exit 11 'leans_id_fkey' restore --mode replace --tables odd --to-seq "$(nth_seq 2)"
    [ "$(sql "$target" 'DELETE FROM leans WHERE id = 987654321; DELETE FROM odd WHERE id = 987654321 RETURNING id')" = 987654321 ]
    assert_state "$(nth_seq 2)" business audit device
}

@test "statistics are made, or left to autovacuum on request" {
    target_at 2
    [ "$(sql "$target" "SELECT count(*) > 100 FROM pg_stats WHERE schemaname = 'public'")" = t ]
    database_again "$target"
    sql "$target" "ALTER SYSTEM SET autovacuum = off; " && sql "$target" 'SELECT pg_reload_conf()' >/dev/null
    restore --to-seq "$(nth_seq 2)" --no-analyze
    [ "$(sql "$target" "SELECT count(*) FROM pg_stats WHERE schemaname = 'public'")" -eq 0 ]
    sql "$target" 'ALTER SYSTEM RESET autovacuum' && sql "$target" 'SELECT pg_reload_conf()' >/dev/null
}

@test "several jobs give the same database" {
    restore --jobs 3 --drop-old --memory 16MiB --to-seq "$(nth_seq 8)"
    assert_state "$(nth_seq 8)" business audit device
    [ "$(sql postgres "SELECT count(*) FROM pg_database WHERE datname LIKE '%pgstrand\\_%'")" = 0 ]
    [ "$(sql "$target" "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND convalidated")" = \
        "$(sql shop "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND convalidated")" ]
}

@test "with several jobs the database that was there is kept until somebody drops it" {
    local old=${target}_pgstrand_old before
    before=$(oid_of "$target")
    restore --jobs 2 --to-seq "$(nth_seq 2)" 2>"$BATS_TEST_TMPDIR/said"
    grep -q "the empty database that was there is kept as $old: drop it, or restore with --drop-old" "$BATS_TEST_TMPDIR/said"
    [ "$(oid_of "$old")" = "$before" ]
    # the next one takes its place as long as nobody has put something there
    database_again "$target"
    restore --jobs 2 --to-seq "$(nth_seq 2)"
    [ "$(oid_of "$old")" != "$before" ]
    sql "$old" 'CREATE TABLE mine (n int)'
    before=$(oid_of "$old")
    database_again "$target"
    expect_exit 15 "database $old already.*rename it" restore --jobs 2 --to-seq "$(nth_seq 2)"
    [ "$(oid_of "$old")" = "$before" ]
    [ "$(sql "$target" "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")" = 0 ]
    [ -z "$(oid_of "${target}_pgstrand_new")" ]
    database_drop "$old"
}

oid_of() {
    sql postgres "SELECT oid FROM pg_database WHERE datname = '$1'"
}

# The lock is granted when COPY has ended, before what comes next.
spoil_row() {
    sql spoilt_pgstrand_new "BEGIN; LOCK TABLE still; UPDATE still SET word = 'spoilt' WHERE id = 7 RETURNING 'spoilt'; COMMIT" \
        2>/dev/null | grep -q spoilt
}

@test "a large base takes two connections by itself, where the target can be exchanged" {
    local how pid mine=$HARNESS/large at before
    database_new large
    sql large "
        CREATE TABLE still (id int PRIMARY KEY, word text COLLATE \"C\", twice int GENERATED ALWAYS AS (id * 2) STORED, gone int);
        ALTER TABLE still DROP COLUMN gone;
        INSERT INTO still SELECT i, repeat(md5(i::text), 16) FROM generate_series(1, 70000) i;
        INSERT INTO still VALUES (0, NULL), (-1, ''), (-2, E'\\t\\n\\\\');
        CREATE TABLE moved (LIKE still INCLUDING ALL);
        INSERT INTO moved SELECT id, word FROM still;
        CREATE INDEX ON still (word); CREATE INDEX ON moved (word);
        CREATE STATISTICS both_columns ON id, word FROM moved;
        ALTER TABLE moved ADD FOREIGN KEY (id) REFERENCES still"
    pgstrand init --data "$mine" --source "$(conninfo large)" --yes --no-wal-limit >/dev/null
    agent_start "$mine"
    sql large "UPDATE moved SET word = 'moved' WHERE id % 5 = 0; DELETE FROM moved WHERE id % 7 = 0"
    at=$(pgstrand wait --data "$mine" --timeout 60)
    agent_stop "$mine"
    before=$(oid_of "$target")
    pgstrand restore --data "$mine" --target "$(conninfo "$target")" --to-seq "$at" --json >"$HARNESS/large.json"
    [ "$(oid_of "$target")" != "$before" ]
    jq -e '.tables | length == 2 and all(.proven)' "$HARNESS/large.json"
    assert_same_tables "$(conninfo large)" "$(conninfo "$target")" public.still public.moved
    [ "$(sql "$target" "SELECT count(*) FROM pg_stats WHERE tablename IN ('still', 'moved') AND attname = 'id'")" = 2 ]
    [ "$(sql "$target" "SELECT count(*) FROM pg_stats_ext WHERE statistics_name = 'both_columns' AND n_distinct IS NOT NULL")" = 1 ]

    # what a new database would not have: one transaction, or, when several jobs are asked for, the old one stays
    database_new prepared
    sql prepared "CREATE FUNCTION ours() RETURNS int LANGUAGE sql AS 'SELECT 7'"
    before=$(oid_of prepared)
    pgstrand restore --data "$mine" --target "$(conninfo prepared)" --to-seq "$at" --tables still --no-analyze >/dev/null
    [ "$(oid_of prepared)" = "$before" ]
    [ "$(sql prepared 'SELECT ours()')" = 7 ]
    sql prepared 'DROP TABLE still, moved'
    pgstrand restore --data "$mine" --target "$(conninfo prepared)" --to-seq "$at" --tables still --no-analyze --jobs 2 >/dev/null 2>"$HARNESS/kept"
    grep -q 'it is kept as prepared_pgstrand_old' "$HARNESS/kept"
    [ "$(sql prepared_pgstrand_old 'SELECT ours()')" = 7 ]
    database_drop prepared
    database_drop prepared_pgstrand_old

    # what somebody makes in the target meanwhile is kept with it
    database_new spoilt
    pgstrand restore --data "$mine" --target "$(conninfo spoilt)" --to-seq "$at" --quiet --no-analyze 2>"$HARNESS/spoilt" 3>&- &
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
        pgstrand restore --data "$mine" --target "$(conninfo spoilt)" --to-seq "$at" --quiet $how 2>"$HARNESS/spoilt" 3>&- &
        pid=$!
        wait_for 30 spoil_row
        wait "$pid" && return 1
        grep -q 'proving public.still: the target.s rows are not those that were expected; nothing was changed' "$HARNESS/spoilt"
        [ -z "$(sql spoilt "SELECT to_regclass('public.still')")" ]
        [ -z "$(oid_of spoilt_pgstrand_new)" ]
        database_drop spoilt
    done
    pgstrand uninstall --data "$mine" --yes >/dev/null
    database_drop large
}

@test "a foreign key of a partitioned table sees the rows of all partitions, however many connections load them" {
    local mine=$HARNESS/parted jobs at
    database_new parted
    sql parted "
        CREATE TABLE makers (id int PRIMARY KEY);
        CREATE TABLE readings (at int, maker int REFERENCES makers) PARTITION BY RANGE (at);
        CREATE TABLE readings1 PARTITION OF readings FOR VALUES FROM (0) TO (100000);
        CREATE TABLE readings2 PARTITION OF readings FOR VALUES FROM (100000) TO (200000);
        INSERT INTO makers VALUES (1), (2);
        INSERT INTO readings SELECT i, i % 2 + 1 FROM generate_series(0, 199999) i"
    pgstrand init --data "$mine" --source "$(conninfo parted)" --yes --no-wal-limit >/dev/null
    at=$(pgstrand snapshots --data "$mine" --json | jq -r '.[-1].uuid')
    for jobs in 1 3; do
        database_new "parted$jobs"
        expect_exit 11 'foreign key readings_maker_fkey of .*: 100000 rows without their parent' \
            pgstrand restore --data "$mine" --target "$(conninfo "parted$jobs")" --to-snapshot "$at" --tables 'readings*' --jobs "$jobs" --quiet
        pgstrand restore --data "$mine" --target "$(conninfo "parted$jobs")" --to-snapshot "$at" --jobs "$jobs" --quiet 2>/dev/null
        [ "$(sql "parted$jobs" "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND convalidated")" = \
            "$(sql parted "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND convalidated")" ]
        database_drop "parted$jobs"
    done
    pgstrand uninstall --data "$mine" --yes >/dev/null
    database_drop parted
    database_drop parted3_pgstrand_old
}

@test "common types are loaded in binary form, whatever their values" {
    local mine=$HARNESS/typed at logged
    logged=$(cluster_folder)/log
    database_new typed
    sql typed "
        CREATE TYPE mood AS ENUM ('fine', 'a, \"b\"');
        CREATE DOMAIN percent AS numeric(5,2) CHECK (VALUE <= 100);
        CREATE TABLE typed (id int PRIMARY KEY, yes bool, small smallint, big bigint, f4 real, f8 double precision, n numeric,
            part percent, t text, v varchar(40), c char(9), j json, jb jsonb, bytes bytea, u uuid, d date, ts timestamp,
            tz timestamptz(3), feeling mood, one \"char\"[] GENERATED ALWAYS AS ('{x}') STORED);
        INSERT INTO typed SELECT i, i % 3 = 0, i - 1500, (random() - 0.5) * 1.8e19, (random() - 0.5) * 10 ^ (i % 60 - 30),
            (random() - 0.5) * 10 ^ (i % 600 - 300), round(((random() - 0.5) * 10 ^ (i % 40 - 20))::numeric, i % 30),
            random() * 100, CASE i % 4 WHEN 0 THEN E'tab\\tline\\nback\\\\slash\\r\\b' WHEN 1 THEN '\\N' ELSE 'näher 🙂' END,
            repeat('ü', i % 40), 'pad', '{\"a\": [1, 2]}', jsonb_build_object('k', i, 'b', E'\\\\'),
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
    pgstrand init --data "$mine" --source "$(conninfo typed)" --yes --no-wal-limit >/dev/null
    agent_start "$mine"
    sql typed "UPDATE typed SET n = n * 3 + 0.001, ts = ts + interval '1 second' WHERE id % 5 = 1; DELETE FROM typed WHERE id % 7 = 1"
    at=$(pgstrand wait --data "$mine" --timeout 60)
    agent_stop "$mine"
    cluster_set log_statement all
    pgstrand restore --data "$mine" --target "$(conninfo "$target")" --to-seq "$at" --json >"$HARNESS/typed.json"
    sql postgres 'ALTER SYSTEM RESET log_statement' && sql postgres 'SELECT pg_reload_conf()' >/dev/null
    assert_same_tables "$(conninfo typed)" "$(conninfo "$target")" public.typed
    jq -e '[.tables[].proven] | all' "$HARNESS/typed.json"
    grep -q 'COPY "public"."typed" .* FROM STDIN (FORMAT binary' "$logged"
    grep -q 'SELECT pg_catalog.count.*hashint4extended.* FROM ONLY "public"."typed"' "$logged"
    refute grep -q 'COPY "public"."typed" .* TO STDOUT' "$logged" # the sums were equal
    [ "$(sql "$target" "SELECT relallvisible * 2 > relpages FROM pg_class WHERE relname = 'typed'")" = t ] # frozen; 18 leaves some pages out
    pgstrand uninstall --data "$mine" --yes >/dev/null
    database_drop typed
}

@test "a table of an extension that the target has already is loaded, though its rows cannot be frozen" {
    local mine=$HARNESS/member at db
    for db in member beforehand; do
        database_new "$db"
        sql "$db" "CREATE EXTENSION citext; CREATE TABLE member (id int PRIMARY KEY); ALTER EXTENSION citext ADD TABLE member"
    done
    sql member "CREATE TABLE other (id int PRIMARY KEY); INSERT INTO member SELECT generate_series(1, 3000); INSERT INTO other TABLE member"
    pgstrand init --data "$mine" --source "$(conninfo member)" --yes --no-wal-limit >/dev/null
    at=$(pgstrand snapshots --data "$mine" --json | jq -r '.[-1].uuid')
    pgstrand restore --data "$mine" --target "$(conninfo beforehand)" --to-snapshot "$at" --quiet
    assert_same_tables "$(conninfo member)" "$(conninfo beforehand)" public.member public.other
    [ "$(sql beforehand "SELECT string_agg(relname, ',') FROM pg_class WHERE relname IN ('member', 'other') AND relallvisible > 0")" = other ]
    pgstrand uninstall --data "$mine" --yes >/dev/null
    database_drop member
    database_drop beforehand
}

@test "tables of other types are loaded as text, and the server adds up the text of their rows, too" {
    local mine=$HARNESS/worded at logged
    logged=$(cluster_folder)/log
    database_new worded
    sql worded "
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
    pgstrand init --data "$mine" --source "$(conninfo worded)" --yes --no-wal-limit >/dev/null
    at=$(pgstrand snapshots --data "$mine" --json | jq -r '.[-1].uuid')
    cluster_set log_statement all
    pgstrand restore --data "$mine" --target "$(conninfo "$target")" --to-snapshot "$at" --json >"$HARNESS/worded.json"
    sql postgres 'ALTER SYSTEM RESET log_statement' && sql postgres 'SELECT pg_reload_conf()' >/dev/null
    assert_same_tables "$(conninfo worded)" "$(conninfo "$target")" public.worded
    jq -e '[.tables[].proven] | all' "$HARNESS/worded.json"
    grep -q 'COPY "public"."worded" .* FROM STDIN (FORMAT text' "$logged"
    grep -q 'SELECT pg_catalog.count.*array_out("list").* FROM ONLY "public"."worded"' "$logged"
    refute grep -q 'COPY "public"."worded" .* TO STDOUT' "$logged" # the sums were equal
    pgstrand uninstall --data "$mine" --yes >/dev/null
    database_drop worded
}

@test "business vault on another device: no device rows, a new identity of the same dataset" {
    local other=$HARNESS/other.$BATS_TEST_NUMBER
    pgstrand restore --data "$other" --target "$(conninfo "$target")" --from "file://$HARNESS/shelf" --json >"$HARNESS/other.json"
    jq -e '.same_device == false and (.skipped | length > 0) and (.tables | all(.tier != "device"))' "$HARNESS/other.json"
    [ "$(pos_rows "$(conninfo "$target")" device)" = 0 ]
    [ "$(pos_rows "$(conninfo "$target")" transient)" = 0 ]
    pos_dump "$(conninfo "$target")" "$HARNESS/got" business audit
    local mine theirs
    mine=$(pgstrand identity --data "$DATA" --json)
    theirs=$(pgstrand identity --data "$other" --json)
    [ "$(jq -r .dataset <<<"$mine")" = "$(jq -r .dataset <<<"$theirs")" ]
    [ "$(jq -r .node <<<"$mine")" != "$(jq -r .node <<<"$theirs")" ]
    [ "$(jq -r .device <<<"$mine")" != "$(jq -r .device <<<"$theirs")" ]
}

@test "full-device vault: another device gets no device rows, the same one gets all" {
    pgstrand restore --data "$HARNESS/third" --target "$(conninfo "$target")" --from "file://$HARNESS/safe"
    [ "$(pos_rows "$(conninfo "$target")" device)" = 0 ]
    restore --mode replace --from "file://$HARNESS/safe" --to-seq "$(nth_seq 9)"
    assert_state "$(nth_seq 9)" business audit device
    [ "$(pos_rows "$(conninfo "$target")" device)" -gt 0 ]
}

@test "business vault on the same device: the missing device rows are not passed over" {
    expect_exit 10 'business backup' restore --from "file://$HARNESS/shelf"
    [ "$(sql "$target" "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")" = 0 ]
    restore --from "file://$HARNESS/shelf" --tiers business,audit --to-seq "$(nth_seq 9)"
    assert_state "$(nth_seq 9)" business audit
}

@test "a target that is not empty is refused and stays as it was" {
    sql "$target" 'CREATE TABLE mine AS SELECT 1 AS n'
    expect_exit 15 'not empty \(public.mine\)' restore
    expect_exit 15 'not empty' restore --jobs 2
    [ "$(sql "$target" 'SELECT n FROM mine')" = 1 ]
    [ "$(sql "$target" "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")" = 1 ]
}

@test "a seq in the future, an unknown snapshot, a table that is not there" {
    expect_exit 10 'the last one is' restore --to-seq 999999999
    expect_exit 10 'no snapshot' restore --to-name nobody
    expect_exit 10 'no table' restore --tables 'nothing*'
    [ "$(sql "$target" "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")" = 0 ]
}

@test "a flipped byte is found, whichever file has it, and nothing is changed" {
    local file size
    # the first base and the first links behind it, read for the target; the newest base, for the latest
    for file in 0000000000000000-*-full-*.snap 0000000000000001-*.snap 0000000000000001-*.device 0000000000000002-*.commit; do
        rm -rf "$HARNESS/damaged"
        cp -r "$HARNESS/safe" "$HARNESS/damaged"
        file=$(echo "$HARNESS"/damaged/*/*/$file)
        size=$(stat -c %s "$file")
        printf '\xff\x00\xaa' | dd of="$file" bs=1 seek=$((size / 2)) conv=notrunc status=none
        expect_exit 12 "$(basename "$file" | cut -c 1-16)|verify" restore --from "file://$HARNESS/damaged" --to-seq "$(nth_seq 3)"
        [ "$(sql "$target" "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")" = 0 ]
    done
}

@test "a missing parent is named" {
    rm -rf "$HARNESS/damaged"
    cp -r "$HARNESS/safe" "$HARNESS/damaged"
    rm "$HARNESS"/damaged/*/*/0000000000000001-*
    expect_exit 12 'missing' restore --from "file://$HARNESS/damaged"
}

@test "rows rewritten after the base are refused, saying what can be restored, and healed by a FULL" {
    local before
    before=$(pgstrand wait --data "$DATA" --timeout 60)
    sql shop 'ALTER TABLE loose ADD COLUMN more int DEFAULT 7 + (random() * 0)::int'
    sql shop "INSERT INTO loose VALUES ('wider', 1, 2)"
    pgstrand wait --data "$DATA" --timeout 60 >/dev/null
    expect_exit 11 "restorable: up to seq $before" restore
    restore --to-seq "$before"
    pgstrand seal --data "$DATA" --type full >/dev/null
    database_again "$target"
    restore
    [ "$(sql "$target" "SELECT more FROM loose WHERE word = 'wider'")" = 2 ]
    [ "$(sql "$target" "SELECT count(*) FROM loose WHERE more = 7")" -gt 0 ]
}

@test "kill -9 at any time leaves the target as it was" {
    local delay pid cut=0
    for delay in 0.05 0.1 0.2 0.3 0.45 0.6; do
        "$PGSTRAND_BUILD/pgstrand" restore --data "$DATA" --target "$(conninfo "$target")" >/dev/null 2>&1 &
        pid=$!
        sleep "$delay"
        kill -KILL "$pid" 2>/dev/null || true
        wait "$pid" || true
        wait_for 20 no_backend
        if [ "$(sql "$target" "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")" = 0 ]; then
            cut=$((cut + 1))
        else # it was quicker, and then it is whole
            pos_assert_same "$(conninfo shop)" "$(conninfo "$target")" business audit device
            database_again "$target"
        fi
    done
    [ "$cut" -ge 1 ]
    # and with several jobs, whose half-built database the next restore removes
    "$PGSTRAND_BUILD/pgstrand" restore --data "$DATA" --target "$(conninfo "$target")" --jobs 2 >/dev/null 2>&1 &
    pid=$!
    sleep 0.4
    kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" || true
    wait_for 20 no_backend
    if [ "$(sql "$target" "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")" = 0 ]; then
        restore --jobs 2 --drop-old
    fi
    [ "$(sql postgres "SELECT count(*) FROM pg_database WHERE datname LIKE '%pgstrand\\_%'")" = 0 ]
    pos_assert_same "$(conninfo shop)" "$(conninfo "$target")" business audit device
    [ -z "$(ls "$DATA/spool")" ]
}

no_backend() {
    [ "$(sql postgres "SELECT count(*) FROM pg_stat_activity WHERE datname LIKE '$target%'")" = 0 ]
}

@test "a database beside the target that a killed restore did not come to mark is removed, another one is in the way" {
    database_new "${target}_pgstrand_new"
    sql "${target}_pgstrand_new" 'CREATE TABLE mine (n int)'
    expect_exit 15 "database ${target}_pgstrand_new already.*rename it" restore --jobs 2 --to-seq "$(nth_seq 2)"
    sql "${target}_pgstrand_new" 'DROP TABLE mine'
    restore --jobs 2 --drop-old --to-seq "$(nth_seq 2)"
    [ "$(sql postgres "SELECT count(*) FROM pg_database WHERE datname LIKE '%pgstrand\\_%'")" = 0 ]
}

@test "roles that the target lacks are named before anything happens" {
    cluster_new two
    on two database_new elsewhere
    on one sql shop 'CREATE ROLE cashier; ALTER TABLE texts OWNER TO cashier'
    pgstrand seal --data "$DATA" --type full >/dev/null
    expect_exit 11 'cashier' pgstrand restore --data "$DATA" --target "$(on two conninfo elsewhere)"
    on two sql postgres 'CREATE ROLE cashier'
    pgstrand restore --data "$DATA" --target "$(on two conninfo elsewhere)"
    [ "$(on two sql elsewhere "SELECT tableowner FROM pg_tables WHERE tablename = 'texts'")" = cashier ]
    cluster_remove two
    export CLUSTER=one
}

@test "the user's triggers do not fire, event triggers and ALWAYS triggers of the target are refused" {
    target_at 2
    sql "$target" "CREATE FUNCTION public.spoil() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN NEW.word := 'spoiled'; RETURN NEW; END \$\$;
        CREATE TRIGGER spoil BEFORE INSERT ON loose FOR EACH ROW EXECUTE FUNCTION public.spoil()"
    restore --mode replace --to-seq "$(nth_seq 4)"
    [ "$(sql "$target" "SELECT count(*) FROM loose WHERE word = 'spoiled'")" = 0 ]
    sql "$target" 'ALTER TABLE loose ENABLE ALWAYS TRIGGER spoil'
    expect_exit 15 'spoil' restore --mode replace --to-seq "$(nth_seq 4)"
}

# A small source of its own: DATA of the test, database small.
small_source() {
    small=$BATS_TEST_TMPDIR/small
    database_again small
    sql small "CREATE EXTENSION citext; CREATE TABLE parent (name citext PRIMARY KEY); CREATE TABLE child (id int PRIMARY KEY, name citext REFERENCES parent);
        INSERT INTO parent VALUES ('Tea'); INSERT INTO child VALUES (1, 'TEA')"
}

small_end() {
    pgstrand uninstall --data "$small" --yes
    database_drop small
}

@test "several jobs: the database keeps its privileges, settings, comment and limit" {
    sql "$target" "DROP ROLE IF EXISTS app; CREATE ROLE app; REVOKE CONNECT ON DATABASE $target FROM PUBLIC; GRANT CONNECT ON DATABASE $target TO app WITH GRANT OPTION;
        ALTER DATABASE $target SET search_path = 'the shop', public, '\"odd', ''; ALTER DATABASE $target SET datestyle = 'ISO, DMY';
        ALTER ROLE app IN DATABASE $target SET search_path = \"\$user\", public;
        COMMENT ON DATABASE $target IS 'the shop''s'; ALTER DATABASE $target CONNECTION LIMIT 7"
    local facts="SELECT pg_get_userbyid(datdba), datconnlimit, shobj_description(d.oid, 'pg_database'),
            (SELECT string_agg(a::text, ' ' ORDER BY a::text) FROM unnest(datacl) a),
            (SELECT string_agg(setrole::text || setconfig::text, ' ' ORDER BY setrole) FROM pg_db_role_setting WHERE setdatabase = d.oid)
        FROM pg_database d WHERE datname = '$target'"
    sql postgres "$facts" >"$BATS_TEST_TMPDIR/before"
    restore --jobs 2 --drop-old --to-seq "$(nth_seq 2)"
    diff "$BATS_TEST_TMPDIR/before" <(sql postgres "$facts")
    database_drop "$target"
    sql postgres "DROP ROLE app"
    database_new "$target"
}

@test "replace by an owner who is no superuser: triggers that were off stay off, foreign keys compare as they do" {
    small_source
    pgstrand init --data "$small" --source "$(conninfo small)" >/dev/null
    pgstrand restore --data "$small" --target "$(conninfo "$target")" >/dev/null
    sql "$target" "CREATE FUNCTION public.spoil() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN RAISE 'fired'; END \$\$;
        CREATE TRIGGER live BEFORE INSERT OR DELETE ON child FOR EACH ROW EXECUTE FUNCTION public.spoil();
        CREATE TRIGGER off BEFORE INSERT ON child FOR EACH ROW EXECUTE FUNCTION public.spoil(); ALTER TABLE child DISABLE TRIGGER off"
    # With the right to switch triggers off: the orphans are looked for.
    pgstrand restore --data "$small" --target "$(conninfo "$target")" --mode replace --yes >/dev/null
    sql "$target" "DROP ROLE IF EXISTS keeper; CREATE ROLE keeper LOGIN; ALTER TABLE parent OWNER TO keeper; ALTER TABLE child OWNER TO keeper"
    pgstrand restore --data "$small" --target "$(conninfo_tcp "$target" keeper)" --mode replace --yes >/dev/null
    [ "$(sql "$target" "SELECT string_agg(tgname || ' ' || tgenabled::text, ', ' ORDER BY tgname) FROM pg_trigger WHERE NOT tgisinternal")" = "live O, off D" ]
    [ "$(sql "$target" "SELECT count(*) FROM child JOIN parent USING (name)")" = 1 ]
    sql "$target" "REASSIGN OWNED BY keeper TO postgres; DROP ROLE keeper"
    small_end
}

@test "a base that init took again after an interruption: seqs that it lies behind are refused, later ones are exact" {
    small_source
    sql small "CREATE TABLE gone (id int PRIMARY KEY)"
    PGSTRAND_IO_FAULT=full:1:.rows refute pgstrand init --retries 0 --data "$small" --source "$(conninfo small)"
    sql small "INSERT INTO parent VALUES ('Rice')"
    sql small "INSERT INTO parent VALUES ('Salt')"
    sql small "TRUNCATE gone"
    sql small "DROP TABLE gone"
    pgstrand init --data "$small" --source "$(conninfo small)" >/dev/null
    agent_start "$small"
    sql small "INSERT INTO parent VALUES ('Milk')"
    local last
    last=$(pgstrand wait --data "$small" --timeout 60)
    expect_exit 10 "earliest restorable seq is $((last - 1)) " pgstrand restore --data "$small" --target "$(conninfo "$target")" --to-seq 1
    pgstrand restore --data "$small" --target "$(conninfo "$target")" --to-seq "$last" >/dev/null
    assert_same_tables "$(conninfo small)" "$(conninfo "$target")"
    agent_stop "$small"
    small_end
}
