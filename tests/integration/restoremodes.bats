# How a restore treats what does not fit: rows without their parent, rows that are there already, roles that are not. Against one
# small shop whose orders lead to a register, a row of the device tier.

bats_require_minimum_version 1.5.0

load_libs() {
    load ../lib/cluster
    load ../lib/pgstrand
}

setup_file() {
    load_libs
    harness_begin
    export DATA=$HARNESS/data
    cluster_new one
    database_new shop
    sql shop "
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
        INSERT INTO parts SELECT i, '2023-12-20'::date + i, CASE WHEN i < 4 THEN 2 END FROM generate_series(1, 20) i"
    printf '[tiers]\ndefault = business\ndevice = registers\n' >"$HARNESS/start.conf"
    pgstrand init --data "$DATA" --source "$(conninfo shop)" --config "$HARNESS/start.conf" >"$HARNESS/init.out"
    agent_start "$DATA"
    pgstrand wait --data "$DATA" --timeout 60 >"$HARNESS/seq.0"
}

teardown_file() {
    load_libs
    harness_end
}

setup() {
    load_libs
    target=r$BATS_TEST_NUMBER
    database_new "$target"
}

teardown() {
    load_libs
    database_drop "r$BATS_TEST_NUMBER"
}

restore() {
    pgstrand restore --data "$DATA" --target "$(conninfo "$target")" "$@"
}

target_has() {
    local got
    got=$(sql "$target" "$1")
    [ "$got" = "$2" ] || complain "$1: got '$got', wanted '$2'"
}

tables_of() {
    sql "$1" "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
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
        database_drop "$target"
        database_new "$target"
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
        database_drop "$target"
        database_new "$target"
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
    expect_exit 11 'leans_customer_fkey of public.leans: 1 row without its parent' restore --mode replace --quiet
    restore --mode replace --orphans report 2>"$HARNESS/kept" >/dev/null
    grep -q '1 row of public.leans without parent in public.customers .* are kept' "$HARNESS/kept"
    target_has "SELECT convalidated FROM pg_constraint WHERE conname = 'leans_customer_fkey'" f
    sql "$target" "DELETE FROM leans WHERE id = 99; ALTER TABLE leans VALIDATE CONSTRAINT leans_customer_fkey;
        INSERT INTO customers VALUES (99, '99@example.com'); INSERT INTO leans VALUES (99, 99)"
    restore --mode replace --orphans delete >/dev/null 2>&1
    target_has 'SELECT string_agg(id::text, $$,$$) FROM leans' 1

    sql "$target" "CREATE ROLE keeper LOGIN; ALTER DATABASE $target OWNER TO keeper;
        INSERT INTO customers VALUES (99, '99@example.com'); INSERT INTO leans VALUES (99, 99);
        CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN RAISE 'fired'; END \$\$;
        CREATE TRIGGER spoil BEFORE DELETE OR INSERT ON leans FOR EACH ROW EXECUTE FUNCTION spoil();
        DO \$\$ DECLARE t record; BEGIN FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
            EXECUTE format('ALTER TABLE public.%I OWNER TO keeper', t.tablename); END LOOP; END \$\$"
    as_keeper() {
        pgstrand restore --data "$DATA" --target "$(conninfo_tcp "$target" keeper)" --mode replace "$@"
    }
    expect_exit 11 'leans_customer_fkey' as_keeper --quiet
    target_has 'SELECT count(*) FROM customers' 21
    as_keeper --orphans delete >/dev/null 2>&1
    target_has 'SELECT string_agg(id::text, $$,$$) FROM leans' 1
    target_has "SELECT string_agg(tgenabled::text, '') FROM pg_trigger WHERE tgname = 'spoil'" O
    target_has "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND NOT convalidated" 0
    sql "$target" 'REASSIGN OWNED BY keeper TO postgres'
    sql postgres "ALTER DATABASE $target OWNER TO postgres; DROP ROLE keeper"
}

@test "values that cannot be read are a usage error" {
    expect_exit 2 'to-snapshot' restore --to-snapshot nonsense
    expect_exit 2 'to-lsn' restore --to-lsn nonsense
    expect_exit 2 'to-time' restore --to-time nonsense
    expect_exit 2 'node' restore --node nonsense
    expect_exit 2 'tiers' restore --tiers nonsense
}
