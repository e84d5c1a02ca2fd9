# How a restore treats what does not fit: rows without their parent, roles that are not there, targets that break. Against one small
# shop whose orders lead to a register, a row of the device tier. Rows that are there already: merge.bats.

bats_require_minimum_version 1.5.0

load ../lib/restoring

setup_file() {
    captured_begin "
        CREATE TABLE registers (id int PRIMARY KEY, name text NOT NULL);
        CREATE TABLE customers (id int PRIMARY KEY, email text UNIQUE, note text);
        CREATE TABLE orders (id int PRIMARY KEY, customer int REFERENCES customers, register int REFERENCES registers,
            total numeric NOT NULL);
        CREATE TABLE items (id int PRIMARY KEY, \"order\" int NOT NULL CONSTRAINT \"items (order)\" REFERENCES orders, word text);
        CREATE TABLE notes (id int PRIMARY KEY, item int REFERENCES items ON DELETE SET NULL);
        COMMENT ON CONSTRAINT orders_customer_fkey ON orders IS 'whose';
        CREATE TABLE loose (word text, n int);
        CREATE TABLE parts (id int, day date, register int REFERENCES registers, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
        CREATE TABLE parts_old PARTITION OF parts FOR VALUES FROM ('2020-01-01') TO ('2024-01-01');
        CREATE TABLE parts_new PARTITION OF parts FOR VALUES FROM ('2024-01-01') TO ('2030-01-01');
        INSERT INTO registers SELECT i, 'register ' || i FROM generate_series(1, 3) i;
        INSERT INTO customers SELECT i, i || '@example.com', 'old' FROM generate_series(1, 20) i;
        INSERT INTO orders SELECT i, i, CASE WHEN i % 4 = 0 THEN 1 END, i * 1.50 FROM generate_series(1, 20) i;
        INSERT INTO items SELECT i, (i + 1) / 2, 'item ' || i FROM generate_series(1, 40) i;
        INSERT INTO notes SELECT i, i FROM generate_series(1, 40) i;
        INSERT INTO loose SELECT 'same', i % 2 FROM generate_series(1, 6) i;
        INSERT INTO parts SELECT i, '2023-12-20'::date + i, CASE WHEN i < 4 THEN 2 END FROM generate_series(1, 20) i" $'[tiers]\ndefault = business\ndevice = registers'
    pgstrand wait --data "$DATA" --timeout 60 >"$HARNESS/seq.0"
}

@test "foreign-keys: orphans are refused with their counts, and nothing is left" {
    restore --as other --dry-run 2>"$HARNESS/plan" >/dev/null
    grep -q 'foreign key orders_register_fkey of public.orders leads to public.registers, which does not come' "$HARNESS/plan"
    local jobs
    for jobs in 1 2; do
        restore --as other --jobs "$jobs" >/dev/null 2>"$HARNESS/refused" && return 1
        grep -q 'orders_register_fkey of public.orders: 5 rows without their parent in public.registers' "$HARNESS/refused"
        grep -q 'parts_register_fkey of public.parts_old: 3 rows' "$HARNESS/refused"
        grep -q 'nothing was changed' "$HARNESS/refused"
        [ "$(tables_of "$target")" = 0 ]
    done
}

@test "foreign-keys: orphans are kept, counted, and the foreign key is NOT VALID" {
    local jobs
    for jobs in 1 2; do
        restore --as other --orphans report --jobs "$jobs" --json 2>/dev/null >"$HARNESS/kept"
        jq -e '[.orphans[] | select(.constraint == "orders_register_fkey")] == [{"constraint": "orders_register_fkey",
            "table": "public.orders", "references": "public.registers", "rows": 5, "action": "kept"}]' "$HARNESS/kept"
        jq -e '.tables | all(.proven)' "$HARNESS/kept"
        target_has "SELECT string_agg(conrelid::regclass || ' ' || conname, ', ' ORDER BY 1) FROM (SELECT conrelid, conname FROM pg_constraint
            WHERE contype = 'f' AND NOT convalidated ORDER BY conrelid::regclass::text) s" \
            'orders orders_register_fkey, parts_new parts_register_fkey, parts_old parts_register_fkey'
        target_has 'SELECT count(*) FROM orders' 20
        target_has "SELECT obj_description(oid, 'pg_constraint') FROM pg_constraint WHERE conname = 'orders_customer_fkey'" whose
        database_again "$target"
    done
}

@test "foreign-keys: orphans are deleted, and what leads to them as well" {
    local jobs
    for jobs in 1 2; do
        restore --as other --orphans delete --jobs "$jobs" --json 2>/dev/null >"$HARNESS/deleted"
        jq -e '[.orphans[] | {(.constraint): [.rows, .action]}] | add ==
            {"orders_register_fkey": [5, "deleted"], "items (order)": [10, "deleted"], "notes_item_fkey": [10, "cleared"],
             "parts_register_fkey": [3, "deleted"]}' "$HARNESS/deleted"
        jq -e '[.tables[] | select(.table == "public.orders") | .rows] == [15]' "$HARNESS/deleted"
        target_has 'SELECT count(*) FROM orders' 15
        target_has 'SELECT count(*) FROM items' 30
        target_has 'SELECT count(*), count(item) FROM notes' '40|30'
        target_has 'SELECT count(*) FROM parts' 17
        target_has "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND NOT convalidated" 0
        database_again "$target"
    done
}

