# The main job on every PostgreSQL major but the installed one, on which everything else runs: a base, changes of all kinds
# among them a streamed transaction with parts rolled back, a change of the schema, seals, a restore to the end and to a seq in
# between, compared row by row; and the protocol version that this server's capture must have asked for.

load_libs() {
    load ../lib/cluster
    load ../lib/pgstrand
}

setup() {
    load_libs
    untraced
}

teardown() {
    harness_end
}

# The generated column that is virtual from 18 on is not decoded and not stored: the target computes it, too.
make_tables() {
    local kind=STORED
    [ "$1" -lt 18 ] || kind=VIRTUAL
    sql shop "
        CREATE TYPE mood AS ENUM ('sad', 'ok');
        CREATE TYPE pair AS (a int, b text);
        CREATE TABLE item (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text, price numeric(10,2), m mood, p pair,
            body text, tags text[], twice numeric GENERATED ALWAYS AS (price * 2) STORED,
            half numeric GENERATED ALWAYS AS (price / 2) $kind);
        ALTER TABLE item ALTER body SET STORAGE EXTERNAL;
        CREATE TABLE loose (word text, n int);
        CREATE TABLE shout (a int, n text, g text GENERATED ALWAYS AS (upper(n)) STORED, PRIMARY KEY (a, g));
        CREATE TABLE keyless (n int, g int GENERATED ALWAYS AS (n * 2) STORED, t text);
        INSERT INTO shout SELECT g, 'n' || g FROM generate_series(1, 9) g; INSERT INTO keyless SELECT g % 3 FROM generate_series(1, 9) g;
        CREATE TABLE emptied (id int PRIMARY KEY); CREATE TABLE emptied_too (id int PRIMARY KEY);
        CREATE TABLE parts (id int, day date, word text, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
        CREATE TABLE parts_old PARTITION OF parts FOR VALUES FROM ('2020-01-01') TO ('2024-01-01');
        CREATE TABLE parts_new PARTITION OF parts FOR VALUES FROM ('2024-01-01') TO ('2030-01-01');
        INSERT INTO item (name, price, m, p, body, tags)
            SELECT 'item ' || g, g, 'ok', ('(' || g || ',x)')::pair, repeat(md5(g::text), 200), ARRAY['a', NULL, '\"'] FROM generate_series(1, 50) g;
        INSERT INTO loose SELECT 'same', g % 2 FROM generate_series(1, 10) g;
        INSERT INTO parts SELECT g, '2023-12-01'::date + g, 'p' FROM generate_series(1, 60) g"
}

change() {
    sql shop "
        INSERT INTO item (name, price, m) SELECT 'new', g, 'sad' FROM generate_series(1, 20) g;
        UPDATE item SET price = price + 1 WHERE id % 3 = $1;
        UPDATE item SET name = NULL WHERE id = 7; UPDATE item SET name = '' WHERE id = 8;
        DELETE FROM item WHERE id % 11 = $1;
        UPDATE shout SET n = n || '!' WHERE a % 3 = $1; UPDATE shout SET a = a + 100 WHERE a = $1; DELETE FROM shout WHERE a = 3 + $1;
        UPDATE keyless SET t = 'x' WHERE n = $1; UPDATE keyless SET n = 7 WHERE n = 0; DELETE FROM keyless WHERE n = 3 - $1;
        INSERT INTO loose VALUES ('same', $1); DELETE FROM loose WHERE ctid IN (SELECT ctid FROM loose LIMIT 2);
        UPDATE parts SET day = day + 30 WHERE id % 9 = $1; UPDATE parts SET id = id + 1000 WHERE id % 13 = $1;
        INSERT INTO emptied VALUES ($1); INSERT INTO emptied_too VALUES ($1)"
}

big_transaction() {
    sql shop "BEGIN;
        INSERT INTO loose SELECT 'kept', g FROM generate_series(1, 5000) g;
        SAVEPOINT a; INSERT INTO loose SELECT 'gone', g FROM generate_series(1, 5000) g; ROLLBACK TO a;
        UPDATE keyless SET t = 'streamed';
        SAVEPOINT b; UPDATE loose SET n = -n WHERE word = 'kept' AND n % 2 = 0; RELEASE b;
        TRUNCATE emptied, emptied_too; INSERT INTO emptied VALUES (100); COMMIT"
    sql shop "BEGIN; INSERT INTO loose SELECT 'aborted', g FROM generate_series(1, 5000) g; ROLLBACK"
    sql shop "BEGIN; INSERT INTO item (name) VALUES ('prepared'); PREPARE TRANSACTION 'one'"
    sql shop "INSERT INTO item (name) VALUES ('while it is prepared')"
    sql shop "COMMIT PREPARED 'one'"
}

restored_equals() {
    local folder=$1
    shift
    database_again target
    pgstrand restore --data "$DATA" --target "$(conninfo target)" --no-progress "$@" >/dev/null
    dump_tables "$(conninfo target)" "$HARNESS/got"
    assert_same_dumps "$folder" "$HARNESS/got"
}

main_job() {
    local seq
    DATA=$HARNESS/data
    cluster_new one logical_decoding_work_mem=64kB log_replication_commands=on
    database_new shop
    make_tables "$1"
    pgstrand init --yes --no-progress --data "$DATA" --source "$(conninfo shop)" >/dev/null
    agent_start "$DATA"
    change 1
    seq=$(pgstrand wait --data "$DATA" --timeout 60)
    dump_tables "$(conninfo shop)" "$HARNESS/middle"
    change 2
    big_transaction
    pgstrand seal --data "$DATA" >/dev/null
    restored_equals "$HARNESS/middle" --to-seq "$seq"
    dump_tables "$(conninfo shop)" "$HARNESS/late"
    restored_equals "$HARNESS/late"
    assert_same_schema "$(conninfo shop)" "$(conninfo target)"
    sql shop "ALTER TABLE item ADD note text DEFAULT 'none', DROP tags; CREATE TABLE later (id int PRIMARY KEY, v text);
        CREATE TABLE later_keyless (n int, g int GENERATED ALWAYS AS (n + 1) STORED)"
    pgstrand wait --data "$DATA" --timeout 60 >/dev/null
    wait_for 60 schema_kept "$DATA"
    wait_for 60 healthy
    sql shop "INSERT INTO item (name) VALUES ('after'); INSERT INTO later VALUES (1, 'x');
        INSERT INTO later_keyless VALUES (1), (1), (2); UPDATE later_keyless SET n = 5 WHERE n = 2; UPDATE keyless SET t = 'late'"
    pgstrand wait --data "$DATA" --timeout 60 >/dev/null
    pgstrand seal --data "$DATA" >/dev/null
    dump_tables "$(conninfo shop)" "$HARNESS/last"
    restored_equals "$HARNESS/last"
    assert_same_schema "$(conninfo shop)" "$(conninfo target)"
    agent_stop "$DATA"
    grep -q "START_REPLICATION SLOT .*proto_version '$2'" "$(cluster_folder)/log"
    [ "$(sql shop 'SELECT sum(stream_txns) > 0 FROM pg_stat_replication_slots')" = t ]
}

healthy() {
    pgstrand status --data "$DATA" --json | jq -e '.healthy'
}

# A major that is not there is named in the summary.
on_major() {
    export PGSTRAND_TEST_MAJOR=$1
    "$CLUSTER_ROOT/deploy/get-majors.sh" --bin "$1" >/dev/null 2>&1 ||
        skip "PostgreSQL $1 is not there: deploy/install-deps.sh --majors fetches it"
    harness_begin
    main_job "$@"
}

@test "the main job on PostgreSQL 14, with protocol version 2" {
    on_major 14 2
}

@test "the main job on PostgreSQL 16, with protocol version 4" {
    on_major 16 4
}

@test "the main job on PostgreSQL 17, with protocol version 4" {
    on_major 17 4
}

@test "the main job on PostgreSQL 18, with protocol version 4" {
    on_major 18 4
    # What cannot work there is refused before it breaks the application.
    database_new computed
    sql computed "CREATE TABLE v (a int, b int GENERATED ALWAYS AS (a * 2))"
    expect_exit 11 'virtual generated column b; give' pgstrand init --yes --quiet --no-progress --data "$HARNESS/v" \
        --source "$(conninfo computed)"
    sql computed "ALTER TABLE v ADD PRIMARY KEY (a)"
    pgstrand init --yes --quiet --no-progress --data "$HARNESS/v" --source "$(conninfo computed)" >/dev/null
    sql computed "INSERT INTO v VALUES (1); UPDATE v SET a = 2"
    # Made later, such a table ends the capture, not the application; with a key all goes on.
    agent_start "$HARNESS/v"
    sql computed "CREATE TABLE w (a int, b int GENERATED ALWAYS AS (a * 2)); INSERT INTO w VALUES (1), (2); UPDATE w SET a = 3;
        DELETE FROM w WHERE a = 3; INSERT INTO w VALUES (4)"
    DATA=$HARNESS/v wait_for 60 names 'table public.w has no key'
    sql computed "UPDATE w SET a = 5; UPDATE v SET a = 6; ALTER TABLE w ADD PRIMARY KEY (a)"
    DATA=$HARNESS/v wait_for 60 healthy
    sql computed "UPDATE w SET a = 7"
    pgstrand wait --data "$HARNESS/v" --timeout 60 >/dev/null
    # The key goes: it ends again.
    sql computed "ALTER TABLE w DROP CONSTRAINT w_pkey; UPDATE w SET a = 8"
    DATA=$HARNESS/v wait_for 60 names 'table public.w has no key'
    sql computed "ALTER TABLE w ADD PRIMARY KEY (a)"
    DATA=$HARNESS/v wait_for 60 healthy
    database_new computed_back
    pgstrand restore --data "$HARNESS/v" --quiet --target "$(conninfo computed_back)" >/dev/null
    assert_same_tables "$(conninfo computed)" "$(conninfo computed_back)"
    agent_stop "$HARNESS/v"
    # A slot that nobody read for too long: warned about by init, named with its reason, and made up for.
    cluster_set idle_replication_slot_timeout 1s
    pgstrand init --data "$HARNESS/w" --source "$(conninfo shop)" --dry-run | grep 'idle_replication_slot_timeout is 1 s'
    lost_idle() {
        sql computed CHECKPOINT
        names 'nobody read from it for longer than idle_replication_slot_timeout allows'
    }
    DATA=$HARNESS/v wait_for 30 lost_idle
    cluster_set idle_replication_slot_timeout 0
    sql computed "UPDATE w SET a = 70"
    agent_start "$HARNESS/v"
    agent_log "$HARNESS/v" | grep -q 'was invalidated, nobody read from it for longer than idle_replication_slot_timeout allows'
    DATA=$HARNESS/v wait_for 30 healthy
    agent_stop "$HARNESS/v"
}

names() {
    pgstrand status --data "$DATA" --json | jq -e --arg text "$1" '.problems | any(contains($text))'
}
