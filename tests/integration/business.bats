# business-filter: one business of several, and demo businesses left out, in exports and restores. Every text of a row says whose it is, so
# that a search of the bytes finds what should not be there.

bats_require_minimum_version 1.5.0

load ../lib/onecluster

setup_file() {
    onecluster_begin
    export DATA=$HARNESS/data
    database_new shop
    sql shop "
        CREATE TABLE persons (id int PRIMARY KEY, word text);
        CREATE TABLE users (id int PRIMARY KEY, word text, person int REFERENCES persons, manager int REFERENCES users);
        CREATE TABLE accounts (id int PRIMARY KEY, \"user\" int REFERENCES users, word text);
        CREATE TABLE businesses (id text PRIMARY KEY, \"isDemo\" boolean NOT NULL DEFAULT false, word text, owner int REFERENCES users,
            parent text REFERENCES businesses);
        CREATE TABLE memberships (business text REFERENCES businesses, \"user\" int REFERENCES users, PRIMARY KEY (business, \"user\"));
        CREATE TABLE titles (id int PRIMARY KEY, word text);
        CREATE TABLE branches (business text REFERENCES businesses, code numeric, word text, PRIMARY KEY (business, code));
        CREATE TABLE employees (id int PRIMARY KEY, business text, branch numeric(10, 2), title int REFERENCES titles, word text,
            boss int, FOREIGN KEY (business, branch) REFERENCES branches, FOREIGN KEY (boss) REFERENCES employees DEFERRABLE INITIALLY DEFERRED);
        CREATE TABLE categories (id int PRIMARY KEY, business text REFERENCES businesses, above int REFERENCES categories, word text);
        CREATE TABLE orders (id int, day date, business text REFERENCES businesses, category int REFERENCES categories, word text,
            PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
        CREATE TABLE orders_old PARTITION OF orders FOR VALUES FROM ('2020-01-01') TO ('2024-01-01');
        CREATE TABLE orders_new PARTITION OF orders FOR VALUES FROM ('2024-01-01') TO ('2030-01-01');
        CREATE TABLE items (id int PRIMARY KEY, \"order\" int, day date, word text, FOREIGN KEY (\"order\", day) REFERENCES orders);
        CREATE TABLE loans (id int PRIMARY KEY, lender text REFERENCES businesses, borrower text REFERENCES businesses, word text);
        CREATE TABLE settings (id int PRIMARY KEY, word text);
        CREATE TABLE visits (id int PRIMARY KEY, \"user\" int REFERENCES users, word text);
        CREATE TABLE tills (id int PRIMARY KEY, business text REFERENCES businesses, word text);
        CREATE TABLE receipts (id int PRIMARY KEY, till int REFERENCES tills, business text REFERENCES businesses, word text);
        CREATE TABLE slips (id int PRIMARY KEY, till int REFERENCES tills, word text);
        INSERT INTO persons VALUES (1, 'of-a'), (2, 'of-b'), (3, 'of-d'), (4, 'of-nobody'), (5, 'of-a-and-b');
        INSERT INTO users VALUES (1, 'of-a', 1, NULL), (2, 'of-b', 2, NULL), (3, 'of-d', 3, NULL), (4, 'of-nobody', 4, NULL),
            (5, 'of-a-and-b', 5, NULL), (6, 'of-a', NULL, 5), (7, 'of-b', NULL, 2), (8, 'of-b-loop', NULL, NULL), (9, 'of-b-loop', NULL, 8);
        UPDATE users SET manager = 9 WHERE id = 8;
        INSERT INTO accounts VALUES (1, 1, 'of-a'), (2, 2, 'of-b'), (3, 7, 'of-b'), (4, 5, 'of-a-and-b'), (5, NULL, 'of-nobody'), (6, 9, 'of-b');
        INSERT INTO businesses VALUES ('b', false, 'of-b', 2, NULL), ('a', false, 'of-a', 1, 'b'), ('d', true, 'of-d', 3, 'a');
        INSERT INTO memberships VALUES ('a', 1), ('a', 5), ('a', 6), ('b', 2), ('b', 5), ('b', 7), ('b', 8), ('d', 3);
        INSERT INTO titles VALUES (1, 'of-all'), (2, 'of-b'), (3, 'of-nobody');
        INSERT INTO branches VALUES ('a', 1, 'of-a'), ('b', 1.0, 'of-b'), ('d', 1, 'of-d');
        INSERT INTO employees VALUES (1, 'a', 1.00, 1, 'of-a', NULL), (2, 'b', 1, 2, 'of-b', NULL), (3, NULL, NULL, NULL, 'of-b', 2),
            (5, NULL, NULL, NULL, 'of-b', 4), (4, NULL, NULL, NULL, 'of-b', 3), (6, NULL, NULL, 1, 'of-a', 1), (7, 'd', 1, 1, 'of-d', NULL);
        INSERT INTO categories VALUES (1, NULL, NULL, 'of-all'), (2, 'a', 1, 'of-a'), (3, 'b', 1, 'of-b'), (4, NULL, 3, 'of-b');
        INSERT INTO orders VALUES (1, '2023-01-01', 'a', 2, 'of-a'), (2, '2025-01-01', 'a', 1, 'of-a'), (3, '2023-01-01', 'b', 3, 'of-b'),
            (4, '2025-01-01', 'b', 3, 'of-b'), (5, '2025-01-01', NULL, 4, 'of-b'), (6, '2025-01-01', 'd', 1, 'of-d'), (7, '2025-01-01', 'a', 3, 'torn');
        INSERT INTO items SELECT id, id, day, word FROM orders;
        INSERT INTO loans VALUES (1, 'a', 'a', 'of-a'), (2, 'a', 'b', 'torn'), (3, 'b', 'b', 'of-b');
        INSERT INTO settings VALUES (1, 'of-all');
        INSERT INTO visits VALUES (1, 1, 'of-a'), (2, 2, 'of-b');
        INSERT INTO tills VALUES (1, 'a', 'of-a-device'), (2, 'b', 'of-b-device');
        INSERT INTO receipts VALUES (1, 1, 'a', 'of-a'), (2, 2, 'b', 'of-b'), (3, 2, NULL, 'of-b');
        INSERT INTO slips VALUES (1, 1, 'of-a'), (2, 2, 'of-b'), (3, NULL, 'of-nobody')"
    printf '[tiers]\ndefault = business\ndevice = tills\n[business]\nroot = businesses\nkey = id\ndemo_column = isDemo\nexclude = visits\n' >"$HARNESS/start.conf"
    pgstrand init --data "$DATA" --source "$(conninfo shop)" --config "$HARNESS/start.conf" >"$HARNESS/init.out" 2>&1
    agent_start "$DATA"
    # The filter is for the folded state: these make b's order a's and the other way round.
    sql shop "UPDATE orders SET business = 'b', word = 'of-b', category = 3 WHERE id = 2; UPDATE items SET word = 'of-b' WHERE id = 2;
        UPDATE orders SET business = 'a', word = 'of-a', category = 2 WHERE id = 4; UPDATE items SET word = 'of-a' WHERE id = 4"
    pgstrand wait --data "$DATA" --timeout 60 >/dev/null
}

setup() {
    untraced
    target=b$BATS_TEST_NUMBER
}

teardown() {
    database_drop "b$BATS_TEST_NUMBER" 2>/dev/null || true
}

export_to() {
    local file=$1
    shift
    pgstrand export --data "$DATA" --output "$file" "$@" >"$file.out" 2>"$file.err"
}

ids() {
    jq -c "[.businessData.$2[] | .id] | sort" "$1"
}

@test "business-filter: an export of one business has no byte of another, of a demo one, or of the device tier" {
    local doc=$HARNESS/a.json
    export_to "$doc" --business a
    refute grep -q 'of-b\|of-d\|torn\|-device"' "$doc"
    # The row of the business itself names its parent: its own keys are not looked at.
    jq -e '.businessData.businesses == [{"id": "a", "isDemo": false, "word": "of-a", "owner": 1, "parent": "b"}]' "$doc"
    jq 'del(.businessData.businesses)' "$doc" | refute grep -Eq '"(b|d)"'
    jq -e '.metadata.businessFilter == {"businessId": "a", "includeDemoData": true}' "$doc"
    [ "$(ids "$doc" users)" = '[1,4,5,6]' ]
    [ "$(ids "$doc" persons)" = '[1,4,5]' ]
    [ "$(ids "$doc" accounts)" = '[1,4,5]' ]
    [ "$(ids "$doc" titles)" = '[1,3]' ]
    [ "$(ids "$doc" employees)" = '[1,6]' ]
    [ "$(ids "$doc" categories)" = '[1,2]' ]
    [ "$(ids "$doc" orders_old)" = '[1]' ]
    [ "$(ids "$doc" orders_new)" = '[4]' ]
    [ "$(ids "$doc" items)" = '[1,4]' ]
    [ "$(ids "$doc" loans)" = '[1]' ]
    [ "$(ids "$doc" settings)" = '[1]' ]
    [ "$(ids "$doc" visits)" = '[]' ]
    [ "$(ids "$doc" receipts)" = '[1]' ]
    # What leads to a till alone cannot be told to be a's.
    [ "$(ids "$doc" slips)" = '[3]' ]
    grep -q 'public.orders_new: 1 rows lead to a business that comes and to one that does not' "$doc.err"
    grep -q 'public.slips: 2 rows lead to rows that are not there' "$doc.err"
    grep -q 'public.loans: 1 rows lead to a business' "$doc.err"
    refute grep -q 'public.categories' "$doc.err"
    grep -q '1 of 3 businesses' "$doc.err"
}

@test "business-filter: at an earlier seq other rows were its" {
    export_to "$HARNESS/then.json" --business a --to-seq 0
    [ "$(ids "$HARNESS/then.json" orders_new)" = '[2]' ]
}

@test "business-filter: demo businesses stay behind" {
    local doc=$HARNESS/nodemo.json
    export_to "$doc" --no-demo
    refute grep -q 'of-d' "$doc"
    jq -e '.metadata.businessFilter == {"includeDemoData": false} and ([.businessData.businesses[].id] | sort) == ["a", "b"]' "$doc"
    [ "$(ids "$doc" loans)" = '[1,2,3]' ]
    [ "$(ids "$doc" employees)" = '[1,2,3,4,5,6]' ]
    sed -i 's/^demo_column =.*/demo_column =/; s/^demo_ids =.*/demo_ids = x, a ,b/' "$DATA/pgstrand.conf"
    export_to "$HARNESS/ids.json" --no-demo
    sed -i 's/^demo_column =.*/demo_column = isDemo/; s/^demo_ids =.*/demo_ids =/' "$DATA/pgstrand.conf"
    jq -e '[.businessData.businesses[].id] == ["d"]' "$HARNESS/ids.json"
    refute grep -q 'of-a"\|of-b' "$HARNESS/ids.json"
}

@test "business-filter: a restore brings one business, proven, with every foreign key valid" {
    local jobs
    sed -i 's/^shared =.*/shared = titles/' "$DATA/pgstrand.conf"
    for jobs in 1 2; do
        database_new "$target"
        pgstrand restore --data "$DATA" --target "$(conninfo "$target")" --business b --as other --orphans delete --jobs "$jobs" --json \
            >"$HARNESS/restored.json" 2>"$HARNESS/restored.err"
        jq -e '.tables | all(.proven)' "$HARNESS/restored.json"
        [ "$(sql "$target" "SELECT string_agg(id, ',') FROM businesses")" = b ]
        [ "$(sql "$target" "SELECT string_agg(id::text, ',' ORDER BY id) FROM users")" = 2,4,5,7,8,9 ]
        [ "$(sql "$target" "SELECT string_agg(id::text, ',' ORDER BY id) FROM orders")" = 2,3,5 ]
        [ "$(sql "$target" "SELECT string_agg(id::text, ',' ORDER BY id) FROM employees")" = 2,3,4,5 ]
        [ "$(sql "$target" "SELECT string_agg(id::text, ',' ORDER BY id) FROM titles")" = 1,2,3 ]
        [ "$(sql "$target" "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND NOT convalidated")" = 0 ]
        database_drop "$target"
    done
    # In place of rows of all of them: what is not b's goes, as the plan says first.
    database_new "$target"
    pgstrand restore --data "$DATA" --target "$(conninfo "$target")" --as other --orphans delete --quiet
    [ "$(sql "$target" "SELECT string_agg(id, ',' ORDER BY id) FROM businesses")" = a,b,d ]
    pgstrand restore --data "$DATA" --target "$(conninfo "$target")" --business b --as other --orphans delete --mode replace --dry-run --json \
        2>/dev/null | jq -e '.tables[] | select(.table == "public.businesses") | [.added, .changed, .removed] == [0, 0, 2]'
    pgstrand restore --data "$DATA" --target "$(conninfo "$target")" --business b --as other --orphans delete --mode replace --json \
        >"$HARNESS/replaced.json" 2>"$HARNESS/replaced.err"
    jq -e '.tables | all(.proven)' "$HARNESS/replaced.json"
    [ "$(sql "$target" "SELECT string_agg(id, ',') FROM businesses")" = b ]
    [ "$(sql "$target" "SELECT string_agg(id::text, ',' ORDER BY id) FROM orders")" = 2,3,5 ]
    [ "$(sql "$target" "SELECT string_agg(id::text, ',' ORDER BY id) FROM users")" = 2,4,5,7,8,9 ]
    [ "$(sql "$target" "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND NOT convalidated")" = 0 ]
    database_drop "$target"
    sed -i 's/^shared =.*/shared =/' "$DATA/pgstrand.conf"
    # Into a database that has another business already: upserted, the other untouched.
    database_new "$target"
    pgstrand restore --data "$DATA" --target "$(conninfo "$target")" --business b --as other --orphans delete --quiet
    pgstrand restore --data "$DATA" --target "$(conninfo "$target")" --business a --as other --mode merge --orphans delete --quiet
    [ "$(sql "$target" "SELECT string_agg(id, ',' ORDER BY id) FROM businesses")" = a,b ]
    [ "$(sql "$target" "SELECT string_agg(id::text, ',' ORDER BY id) FROM orders")" = 1,2,3,4,5 ]
}

@test "business-filter: a document of one business is one of it again" {
    export_to "$HARNESS/b.json" --business b
    local id
    id=$(pgstrand import --data "$DATA" "$HARNESS/b.json" --json 2>/dev/null | jq -r .uuid)
    pgstrand snapshots --data "$DATA" "$id" --json | jq -e '.description | test(", business b$")'
    database_new "$target"
    pgstrand restore --data "$DATA" --target "$(conninfo "$target")" --to-snapshot "$id" --orphans delete --quiet
    [ "$(sql "$target" "SELECT string_agg(id, ',') FROM businesses")" = b ]
}

@test "business-filter: merges of one business after the other; what the source deleted of another one is not judged" {
    database_new "$target"
    bring() {
        pgstrand restore --data "$DATA" --target "$(conninfo "$target")" --as other --orphans delete "$@"
    }
    there() {
        [ "$(sql "$target" "SELECT string_agg(id::text, ',' ORDER BY id) FROM $1")" = "$2" ] || complain "$1: $(sql "$target" "SELECT array_agg(id) FROM $1")"
    }
    bring --business b --quiet
    bring --mode merge --business b --quiet
    bring --mode merge --business b 2>"$HARNESS/again" >/dev/null
    grep -q 'already: nothing to do' "$HARNESS/again"
    there businesses b
    bring --mode merge --business a --quiet
    there businesses a,b
    bring --mode merge --no-demo --quiet
    there loans 1,2,3
    there businesses a,b
    bring --mode merge --quiet
    there businesses a,b,d
    there items 1,2,3,4,5,6,7
    sql shop "UPDATE items SET id = 103 WHERE id = 3; DELETE FROM items WHERE id = 5"
    pgstrand wait --data "$DATA" --timeout 60 >/dev/null
    bring --mode merge --business a 2>"$HARNESS/again" >/dev/null
    refute grep -q 'the source deleted' "$HARNESS/again"
    there items 1,2,3,4,5,6,7
    bring --mode merge --business b --quiet
    there items 1,2,4,5,6,7,103
    expect_exit 2 'deleted delete does not go with --business' bring --quiet --mode merge --business a --deleted delete
    expect_exit 2 'deleted delete does not go with --business' bring --quiet --mode merge --no-demo --deleted delete
    expect_exit 2 'files does not go with --business' bring --quiet --mode merge --business a --files "$HARNESS/files"
    bring --mode merge 2>"$HARNESS/again" >/dev/null
    grep -q 'public.items: rows that the source deleted, still there: 1' "$HARNESS/again"
}

@test "business-filter: what cannot be told is refused" {
    expect_exit 10 'no business zzz in businesses' pgstrand export --data "$DATA" --business zzz --output "$HARNESS/no.json" --quiet
    expect_exit 10 'business d is a demo one' pgstrand export --data "$DATA" --business d --no-demo --output "$HARNESS/no.json" --quiet
    expect_exit 2 'leave --tables out' pgstrand export --data "$DATA" --business a --tables users --output "$HARNESS/no.json" --quiet
    sed -i 's/^root = businesses/root = firms/' "$DATA/pgstrand.conf"
    expect_exit 10 'no table firms' pgstrand export --data "$DATA" --business a --output "$HARNESS/no.json" --quiet
    sed -i 's/^root = firms/root = businesses/; s/^key = id/key = code/' "$DATA/pgstrand.conf"
    expect_exit 10 'has no column code, which key' pgstrand export --data "$DATA" --business a --output "$HARNESS/no.json" --quiet
    sed -i 's/^key = code/key = id/; s/^demo_column =.*/demo_column =/' "$DATA/pgstrand.conf"
    expect_exit 10 'which businesses are demo ones' pgstrand export --data "$DATA" --no-demo --output "$HARNESS/no.json" --quiet
    [ ! -e "$HARNESS/no.json" ]
    PGSTRAND_IO_FAULT=fail:20:restore- pgstrand export --data "$DATA" --business a --output "$HARNESS/no.json" >/dev/null 2>&1 && return 1
    [ ! -e "$HARNESS/no.json" ]
    [ -z "$(ls "$DATA/spool")" ]
}