@test "foreign-keys: some tables only: what they lead to is said, and its rows are missed" {
    restore --tables orders,items --dry-run 2>&1 >/dev/null | grep -q 'orders_customer_fkey of public.orders leads to public.customers'
    expect_exit 11 'orders_customer_fkey' restore --tables orders,items --quiet
    restore --tables orders,items --orphans report 2>/dev/null
    target_has 'SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM customers)' '20|0'
}

@test "foreign-keys: replace refuses, keeps or deletes orphans, also by an owner who is no superuser" {
    restore >/dev/null
    sql "$target" "CREATE TABLE leans (id int PRIMARY KEY, customer int REFERENCES customers);
        INSERT INTO customers VALUES (99, '99@example.com'); INSERT INTO leans VALUES (1, 1), (99, 99)"
    sql "$target" "CREATE SEQUENCE numbers; ALTER TABLE customers ALTER id SET DEFAULT nextval('numbers')"
    expect_exit 11 'leans_customer_fkey of public.leans: 1 row without its parent' restore --mode replace --quiet
    target_has 'SELECT last_value FROM numbers' 1
    restore --mode replace --orphans report 2>"$HARNESS/kept" >/dev/null
    target_has 'SELECT last_value FROM numbers' 20
    sql "$target" 'ALTER TABLE customers ALTER id DROP DEFAULT; DROP SEQUENCE numbers'
    grep -q '1 row of public.leans without parent in public.customers .* are kept' "$HARNESS/kept"
    target_has "SELECT convalidated FROM pg_constraint WHERE conname = 'leans_customer_fkey'" f
    sql "$target" "DELETE FROM leans WHERE id = 99; ALTER TABLE leans VALIDATE CONSTRAINT leans_customer_fkey;
        INSERT INTO customers VALUES (99, '99@example.com'); INSERT INTO leans VALUES (99, 99)"
    restore --mode replace --orphans delete >/dev/null 2>&1
    target_has 'SELECT string_agg(id::text, $$,$$) FROM leans' 1

    sql "$target" "INSERT INTO customers VALUES (99, '99@example.com'); INSERT INTO leans VALUES (99, 99);
        CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN RAISE 'fired'; END \$\$;
        CREATE TRIGGER spoil BEFORE DELETE OR INSERT ON leans FOR EACH ROW EXECUTE FUNCTION spoil();
        CREATE RULE keep AS ON DELETE TO customers DO INSTEAD NOTHING"
    keeper_owns "$target"
    as_keeper() {
        pgstrand restore --data "$DATA" --target "$(conninfo_tcp "$target" keeper)" --mode replace "$@"
    }
    expect_exit 11 'leans_customer_fkey' as_keeper --quiet
    target_has 'SELECT count(*) FROM customers' 21
    as_keeper --orphans delete >/dev/null 2>&1
    target_has 'SELECT string_agg(id::text, $$,$$) FROM leans' 1
    target_has "SELECT string_agg(tgenabled::text, '') FROM pg_trigger WHERE tgname = 'spoil'" O
    target_has "SELECT ev_enabled FROM pg_rewrite WHERE rulename = 'keep'" O
    target_has 'SELECT count(*) FROM customers' 20
    target_has "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND NOT convalidated" 0
    keeper_leaves "$target"
}

@test "values that cannot be read are a usage error" {
    expect_exit 2 'to-snapshot' restore --to-snapshot nonsense
    expect_exit 2 'to-lsn' restore --to-lsn nonsense
    expect_exit 2 'to-time' restore --to-time nonsense
    expect_exit 2 'node' restore --node nonsense
    expect_exit 2 'tiers' restore --tiers nonsense
}

# ---- what would change ----

@test "a dry run says what would change, table by table and row by row, and changes nothing" {
    restore --dry-run --json 2>/dev/null | jq -e '.tables[] | select(.table == "public.orders") | [.added, .changed, .removed] == [20, 0, 0]'
    restore >/dev/null
    sql "$target" "UPDATE customers SET note = 'mine' WHERE id = 2; INSERT INTO customers VALUES (77, '77@x', 'mine');
        DELETE FROM notes WHERE id < 4; INSERT INTO loose VALUES ('other', 1); DELETE FROM loose WHERE n = 0"
    dump_tables "$(conninfo "$target")" "$HARNESS/before"
    restore --mode replace --dry-run --json --diff 'customers,loose' >"$HARNESS/plan" 2>/dev/null
    local got
    got=$(jq -c '[.tables[] | select(.added + .changed + .removed > 0) | {(.table): [.added, .changed, .removed]}] | add' "$HARNESS/plan")
    [ "$got" = '{"public.customers":[0,1,1],"public.loose":[3,0,1],"public.notes":[3,0,0]}' ] || complain "$got"
    jq -e '[.diff[] | select(.table == "public.customers")] ==
        [{"table": "public.customers", "kind": "changed", "old": {"id": "2", "email": "2@example.com", "note": "mine"},
          "new": {"id": "2", "email": "2@example.com", "note": "old"}},
         {"table": "public.customers", "kind": "removed", "old": {"id": "77", "email": "77@x", "note": "mine"}, "new": null}]' "$HARNESS/plan"
    [ "$(jq '[.diff[] | select(.table == "public.loose")] | length' "$HARNESS/plan")" = 4 ]
    restore --mode replace --dry-run --diff customers 2>/dev/null | grep -q '^- public.customers {"id":"77","email":"77@x","note":"mine"}'
    dump_tables "$(conninfo "$target")" "$HARNESS/after"
    assert_same_dumps "$HARNESS/before" "$HARNESS/after"
    expect_exit 2 '--diff goes with --dry-run' restore --mode replace --diff customers
}

