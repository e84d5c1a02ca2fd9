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
    [ -d "$HARNESS/at/$seq" ] || complain "nothing was kept at seq $seq" || return 1
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
    [ "$(tables_of "$target")" = 0 ]
    [ -z "$(oid_of "${target}_pgstrand_new")" ]
    database_drop "$old"
}

@test "business vault on another device: no device rows, a new identity of the same dataset" {
    local other=$HARNESS/other.$BATS_TEST_NUMBER
    pgstrand restore --data "$other" --target "$(conninfo "$target")" --from "file://$HARNESS/shelf" --json >"$HARNESS/other.json"
    jq -e '.same_device == false and (.skipped | length > 0) and (.tables | all(.tier != "device"))' "$HARNESS/other.json"
    [ "$(pos_rows "$(conninfo "$target")" device)" = 0 ]
    [ "$(pos_rows "$(conninfo "$target")" transient)" = 0 ]
    assert_state "$(jq .seq "$HARNESS/other.json")" business audit
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
    [ "$(tables_of "$target")" = 0 ]
    restore --from "file://$HARNESS/shelf" --tiers business,audit --to-seq "$(nth_seq 9)"
    assert_state "$(nth_seq 9)" business audit
}

@test "a target that is not empty is refused and stays as it was" {
    sql "$target" 'CREATE TABLE mine AS SELECT 1 AS n'
    expect_exit 15 'not empty \(public.mine\)' restore
    expect_exit 15 'not empty' restore --jobs 2
    [ "$(sql "$target" 'SELECT n FROM mine')" = 1 ]
    [ "$(tables_of "$target")" = 1 ]
}

@test "a seq in the future, an unknown snapshot, a table that is not there" {
    expect_exit 10 'the last one is' restore --to-seq 999999999
    expect_exit 10 'no snapshot' restore --to-name nobody
    expect_exit 10 'no table' restore --tables 'nothing*'
    [ "$(tables_of "$target")" = 0 ]
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
        [ "$(tables_of "$target")" = 0 ]
    done
}

@test "a missing parent is named" {
    rm -rf "$HARNESS/damaged"
    cp -r "$HARNESS/safe" "$HARNESS/damaged"
    rm "$HARNESS"/damaged/*/*/0000000000000001-*
    expect_exit 12 'missing' restore --from "file://$HARNESS/damaged"
    [ "$(tables_of "$target")" = 0 ]
}

@test "rows rewritten after the base are refused, saying what can be restored, and healed by a FULL" {
    local before
    before=$(pgstrand wait --data "$DATA" --timeout 60)
    # What the agent would make of it waits for a table.
    session_open holder shop
    say holder 'BEGIN; LOCK TABLE texts'
    sql shop 'ALTER TABLE loose ADD COLUMN more int DEFAULT 7 + (random() * 0)::int'
    sql shop "INSERT INTO loose VALUES ('wider', 1, 2)"
    pgstrand wait --data "$DATA" --timeout 60 >/dev/null
    expect_exit 11 "restorable: up to seq $before" restore
    restore --to-seq "$before"
    session_close holder
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
        if [ "$(tables_of "$target")" = 0 ]; then
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
    if [ "$(tables_of "$target")" = 0 ]; then
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
