# Small tables that ALTER TABLE rewrites with values that nobody knows (USING, volatile defaults, SET LOGGED) are told again in
# the same transaction: every seq around stays restorable, without a new base. What is too large, or cannot be told, gets one.

bats_require_minimum_version 1.5.0

load ../lib/onecluster
load ../lib/schemasteps
# The larger transactions are streamed. What is told is told, however slow the machine.
cluster_settings=(logical_decoding_work_mem=64kB pgstrand.retell_time=60s)

setup_file() {
    onecluster_begin
    export DATA=$HARNESS/data target=back
    database_new shop
    sql shop "
        CREATE TABLE deed (id int PRIMARY KEY, n int, t text, long text, seed int, twice int GENERATED ALWAYS AS (seed * 2) STORED, gone int);
        ALTER TABLE deed ALTER long SET STORAGE EXTERNAL, DROP gone;
        INSERT INTO deed SELECT i, i, CASE i % 4 WHEN 0 THEN NULL WHEN 1 THEN '' WHEN 2 THEN E'tab\\t, \"quoted\" \\\\ ' ELSE 'näher' END,
            repeat(md5(i::text), 200), i FROM generate_series(1, 40) i;
        CREATE TABLE loose (word text, n int);
        INSERT INTO loose SELECT 'same', i % 3 FROM generate_series(1, 12) i;
        CREATE UNLOGGED TABLE quiet (id int PRIMARY KEY, at interval, p float8);
        INSERT INTO quiet VALUES (1, '1 mon -3 days 04:05', 0.1), (2, NULL, 'NaN');
        CREATE TABLE parts (id int, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
        CREATE TABLE parts_a PARTITION OF parts FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
        CREATE TABLE parts_b PARTITION OF parts FOR VALUES FROM ('2021-01-01') TO ('2022-01-01');
        INSERT INTO parts SELECT i, '2020-12-20'::date + i FROM generate_series(1, 20) i;
        CREATE TABLE top (id int PRIMARY KEY, v text);
        CREATE TABLE below () INHERITS (top);
        INSERT INTO top VALUES (1, 'top'); INSERT INTO below VALUES (2, 'below'), (2, 'below');
        CREATE TABLE till (id int PRIMARY KEY);
        INSERT INTO till VALUES (1), (2);
        CREATE TABLE many (id int PRIMARY KEY, v text);
        INSERT INTO many SELECT i, repeat('x', 100) FROM generate_series(1, 3000) i;
        CREATE TYPE pair AS (a int, b text);
        CREATE TABLE odd (\"the \"\"id\"\" %s\" int, \"Füß\" pair, l int[], m money, PRIMARY KEY (\"the \"\"id\"\" %s\"));
        INSERT INTO odd VALUES (1, (1, 'x,y'), '{1,NULL}', 3), (2, (NULL, NULL), '{}', NULL), (3, NULL, NULL, '-1234.5')"
    sql shop "DROP ROLE IF EXISTS owner1, owner2; CREATE ROLE owner1 LOGIN; GRANT CREATE ON SCHEMA public TO owner1"
    printf '[seal]\ninterval = 0\nactions = 0\nbytes = 0\n[tiers]\ndevice = till\n' >"$HARNESS/start.conf"
    pgstrand init --data "$DATA" --source "$(conninfo shop)" --config "$HARNESS/start.conf" >"$HARNESS/init.out" 2>&1
    agent_start "$DATA"
    keep_state
}

teardown_file() {
    sql postgres 'DROP DATABASE IF EXISTS shop WITH (FORCE)' && sql postgres 'DROP ROLE IF EXISTS owner1, owner2' || true
    harness_end
}

@test "rewritten tables are told again: with a key, without, their keys themselves, and every kind of table" {
    step "ALTER TABLE deed ALTER n TYPE bigint USING n * 10" "UPDATE deed SET t = 'after' WHERE id = 3; DELETE FROM deed WHERE id = 4"
    step "ALTER TABLE deed ADD r float8 DEFAULT random(), ADD at timestamptz DEFAULT clock_timestamp()" \
        "INSERT INTO deed (id, n, t) VALUES (41, 1, 'y'); UPDATE deed SET id = 1000 WHERE id = 7"
    # two rewrites in one transaction, rows before, between and after; one that moves all keys
    step "BEGIN; UPDATE deed SET t = 'first' WHERE id < 5; ALTER TABLE deed ADD u uuid DEFAULT gen_random_uuid();
          DELETE FROM deed WHERE id = 9; INSERT INTO deed (id, n) VALUES (50, 5); ALTER TABLE deed ALTER id TYPE bigint USING id * 10 + 7;
          UPDATE deed SET t = 'last' WHERE id = 17; INSERT INTO deed (id, n) VALUES (8, 8); COMMIT" \
        "UPDATE deed SET n = -n WHERE id < 200; DELETE FROM deed WHERE id = 57"
    # taken back: nothing of it
    step "BEGIN; SAVEPOINT s; ALTER TABLE deed ALTER n TYPE text USING 'lost'; ROLLBACK TO s; ALTER TABLE deed ADD plain int DEFAULT 3; COMMIT" \
        "UPDATE deed SET plain = 4 WHERE id < 99"
    step "ALTER TABLE loose ALTER n TYPE text USING 'n' || n" "DELETE FROM loose WHERE ctid = (SELECT min(ctid) FROM loose); INSERT INTO loose VALUES ('same', 'n1')"
    step "ALTER TABLE loose ADD id bigserial PRIMARY KEY" "UPDATE loose SET word = 'keyed' WHERE id = 2; INSERT INTO loose VALUES ('w', 'x')"
    step "ALTER TABLE quiet SET LOGGED" "INSERT INTO quiet VALUES (3); DELETE FROM quiet WHERE id = 1"
    step "CREATE FUNCTION alters() RETURNS void LANGUAGE plpgsql AS 'BEGIN ALTER TABLE quiet ALTER at TYPE text USING at::text || ''!''; END'; SELECT alters()" \
        "INSERT INTO quiet VALUES (4, 'z', 1e300)"
    step "ALTER TABLE parts ADD u uuid DEFAULT gen_random_uuid(); ALTER TABLE top ALTER v TYPE varchar USING left(v, 2), ADD z float8 DEFAULT random()" \
        "UPDATE parts SET day = day + 20 WHERE id < 5; INSERT INTO below VALUES (3, 'b'); UPDATE top SET v = v || '!'"
    step "ALTER TABLE many ADD u uuid DEFAULT gen_random_uuid()" "UPDATE many SET v = 'short' WHERE id % 7 = 0; DELETE FROM many WHERE id % 5 = 0"
    step "ALTER TABLE odd ADD \"New\" float8 DEFAULT random()" "UPDATE odd SET m = 7 WHERE l IS NULL"
    keep_state
    [ "$(retold)" -eq 14 ]
    [ "$(bases)" -eq 0 ]
    [ "$(fulls)" -eq 1 ]
}

@test "restored: before, between and after them, by several jobs, from a vault, over a DIFFERENTIAL" {
    for n in 1 2 3 4 5 6 8 10 13; do
        check "$(sed -n ${n}p "$HARNESS/seqs")"
    done
    pgstrand vault add --data "$DATA" shelf "file://$HARNESS/shelf" --backup-type full-device >/dev/null
    pgstrand seal --data "$DATA" >/dev/null
    pgstrand seal --data "$DATA" --type differential >/dev/null
    pgstrand ship --data "$DATA" shelf >/dev/null
    check "$(tail -n 1 "$HARNESS/seqs")" --from "file://$HARNESS/shelf" --as same --jobs 2
    pgstrand verify --data "$DATA" >/dev/null
}

@test "a row's history goes on over a rewrite, and its values at a seq are the source's" {
    kinds() {
        pgstrand entity --data "$DATA" --json "$@" | jq -c '[.value != null, [.history[].kind]]'
    }
    [ "$(kinds many 1)" = '[true,["BASE","UPDATE"]]' ]
    [ "$(kinds deed 3)" = '[false,["BASE","UPDATE","UPDATE","UPDATE","UPDATE","UPDATE","TRUNCATE"]]' ] # it got another key
    [ "$(pgstrand entity --data "$DATA" --json deed 3 --at-seq "$(sed -n 3p "$HARNESS/seqs")" | jq -r .value.t)" = after ]
}

@test "an owner who is no superuser, with triggers that fail, rules, row security and a cast of his own" {
    step "CREATE TYPE mood AS ENUM ('sad', 'glad'); CREATE TABLE owned (id int PRIMARY KEY, m mood, n int)" \
        "INSERT INTO owned SELECT i, 'glad', i FROM generate_series(1, 9) i"
    sql shop "
        CREATE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''never''; END';
        CREATE FUNCTION shows(mood) RETURNS text LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''as %'', current_user; END';
        CREATE TRIGGER fails BEFORE INSERT OR UPDATE OR DELETE ON owned FOR EACH ROW EXECUTE FUNCTION fails();
        CREATE TRIGGER later AFTER UPDATE ON owned FOR EACH STATEMENT EXECUTE FUNCTION fails();
        ALTER TABLE owned ENABLE ALWAYS TRIGGER fails, ENABLE ALWAYS TRIGGER later;
        CREATE RULE swallow AS ON UPDATE TO owned DO INSTEAD NOTHING;
        ALTER TABLE owned OWNER TO owner1; ALTER TYPE mood OWNER TO owner1; ALTER FUNCTION shows(mood) OWNER TO owner1;
        ALTER TABLE owned ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; CREATE POLICY none ON owned USING (false);
        SET ROLE owner1; CREATE CAST (mood AS text) WITH FUNCTION shows(mood)" >/dev/null
    step "SET ROLE owner1; ALTER TABLE owned ADD u uuid DEFAULT gen_random_uuid()" "INSERT INTO loose VALUES ('w', 'y')"
    step "SET ROLE owner1; ALTER TABLE owned ALTER n TYPE bigint USING n * 3, DROP u" "INSERT INTO loose VALUES ('w', 'z')"
    check "$(tail -n 1 "$HARNESS/seqs")"
    [ "$(bases)" -eq 0 ]
}

@test "messages that only look like it are messages" {
    local seq
    sql shop "SET ROLE owner1; BEGIN; ALTER TABLE owned ALTER n TYPE int USING n + 1;
        SELECT pg_logical_emit_message(true, 'pgstrand.retold', 'N'), pg_logical_emit_message(true, 'pgstrand.retold', 'R'),
               pg_logical_emit_message(false, 'pgstrand.retold', 'E'); COMMIT" >/dev/null
    seq=$(pgstrand wait --data "$DATA" --timeout 60)
    [ "$(pgstrand log --data "$DATA" --json --from-seq $((seq - 20)) | jq -s '[.[] | select(.kind == "MESSAGE" and .prefix == "pgstrand.retold")] | length')" -eq 3 ]
}

@test "killed between a rewrite and its capture, and behind it: the next start goes on" {
    local before
    before=$(versions)
    agent_kill9 "$DATA"
    sql shop "ALTER TABLE many ALTER v TYPE text USING v || id" >/dev/null
    agent_start "$DATA"
    pgstrand wait --data "$DATA" --timeout 60 >/dev/null
    agent_kill9 "$DATA"
    sql shop "UPDATE many SET v = 'behind' WHERE id = 11" >/dev/null
    agent_start "$DATA"
    wait_for 30 more_versions "$before"
    keep_state
    check "$(tail -n 1 "$HARNESS/seqs")"
    [ "$(bases)" -eq 0 ]
}

@test "too large, too many together, too slow, under an old snapshot, of this device alone: the command succeeds, and a base comes" {
    local told
    told=$(retold)
    needs_base "SET pgstrand.retell_bytes = 100000; ALTER TABLE many ADD w float8 DEFAULT random()" "UPDATE many SET v = 'now' WHERE id = 12"
    needs_base "BEGIN ISOLATION LEVEL REPEATABLE READ; ALTER TABLE deed ALTER n TYPE numeric USING n + 0.5; COMMIT" "DELETE FROM deed WHERE id = 17"
    needs_base "SET pgstrand.retell_bytes = nonsense; ALTER TABLE loose ALTER n TYPE text USING n || '?'" "UPDATE loose SET n = 0 WHERE id = 3"
    needs_base "SET pgstrand.retell_bytes = 12000; ALTER TABLE parts ADD w float8 DEFAULT random()" "DELETE FROM parts WHERE id = 3"
    needs_base "SET pgstrand.retell_time = '0'; ALTER TABLE many ADD x float8 DEFAULT random(); ALTER TABLE till ADD w float8 DEFAULT random()" "DELETE FROM many WHERE id = 13"
    [ "$(retold)" -eq "$told" ]
}

@test "the role that made the triggers is no superuser any more: row security hides nothing from a restore" {
    sql shop "CREATE ROLE owner2; GRANT pg_read_all_data TO owner2; GRANT ALL ON SCHEMA pgstrand TO owner2;
        GRANT ALL ON ALL TABLES IN SCHEMA pgstrand TO owner2; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA pgstrand TO owner2;
        ALTER FUNCTION pgstrand.on_command_end() OWNER TO owner2"
    needs_base "SET ROLE owner1; ALTER TABLE owned ADD w float8 DEFAULT random()" "INSERT INTO loose VALUES ('w', 'demoted')"
    [ "$(sql "$target" 'SELECT count(*) FROM owned')" -eq 9 ]
}

# killed_at_commit DDL: the agent dies behind the rename that makes the next link's commit file.
killed_at_commit() {
    agent_stop "$DATA"
    PGSTRAND_IO_FAULT=killafter:3:.commit agent_start "$DATA"
    sql shop "$1" >/dev/null
    [ "$(agent_exit_code "$DATA")" -eq 137 ]
}

# Healthy, with the rewritten values: it has so many bases.
one_base_more() {
    agent_start "$DATA"
    wait_for 30 eval "pgstrand status --data '$DATA' --json | jq -e .healthy"
    keep_state
    check "$(tail -n 1 "$HARNESS/seqs")"
    [ "$(bases)" -eq $(($1 + 1)) ] && [ "$(fulls)" -eq 1 ]
}

@test "killed when a table's new base was published: it is made once; killed at another link, with no retries: it is made all the same" {
    local before
    before=$(bases)
    killed_at_commit "SET pgstrand.retell_bytes = 100; ALTER TABLE many ADD y float8 DEFAULT random()"
    [ "$(bases)" -eq $((before + 1)) ]
    one_base_more "$before"
    before=$(bases)
    sed -i 's/^actions = .*/actions = 1/; s/^retries = .*/retries = 0/' "$DATA/pgstrand.conf"
    grep -q '^retries = 0' "$DATA/pgstrand.conf"
    killed_at_commit "SET pgstrand.retell_bytes = 100; ALTER TABLE many ADD z float8 DEFAULT random()"
    [ "$(bases)" -eq "$before" ]
    sed -i 's/^actions = .*/actions = 0/' "$DATA/pgstrand.conf" # so that the base is what is asked for next
    one_base_more "$before"
}