# ---- what the target remembers ----

@test "idempotent-replay: restores are recorded in the target" {
    restore >/dev/null
    target_has "SELECT count(*), min(seq) = min(whole_seq), min(scope) FROM pgstrand.replay" "1|t|fresh as=same"
    target_has "SELECT count(*) > 0 FROM pg_replication_origin WHERE roname LIKE 'pgstrand\\_%'" t
}

# Before 15 it is made before the transaction.
@test "a restore that fails leaves no replication origin, which would be the whole server's" {
    local mode ours="FROM pg_replication_origin WHERE roname LIKE 'pgstrand\\_%'"
    sed 's/^same_sql =.*/same_sql = same.sql/' "$DATA/pgstrand.conf" >"$BATS_TEST_TMPDIR/hooks.conf"
    echo 'SELECT 1 / 0' >"$BATS_TEST_TMPDIR/same.sql"
    for mode in fresh replace merge; do
        sql postgres "SELECT pg_replication_origin_drop(roname) $ours" >/dev/null
        expect_exit 11 'division by zero' restore --mode "$mode" --config "$BATS_TEST_TMPDIR/hooks.conf" --quiet
        target_has "SELECT count(*) $ours" 0
        [ "$mode" != fresh ] || restore --quiet # for the others
    done
    # One that was there stays.
    restore --mode merge --quiet
    expect_exit 11 'division by zero' restore --mode replace --config "$BATS_TEST_TMPDIR/hooks.conf" --quiet
    target_has "SELECT count(*) $ours" 1
}

# ---- two at once ----

# first_restore ARGS...: in the background, $first_pid; first_ends: it was whole, and so many databases are left beside it.
first_restore() {
    "$PGSTRAND_BUILD/pgstrand" restore --data "$DATA" --target "$(conninfo "$target")" "$@" >/dev/null 2>"$HARNESS/first" 3>&- &
    first_pid=$!
}

first_ends() {
    wait "$first_pid" || complain "$(<"$HARNESS/first")" || return 1
    assert_same_tables "$(conninfo shop)" "$(conninfo "$target")" || return 1
    [ "$(sql postgres "SELECT count(*) FROM pg_database WHERE datname LIKE '${target}\\_pgstrand%'")" = "$1" ]
}

@test "two restores at once: the second is refused in one line, and the database ends as the first leaves it" {
    local first second
    mkfifo "$HARNESS/held" "$HARNESS/go"
    printf '#!/bin/sh\necho >"%s"; read go <"%s"\n' "$HARNESS/held" "$HARNESS/go" >"$HARNESS/hold.sh"
    chmod +x "$HARNESS/hold.sh"
    sed "s#^before_command =.*#before_command = $HARNESS/hold.sh#" "$DATA/pgstrand.conf" >"$HARNESS/hold.conf"
    sed 's/^retry_first = .*/retry_first = 50ms/' "$DATA/pgstrand.conf" >"$HARNESS/quick.conf"
    # The first stands before its work, planned and checked.
    for first in 1 2; do
        for second in 1 2; do
            first_restore --jobs "$first" --drop-old --config "$HARNESS/hold.conf"
            timeout 60 cat "$HARNESS/held"
            expect_exit 15 "another restore into database $target is at work: wait" restore --jobs "$second" --quiet
            [ "$(tables_of "$target")" = 0 ]
            echo >"$HARNESS/go"
            first_ends 0
            database_again "$target"
        done
    done
    # Its new database is whole and waits for somebody to leave the target, which it has left itself; stopped there it holds as long as we want.
    swapping() {
        [ "$(sql postgres "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgstrand' AND query LIKE 'BEGIN; ALTER DATABASE%'")" = 1 ]
    }
    session_open guest "$target"
    say guest 'SELECT 1'
    first_restore --jobs 2 --drop-old --config "$HARNESS/quick.conf"
    wait_for 60 swapping
    kill -STOP "$first_pid"
    for second in 1 2; do
        expect_exit 15 "another restore builds database ${target}_pgstrand_new: wait" restore --jobs "$second" --quiet
        [ "$(tables_of "$target")" = 0 ]
    done
    session_close guest
    kill -CONT "$first_pid"
    first_ends 0
    # What a guest leaves there between the last look and the change of names is not dropped, nor by the next restore. Both wait for
    # catalogues that are the whole server's: the transaction before that look, and the change. Neither lock keeps readers out: a new
    # connection reads both catalogues when the server's cache file of them is gone, and any vacuum of a catalogue removes it.
    local made
    sed 's/^same_sql =.*/same_sql = wait.sql/' "$DATA/pgstrand.conf" >"$HARNESS/wait.conf"
    echo 'LOCK TABLE pg_catalog.pg_shseclabel IN ROW EXCLUSIVE MODE' >"$HARNESS/wait.sql"
    for made in 'TABLE mine AS SELECT 1 AS n' "FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'"; do
        database_again "$target"
        session_open look postgres
        say look 'BEGIN; LOCK TABLE pg_catalog.pg_shseclabel IN SHARE MODE'
        first_restore --jobs 2 --drop-old --config "$HARNESS/wait.conf"
        wait_for 60 waits_for_lock "${target}_pgstrand_new"
        session_open names postgres
        say names 'BEGIN; LOCK TABLE pg_catalog.pg_database IN SHARE MODE'
        session_close look
        wait_for 60 waits_for_lock postgres
        sql "$target" "CREATE $made"
        session_close names
        first_ends 1
        grep -q "the database it replaced is still there: ${target}_pgstrand_old was used meanwhile" "$HARNESS/first"
        database_again "$target"
        expect_exit 15 "there is a database ${target}_pgstrand_old already" restore --jobs 2 --quiet
        [ "$(sql "${target}_pgstrand_old" "SELECT count(*) FROM (SELECT relname FROM pg_class UNION ALL SELECT proname FROM pg_proc) s
            WHERE relname = 'mine'")" = 1 ]
        database_drop "${target}_pgstrand_old"
    done
    restore --quiet
    # A replacing one and a merge.
    session_open holder "$target"
    say holder 'BEGIN; LOCK TABLE notes'
    first_restore --mode replace
    wait_for 60 waits_for_lock "$target"
    expect_exit 15 "another restore into database $target is at work" restore --mode merge --quiet
    session_close holder
    first_ends 0
}

# ---- sequences ----

sequences_are() {
    target_has 'SELECT (SELECT last_value FROM tickets), (SELECT last_value FROM numbered_id_seq), (SELECT is_called FROM fresh)' "$1"
}

@test "sequences: a replace that fails leaves them as they were, --tables those of other tables" {
    source_begin
    sql "$source" "CREATE SEQUENCE tickets MAXVALUE 60 CYCLE; SELECT setval('tickets', 60); CREATE SEQUENCE fresh;
        CREATE SEQUENCE words_seq OWNED BY words.word; SELECT setval('words_seq', 5)"
    pgstrand seal --data "$src" --quiet
    pgstrand restore --data "$src" --target "$(conninfo "$target")" --quiet
    sequences_are '60|2|f'
    sql "$target" "SELECT setval('tickets', 50), setval('numbered_id_seq', 90), nextval('fresh'), setval('words_seq', 9)"
    cp "$src/pgstrand.conf" "$BATS_TEST_TMPDIR/hooks.conf"
    sed -i 's/^same_sql =.*/same_sql = same.sql/' "$BATS_TEST_TMPDIR/hooks.conf"
    echo 'SELECT 1 / (last_value - 60) FROM public.tickets' >"$BATS_TEST_TMPDIR/same.sql"
    replace() {
        pgstrand restore --data "$src" --target "$(conninfo "$target")" --mode replace --quiet "$@"
    }
    # Inside, the hook sees what comes.
    expect_exit 11 'division by zero' replace --config "$BATS_TEST_TMPDIR/hooks.conf"
    sequences_are '50|90|t'
    target_has 'SELECT last_value FROM words_seq' 9
    replace --tables numbered
    sequences_are '50|2|t'
    target_has 'SELECT last_value FROM words_seq' 9
    replace
    sequences_are '60|2|f'
    target_has 'SELECT last_value FROM words_seq' 5
    source_end
}

# ---- what the target must have ----

@test "roles are mapped by --role, and those that are missing are named in one line" {
    source_begin
    cluster_new two
    on two database_new elsewhere
    on one sql "$source" "CREATE ROLE cashier; CREATE ROLE \"Big Boss\"; ALTER TABLE people OWNER TO cashier; GRANT SELECT ON pets TO \"Big Boss\";
        ALTER TABLE pets ENABLE ROW LEVEL SECURITY; CREATE POLICY mine ON pets TO cashier USING (name <> 'TO cashier')"
    on one pgstrand seal --data "$src" --type full --quiet >/dev/null
    local there
    there=$(on two conninfo elsewhere)
    expect_exit 11 'roles that the target server does not have: Big Boss, cashier; make them first.*--role' \
        pgstrand restore --data "$src" --target "$there"
    expect_exit 2 '--role wants OLD=NEW' pgstrand restore --data "$src" --target "$there" --role cashier
    [ "$(on two sql elsewhere "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")" = 0 ]
    on two sql elsewhere 'CREATE ROLE till'
    pgstrand restore --data "$src" --target "$there" --role cashier=till --role 'Big Boss=postgres' >/dev/null
    [ "$(on two sql elsewhere "SELECT tableowner FROM pg_tables WHERE tablename = 'people'")" = till ]
    [ "$(on two sql elsewhere "SELECT roles::text || qual FROM pg_policies")" = "{till}(name <> 'TO cashier'::text)" ]
    cluster_remove two
    export CLUSTER=one
    sql "$source" 'REASSIGN OWNED BY cashier TO postgres; DROP OWNED BY cashier, "Big Boss"; DROP ROLE cashier, "Big Boss"'
    source_end
}

@test "replace and merge into what does not fit are refused before anything changes" {
    source_begin
    sql "$source" "CREATE TYPE mood AS ENUM ('glad', 'sad'); CREATE TABLE moods (id int PRIMARY KEY, mood mood); INSERT INTO moods VALUES (1, 'sad')"
    pgstrand seal --data "$src" --type full --quiet >/dev/null
    pgstrand restore --data "$src" --target "$(conninfo "$target")" >/dev/null
    sql "$target" "CREATE TYPE less AS ENUM ('glad'); ALTER TABLE moods ALTER mood TYPE less USING 'glad'; DROP TYPE mood; ALTER TYPE less RENAME TO mood"
    local mode
    for mode in replace merge; do
        expect_exit 11 "type public.mood lacks 1 label .*run first ALTER TYPE public.mood ADD VALUE 'sad'" \
            pgstrand restore --data "$src" --target "$(conninfo "$target")" --mode "$mode"
    done
    sql "$target" "ALTER TYPE mood ADD VALUE 'sad'"
    pgstrand restore --data "$src" --target "$(conninfo "$target")" --mode merge >/dev/null 2>&1
    target_has 'SELECT mood FROM moods' sad
    sql "$target" 'ALTER TABLE moods DROP CONSTRAINT moods_pkey'
    expect_exit 11 'public.moods has no unique index' pgstrand restore --data "$src" --target "$(conninfo "$target")" --mode merge --again
    # A chain of another business.
    pgstrand vault add --data "$DATA" elsewhere "file://$BATS_TEST_TMPDIR/elsewhere" >/dev/null
    pgstrand ship --data "$DATA" elsewhere >/dev/null
    pgstrand vault remove --data "$DATA" elsewhere >/dev/null
    expect_exit 10 'belongs to dataset' pgstrand restore --data "$src" --from "file://$BATS_TEST_TMPDIR/elsewhere" --target "$(conninfo "$target")" --mode merge --quiet
    source_end
}

@test "row security that holds for the owner does not hide rows from replace, and holds again" {
    restore >/dev/null
    keeper_owns "$target"
    sql "$target" "ALTER TABLE notes ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; CREATE POLICY few ON notes USING (id < 5);
        INSERT INTO notes VALUES (1000)"
    pgstrand restore --data "$DATA" --target "$(conninfo_tcp "$target" keeper)" --mode replace >/dev/null 2>&1
    target_has 'SELECT count(*), max(id) FROM notes' '40|40'
    target_has "SELECT relforcerowsecurity FROM pg_class WHERE relname = 'notes'" t
    keeper_leaves "$target"
}

@test "what the schema brings does not act by surprise: triggers, event triggers, rules, policies, subscriptions, user mappings" {
    source_begin
    sql "$source" "CREATE TABLE fired (what text); CREATE EXTENSION postgres_fdw;
        CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN INSERT INTO public.fired VALUES (TG_NAME); RETURN NEW; END \$\$;
        CREATE TRIGGER always AFTER INSERT OR UPDATE ON people FOR EACH ROW EXECUTE FUNCTION tell();
        ALTER TABLE people ENABLE ALWAYS TRIGGER always;
        CREATE FUNCTION tell_ddl() RETURNS event_trigger LANGUAGE plpgsql AS \$\$ BEGIN INSERT INTO public.fired VALUES (TG_TAG); END \$\$;
        CREATE EVENT TRIGGER ddl ON ddl_command_end EXECUTE FUNCTION tell_ddl(); ALTER EVENT TRIGGER ddl ENABLE ALWAYS;
        CREATE RULE also AS ON INSERT TO pets DO ALSO INSERT INTO fired VALUES ('rule'); ALTER TABLE pets ENABLE ALWAYS RULE also;
        ALTER TABLE words ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; CREATE POLICY none ON words USING (false);
        CREATE SUBSCRIPTION feed CONNECTION 'host=127.0.0.1 port=1 dbname=x user=y password=s3cret' PUBLICATION a, \"B\"
            WITH (connect = false, slot_name = NONE, binary = true);
        CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw; CREATE USER MAPPING FOR postgres SERVER far OPTIONS (password 's3cret');
        INSERT INTO people VALUES (77, '77@x'); INSERT INTO pets VALUES (77, 77, 'cat')" 2>/dev/null
    pgstrand seal --data "$src" --type full --quiet >/dev/null
    local jobs fired
    fired=$(sql "$source" 'SELECT string_agg(what, $$,$$ ORDER BY what) FROM fired')
    [[ $fired == *always*rule* ]]
    for jobs in 1 2; do
        pgstrand restore --data "$src" --target "$(conninfo "$target")" --jobs "$jobs" >/dev/null 2>"$HARNESS/said"
        target_has 'SELECT string_agg(what, $$,$$ ORDER BY what) FROM fired' "$fired"
        target_has 'SELECT count(*) FROM words' 3
        target_has "SELECT relrowsecurity AND relforcerowsecurity FROM pg_class WHERE relname = 'words'" t
        grep -q 'subscription feed is restored switched off, without password and slot' "$HARNESS/said"
        target_has "SELECT subenabled, subslotname IS NULL, subbinary, subpublications, subconninfo LIKE '%host=''127.0.0.1''%', subconninfo LIKE '%s3cret%'
            FROM pg_subscription WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())" 'f|t|t|{a,B}|t|f'
        target_has 'SELECT count(*) FROM pg_user_mappings' 0
        sql "$target" 'DROP SUBSCRIPTION feed'
        database_again "$target"
    done
    sql "$source" 'DROP SUBSCRIPTION feed'
    source_end
}

# ---- what goes wrong in the middle ----

@test "rollback: the target's server goes away in the middle: one line, nothing changed" {
    restore >/dev/null
    sql "$target" "DELETE FROM notes WHERE id > 3"
    local mode
    session_open holder "$target"
    say holder 'BEGIN; LOCK TABLE notes'
    for mode in replace merge; do
        restore --mode "$mode" --retries 0 --quiet >/dev/null 2>"$HARNESS/lost.$mode" 3>&- &
        local restoring=$!
        wait_for 20 waits_for_lock "$target"
        sql postgres "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pgstrand' AND datname = '$target'" >/dev/null
        local code=0
        wait "$restoring" || code=$?
        [ "$code" = 13 ] || complain "exit $code: $(<"$HARNESS/lost.$mode")"
        [ "$(wc -l <"$HARNESS/lost.$mode")" = 1 ]
        wait_for 60 refute waits_for_lock "$target" # the next one is not to be taken for it
    done
    session_close holder
    target_has 'SELECT count(*) FROM notes' 3
    restore --mode replace >/dev/null
    target_has 'SELECT count(*) FROM notes' 40
}

teardown() {
    restoring_end
    ! mountpoint -q "$HARNESS/small" || umount -l "$HARNESS/small"
}

@test "rollback: the target's disk is full: one line, nothing changed" {
    local small=$HARNESS/small
    mkdir "$small"
    mount -t tmpfs -o size=12m none "$small" 2>/dev/null || skip "no right to mount a small disk"
    mkdir "$small/space"
    chown postgres "$small/space"
    source_begin
    sql "$source" "CREATE TABLE large (id int PRIMARY KEY, t text); INSERT INTO large SELECT i, repeat(md5(i::text), 40) FROM generate_series(1, 9000) i"
    pgstrand seal --data "$src" --type full --quiet >/dev/null
    sql postgres "CREATE TABLESPACE small LOCATION '$small/space'"
    sql postgres "CREATE DATABASE tight TABLESPACE small"
    # Where the disk ends within a page, the server says it in other words.
    expect_exit 12 'No space left on device|Check free disk space' pgstrand restore --data "$src" --target "$(conninfo tight)" --quiet
    [ "$(tables_of tight)" = 0 ]
    database_drop tight
    sql postgres 'DROP TABLESPACE small'
    umount "$small"
    source_end
}

@test "a database of ICU's collation gets one like it with several jobs" {
    [ "$(sql postgres 'SHOW server_version_num')" -ge 150000 ] || skip 'before 15 no database has one'
    database_drop "$target"
    sql postgres "CREATE DATABASE $target TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'de-AT'"
    restore --jobs 2 >/dev/null
    target_has "SELECT datlocprovider, (to_jsonb(d) ->> CASE WHEN to_jsonb(d) ? 'daticulocale' THEN 'daticulocale' ELSE 'datlocale' END)
        FROM pg_database d WHERE datname = current_database()" 'i|de-AT'
    target_has 'SELECT count(*) FROM orders' 20
}

# ---- rows that the target refuses ----

@test "idempotent-replay: --on-error skip leaves rows out and keeps them with their error, stop changes nothing" {
    source_begin
    pgstrand restore --data "$src" --target "$(conninfo "$target")" >/dev/null
    sql "$target" "ALTER TABLE people ADD CHECK (note <> 'bad'); INSERT INTO people VALUES (60, 'taken@x')"
    sql "$source" "INSERT INTO people SELECT i, i || '@x', CASE WHEN i % 20 = 0 THEN 'bad' ELSE 'good' END FROM generate_series(101, 140) i;
        INSERT INTO people VALUES (61, 'taken@x', 'good'); UPDATE people SET email = '2@x' || id WHERE id = 3; UPDATE people SET note = 'bad' WHERE id = 4"
    merge --quiet 2>"$HARNESS/said" && return 1
    grep -q 'nothing was changed: merging public.people' "$HARNESS/said"
    merge --on-error skip --json 2>"$HARNESS/said" >"$HARNESS/merged"
    jq -e '[.tables[] | select(.table == "public.people") | .failed] == [4]' "$HARNESS/merged"
    grep -q 'public.people: a row is left out' "$HARNESS/said"
    target_has "SELECT count(*) FROM people WHERE id > 100" 38
    target_has "SELECT string_agg(id || note, ',' ORDER BY id) FROM people WHERE id IN (3, 4, 60, 61)" '3old,4old'
    pgstrand log --data "$src" --failed --json >"$HARNESS/failed"
    [ "$(jq -s -c 'map(.row | split("\t")[0]) | sort' "$HARNESS/failed")" = '["120","140","4","61"]' ]
    jq -s -e 'all(.retries == 0 and .table == "public.people" and (.sqlstate | startswith("23")))' "$HARNESS/failed"
    pgstrand log --data "$src" --failed | grep -q 'FAILED public.people (61.*taken@x.*people_email_key.*retries: 0'
    # Not done: the same again is no "already".
    target_has 'SELECT whole_seq < seq FROM pgstrand.replay' t
    merge --on-error skip --json 2>/dev/null | jq -e '.already_there | not'

    # Replace: the rest is proven.
    sql "$target" 'DELETE FROM people WHERE id = 60; DELETE FROM pets; ALTER TABLE people ADD CHECK (length(note) < 4) NOT VALID'
    pgstrand restore --data "$src" --target "$(conninfo "$target")" --mode replace --quiet 2>/dev/null && return 1
    pgstrand restore --data "$src" --target "$(conninfo "$target")" --mode replace --on-error skip --orphans delete --json 2>/dev/null >"$HARNESS/replaced"
    jq -e '.tables[] | select(.table == "public.people") | .proven and .failed == 42' "$HARNESS/replaced"
    target_has 'SELECT count(*) FROM people' 9
    expect_exit 2 'skip goes with --jobs 1' pgstrand restore --data "$src" --target "$(conninfo "$target")" --on-error skip --jobs 2
    source_end
}

@test "quarantine: killed behind the server's commit, rows without a key do not go in twice" {
    local id code n
    source_begin
    pgstrand restore --data "$src" --target "$(conninfo "$target")" >/dev/null
    sql "$target" "ALTER TABLE words ADD CONSTRAINT plain CHECK (word <> 'odd')"
    sql "$source" "INSERT INTO words SELECT 'odd', '{}' FROM generate_series(1, 3)"
    merge --on-error skip --quiet 2>/dev/null
    id=$(pgstrand workflow list --data "$src" --json | jq -r 'map(select(.type == "REPLAY"))[-1].uuid')
    sql "$target" 'ALTER TABLE words DROP CONSTRAINT plain'
    for n in 2 3 4; do # how far it is goes there, too, when it takes longer than a second
        code=0
        PGSTRAND_IO_FAULT=kill:$n:catalog.mdb pgstrand workflow resume "$id" --data "$src" --quiet >/dev/null 2>&1 || code=$?
        [ "$code" = 137 ]
        [ "$(sql "$target" "SELECT count(*) FROM words WHERE word = 'odd'")" = 0 ] || break
    done
    target_has "SELECT count(*) FROM words WHERE word = 'odd'" 3
    pgstrand log --data "$src" --failed --json | jq -s -e 'length == 3'
    pgstrand workflow resume "$id" --data "$src" --quiet
    target_has "SELECT count(*) FROM words WHERE word = 'odd'" 3
    [ -z "$(pgstrand log --data "$src" --failed)" ]
    # Killed before it: nothing went in, and everything is tried again.
    sql "$target" "DELETE FROM words; ALTER TABLE words ADD CONSTRAINT plain CHECK (word <> 'odd')"
    merge --on-error skip --again --quiet 2>/dev/null
    id=$(pgstrand workflow list --data "$src" --json | jq -r 'map(select(.type == "REPLAY"))[-1].uuid')
    sql "$target" 'ALTER TABLE words DROP CONSTRAINT plain'
    PGSTRAND_IO_FAULT=killafter:1:catalog.mdb pgstrand workflow resume "$id" --data "$src" --quiet >/dev/null 2>&1 || true
    target_has "SELECT count(*) FROM words WHERE word = 'odd'" 0
    pgstrand workflow resume "$id" --data "$src" --quiet
    target_has "SELECT count(*) FROM words WHERE word = 'odd'" 3
    source_end
}

# Which tablespaces the test's tables and indexes are in; "-": the database's own.
spaces_of() {
    sql "$1" "SELECT string_agg(c.relname || ' ' || coalesce(t.spcname, '-'), ', ' ORDER BY c.relname) FROM pg_class c
        LEFT JOIN pg_tablespace t ON t.oid = c.reltablespace
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'i', 'I', 'm') AND c.relname LIKE 's\\_%'"
}

@test "tables and indexes go to their tablespace where the target's server has it; else to the database's own, and that is said" {
    local wanted jobs none
    mkdir "$HARNESS/fast" "$HARNESS/wide"
    [ "$(id -u)" != 0 ] || chown postgres "$HARNESS/fast" "$HARNESS/wide"
    sql postgres "CREATE TABLESPACE fast LOCATION '$HARNESS/fast'"
    sql postgres "CREATE TABLESPACE \"Wide \"\"disk\"\"\" LOCATION '$HARNESS/wide'"
    source_begin
    sql "$source" "CREATE TABLE s_plain (id int PRIMARY KEY USING INDEX TABLESPACE fast, a int, b int UNIQUE);
        CREATE INDEX s_index ON s_plain (a) TABLESPACE \"Wide \"\"disk\"\"\" WHERE a > 0;
        CREATE INDEX s_own ON s_plain (b, a);
        CREATE TABLE s_moved (id int PRIMARY KEY, EXCLUDE USING btree (id WITH =) USING INDEX TABLESPACE fast) TABLESPACE \"Wide \"\"disk\"\"\";
        CREATE TABLE s_parts (id int PRIMARY KEY) PARTITION BY RANGE (id) TABLESPACE fast;
        CREATE TABLE s_part PARTITION OF s_parts FOR VALUES FROM (0) TO (100);
        CREATE TABLE s_large (id int, word text) TABLESPACE fast;
        INSERT INTO s_large SELECT i, (SELECT string_agg(md5(i::text || k), '') FROM generate_series(1, 32) k) FROM generate_series(1, 20000) i;
        ALTER TABLE s_large ADD PRIMARY KEY (id) USING INDEX TABLESPACE \"Wide \"\"disk\"\"\";
        CREATE MATERIALIZED VIEW s_view TABLESPACE fast AS SELECT a FROM s_plain;
        INSERT INTO s_plain SELECT i, i, i FROM generate_series(1, 10) i; INSERT INTO s_moved VALUES (1); INSERT INTO s_parts VALUES (1)"
    pgstrand wait --data "$src" --timeout 60 >/dev/null
    pgstrand seal --data "$src" --type full --quiet >/dev/null
    wanted=$(spaces_of "$source")
    [[ "$wanted" == *'s_index Wide "disk"'* && "$wanted" == *'s_plain_pkey fast'* && "$wanted" == *'s_own -'* ]]
    none=$(sed -E 's/ (fast|Wide "disk")(,|$)/ -\2/g' <<<"$wanted")
    for jobs in 1 2; do
        database_drop "$target"
        database_new "$target"
        pgstrand restore --data "$src" --target "$(conninfo "$target")" --jobs $jobs --drop-old --json 2>/dev/null |
            jq -e '(.tables | all(.proven)) and (.warnings | any(test("tablespace")) | not)'
        [ "$(spaces_of "$target")" = "$wanted" ] || complain "jobs $jobs: $(spaces_of "$target")" "wanted: $wanted"
        database_drop "$target"
        database_new "$target"
        pgstrand restore --data "$src" --target "$(conninfo "$target")" --jobs $jobs --drop-old --no-tablespaces --quiet >/dev/null
        [ "$(spaces_of "$target")" = "$none" ] || complain "none, jobs $jobs: $(spaces_of "$target")"
    done
    # One that is not there, and one that may not be used.
    sql postgres "ALTER TABLESPACE fast RENAME TO slow"
    for jobs in 1 2; do
        database_drop "$target"
        database_new "$target"
        pgstrand restore --data "$src" --target "$(conninfo "$target")" --jobs $jobs --drop-old --json 2>/dev/null |
            jq -e '.warnings | any(test("tablespace fast is not on the target.s server: 6 tables and indexes go to the database.s own"))'
        [ "$(spaces_of "$target")" = "$(sed -E 's/ fast(,|$)/ -\1/g' <<<"$wanted")" ] || complain "missing, jobs $jobs: $(spaces_of "$target")"
    done
    sql postgres "CREATE ROLE maker LOGIN CREATEDB"
    database_drop "$target"
    sql postgres "CREATE DATABASE $target OWNER maker"
    pgstrand restore --data "$src" --target "$(conninfo_tcp "$target" maker)" --role postgres=maker --jobs 1 --json 2>/dev/null |
        jq -e '.warnings | any(test("tablespace \"Wide \"\"disk\"\"\" may not be used on the target.s server"))'
    [ "$(spaces_of "$target")" = "$none" ] || complain "not allowed: $(spaces_of "$target")" "wanted: $none"
    expect_exit 2 'goes with --mode fresh' pgstrand restore --data "$src" --target "$(conninfo "$target")" --mode replace --no-tablespaces
    source_end
    database_drop "$target"
    sql postgres "DROP ROLE maker"
    sql postgres "DROP TABLESPACE slow"
    sql postgres "DROP TABLESPACE \"Wide \"\"disk\"\"\""
}
