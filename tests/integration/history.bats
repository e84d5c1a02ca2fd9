# The past without a restore: one row's history and value at a seq, the log over sealed snapshots, differences between seqs, and
# SQL that undoes a range. Rows of SEED-FEATURES named in the tests: entity-uuid, action-log, action-kinds, who-did-it.

bats_require_minimum_version 1.5.0

load ../lib/onecluster

# Runs SQL and keeps the seq that the log then stands at under a name.
step() {
    sql shop "$2" >/dev/null
    echo "$1=$(pgstrand wait --data "$DATA" --timeout 60)" >>"$HARNESS/seqs"
}

setup_file() {
    onecluster_begin
    export DATA=$HARNESS/data
    database_new shop
    sql shop "
        CREATE TABLE orders (id int PRIMARY KEY, status text, body text);
        ALTER TABLE orders ALTER body SET STORAGE EXTERNAL;
        INSERT INTO orders SELECT i, 'new', repeat(md5(i::text), 300) FROM generate_series(1, 500) i;
        CREATE TABLE items (id int PRIMARY KEY, order_id int REFERENCES orders, n int, day date DEFAULT '2024-02-03');
        INSERT INTO items SELECT i, i, i FROM generate_series(1, 300) i;
        CREATE TABLE \"Odd, * names\" (\"a b\" text, k int, v char(5), twice int GENERATED ALWAYS AS (k * 2) STORED,
            PRIMARY KEY (k, \"a b\"));
        INSERT INTO \"Odd, * names\" VALUES (E'it''s\ta \\\\tab', 1, 'x'), ('', 2, NULL);
        CREATE TABLE loose (a int);
        CREATE TABLE moved (id int PRIMARY KEY, v text);
        CREATE TABLE rekeyed (id int PRIMARY KEY, code text NOT NULL, v text);
        INSERT INTO rekeyed VALUES (1, 'one', 'a'), (2, 'two', 'b')"
    pgstrand init --data "$DATA" --source "$(conninfo shop)" >"$HARNESS/init.out" 2>&1
    agent_start "$DATA"
    step paid "BEGIN; SELECT pgstrand.set_context('anna', 'till 1'); UPDATE orders SET status = 'paid' WHERE id = 7; COMMIT"
    step moved "BEGIN; DELETE FROM items WHERE id = 7; UPDATE orders SET id = 7000 WHERE id = 7;
        UPDATE orders SET status = 'done' WHERE id = 7000; COMMIT"
    step column "ALTER TABLE orders ADD COLUMN c int DEFAULT 5; ALTER TABLE orders RENAME body TO text"
    step late "UPDATE orders SET status = 'late' WHERE id = 7000"
    pgstrand seal --data "$DATA" >/dev/null
    step again "INSERT INTO orders VALUES (7, 'again', 'x', 1); DELETE FROM orders WHERE id = 7000"
    step bulk "INSERT INTO loose SELECT generate_series(1, 100); UPDATE orders SET status = 'all' WHERE id BETWEEN 20 AND 29"
    step rekeyed "UPDATE rekeyed SET v = 'a2' WHERE id = 1;
        ALTER TABLE rekeyed DROP CONSTRAINT rekeyed_pkey; ALTER TABLE rekeyed ADD PRIMARY KEY (code);
        UPDATE rekeyed SET v = 'a3' WHERE code = 'one'"
    pgstrand seal --data "$DATA" >/dev/null
    step odd "UPDATE \"Odd, * names\" SET v = 'yy' WHERE k = 1; UPDATE items SET n = 0 WHERE id = 5"
    step emptied "TRUNCATE items"
}

setup() {
    untraced
    # shellcheck disable=SC1091
    source "$HARNESS/seqs"
}

entity() {
    pgstrand entity --data "$DATA" --json "$@"
}

# What jq makes of the standard input must be this.
is() {
    local got
    got=$(jq -c "$1")
    [ "$got" = "$(jq -c . <<<"$2")" ] || complain "wanted $2" "got    $got"
}

@test "one row at every seq: base, key changes, rows made again, columns added and renamed" {
    entity orders 7 --at-seq 0 | is '[.version, .value.status, (.value.body | length)]' '[1,"new",9600]'
    entity orders 7 --at-seq "$paid" | is '[.version, .value.status, (.value.body | length)]' '[2,"paid",9600]'
    entity orders 7 --at-seq "$moved" | is '.value' null
    entity orders 7000 --at-seq "$moved" | is '[.value.status, (.value.body | length)]' '["done",9600]'
    entity orders 7000 --at-seq "$late" | is '[.value.status, (.value.text | length), .value.c]' '["late",9600,"5"]'
    entity orders 7000 | is '[.value, (.history[-1].old.text | length)]' '[null,9600]'
    entity public.orders 7 | is '[.value.status, .value.c, .tier, .key.id]' '["again","1","business","7"]'
    entity orders 300 | is '[.value.status, .value.c, .version, [.history[].kind]]' '["new","5",1,["BASE"]]'
}

@test "entity-uuid: one row's whole history, over its keys, with who and when" {
    entity orders 7000 >"$BATS_TEST_TMPDIR/history"
    is '[.history[] | [.kind, .user, .session]]' '[["BASE",null,null],["UPDATE","anna","till 1"],["UPDATE",null,null],["UPDATE",null,null],["UPDATE",null,null],["DELETE",null,null]]' <"$BATS_TEST_TMPDIR/history"
    is '[.history[1].old.status, .history[1].new.status, .history[2].old.id, .history[2].new.id]' '["new","paid","7","7000"]' <"$BATS_TEST_TMPDIR/history"
    # each names the one before
    is '[.history[1:][].previous] == [.history[:-1][] | .seq | if . == 0 then null else . end]' true <"$BATS_TEST_TMPDIR/history"
    is '[.history[].time] | sort == .' true <"$BATS_TEST_TMPDIR/history"
    # the old key leads forward, and the UUID is the one that other devices derive
    entity orders 7 | is '[.history[].kind] | length' 7
    local id
    id=$(entity orders 7 | jq -r .uuid)
    entity "$id" | is '[.table, .value.status]' '["public.orders","again"]'
    pgstrand entity --data "$DATA" orders 7000 | grep -q 'status: new -> paid  by anna/till 1'
}

@test "odd names and values, keys of two columns" {
    entity '"Odd' x 2>&1 | grep -q 'no table matches'
    entity 'Odd? ? names' $'it\'s\ta \\tab' 1 | is '[.value.v, .key, [.history[].kind]]' '["yy   ",{"a b":"it'"'"'s\ta \\tab","k":"1"},["BASE","UPDATE"]]'
    entity 'Odd? ? names' '' 2 | is '.value.v' null
}

@test "a row that TRUNCATE took; a key that other columns became" {
    entity items 5 --at-seq "$odd" | is '[.value.n, .value.day]' '["0","2024-02-03"]'
    entity items 5 | is '[.value, [.history[].kind]]' '[null,["BASE","UPDATE","TRUNCATE"]]'
    entity items 7 | is '[.history[].kind]' '["BASE","DELETE"]'
    entity rekeyed one 2>/dev/null | is '[.value.v, .value.id]' '["a3","1"]'
    entity rekeyed two 2>/dev/null | is '.value.v' '"b"'
    entity rekeyed 1 --at-seq "$bulk" | is '.value.v' '"a"'
}

@test "what has no history is refused in one line" {
    expect_exit 11 'rows of public.loose have no identity' pgstrand entity --data "$DATA" loose 1
    expect_exit 10 'the key of public.items has 1 values .id., not 2' pgstrand entity --data "$DATA" items 1 2
    expect_exit 10 'no table matches nothing' pgstrand entity --data "$DATA" nothing 1
    expect_exit 10 'has had no row of this key' pgstrand entity --data "$DATA" items 100000
    expect_exit 10 'is in the future' pgstrand entity --data "$DATA" items 1 --at-seq 100000
}

@test "action-log, action-kinds: sealed actions are listed like those of the log" {
    pgstrand log --data "$DATA" --json >"$BATS_TEST_TMPDIR/log"
    jq -s -e '[.[].seq] == [range(1; length + 1)]' "$BATS_TEST_TMPDIR/log" >/dev/null
    # the same from snapshots alone
    cp -r "$DATA" "$BATS_TEST_TMPDIR/copy"
    rm -rf "$BATS_TEST_TMPDIR/copy/log"
    pgstrand log --data "$BATS_TEST_TMPDIR/copy" --json >"$BATS_TEST_TMPDIR/sealed"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/sealed")" -gt 100 ]
    head -n "$(wc -l <"$BATS_TEST_TMPDIR/sealed")" "$BATS_TEST_TMPDIR/log" | cmp - "$BATS_TEST_TMPDIR/sealed"
    pgstrand log --data "$DATA" --from-seq "$((paid + 1))" --to-seq "$moved" --json | jq -r .kind | tr '\n' ' ' | grep -qx 'DELETE UPDATE UPDATE '
    pgstrand log --data "$DATA" --table orders --from-seq "$((again + 1))" --join --json | jq -s -c '[.[] | [.kind, .rows]]' |
        grep -qx '\[\["BATCH_UPDATE",10\]\]'
    local from
    from=$(jq -r "select(.seq == $late) | .time" "$BATS_TEST_TMPDIR/log")
    pgstrand log --data "$DATA" --from-time "$from" --to-time "$from" --json | jq -s -e "[.[].seq] == [$late]" >/dev/null
    pgstrand log --data "$DATA" --entity "$(entity orders 7 | jq -r .uuid)" --json | jq -s -e 'length == 3' >/dev/null
    [ -z "$(pgstrand log --data "$DATA" --entity 00000000-0000-0000-0000-000000000000 --json)" ]
    # what an update of an item stands on: its base, and the order that it belongs to
    pgstrand log --data "$DATA" --from-seq "$rekeyed" --to-seq "$odd" --table items --json --dependencies |
        is '[.depends_on.previous, [.depends_on.foreign_keys[] | [.constraint, .table, .seq]]]' '[null,[["items_order_id_fkey","public.orders",null]]]'
    pgstrand log --data "$DATA" --from-seq "$again" --to-seq "$again" --json --dependencies | is '.depends_on.previous' "$late"
    expect_exit 2 'from-time' pgstrand log --data "$DATA" --from-time yesterday
}

@test "an index that is cut, changed, stale or unwritable is made again or done without" {
    local wanted copy=$BATS_TEST_TMPDIR/copy file
    wanted=$(entity orders 7000)
    cp -r "$DATA" "$copy"
    for file in "$copy"/index/*.run; do
        truncate -s -3 "$file"
    done
    [ "$(pgstrand entity --data "$copy" --json orders 7000 2>"$BATS_TEST_TMPDIR/words")" = "$wanted" ]
    grep -q 'made again' "$BATS_TEST_TMPDIR/words"
    for file in "$copy"/index/*.run; do
        printf 'X' | dd of="$file" bs=1 seek=100 conv=notrunc status=none
    done
    [ "$(pgstrand entity --data "$copy" --json orders 7000 2>/dev/null)" = "$wanted" ]
    rm -rf "$copy/index"
    [ "$(pgstrand entity --data "$copy" --json orders 7000 2>/dev/null)" = "$wanted" ]
}

@test "diff: rows added, changed and removed between two seqs, across a change of columns" {
    pgstrand diff --data "$DATA" --json 0 "$paid" | is '[.rows[] | [.table, .kind, .old.status, .new.status]]' '[["public.orders","changed","new","paid"]]'
    pgstrand diff --data "$DATA" --json 0 "$again" --table orders 2>/dev/null >"$BATS_TEST_TMPDIR/diff"
    # row 7 went and came again; row 7000 came and went
    is '[.rows[] | [.kind, .old.id, .old.status, .old.c, .new.status, .new.c]]' '[["changed","7","new","5","again","1"]]' <"$BATS_TEST_TMPDIR/diff"
    pgstrand diff --data "$DATA" "$paid" "$moved" | tail -n 1 | grep -q "1 rows added, 0 changed, 2 removed"
    pgstrand diff --data "$DATA" "$odd" "$emptied" --json 2>/dev/null | is '.tables' '[{"table":"public.items","added":0,"changed":0,"removed":299}]'
    pgstrand diff --data "$DATA" "$again" "$bulk" --json 2>"$BATS_TEST_TMPDIR/words" | is '.tables' '[{"table":"public.orders","added":0,"changed":10,"removed":0}]'
    grep -q 'public.loose has rows without identity' "$BATS_TEST_TMPDIR/words"
    expect_exit 2 'comes behind' pgstrand diff --data "$DATA" 5 4
}

# All rows of a table as one text.
rows_of() {
    sql "${2:-shop}" "SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM $1 t"
}

@test "revert: what cannot be undone is refused in one line, and nothing happens" {
    local before
    before=$(rows_of orders)
    expect_exit 15 'rows were changed since seq [0-9]+: public.orders id=7 at seq' \
        pgstrand revert --data "$DATA" --from-seq 1 --to-seq "$paid" --apply --yes --quiet
    expect_exit 11 'public.loose has rows without identity' pgstrand revert --data "$DATA" --from-seq "$((again + 1))" --to-seq "$bulk"
    expect_exit 10 'cuts a transaction in two' pgstrand revert --data "$DATA" --from-seq "$((paid + 2))" --to-seq "$moved"
    expect_exit 2 'which range' pgstrand revert --data "$DATA" --from-seq 5 --to-seq 4
    # changed by somebody whom nobody captured
    sql shop "SET session_replication_role = replica" >/dev/null
    agent_stop "$DATA"
    sql shop "UPDATE orders SET status = 'unseen' WHERE id = 25" >/dev/null
    expect_exit 15 'public.orders id=25 is not what it was' \
        pgstrand revert --data "$DATA" --from-seq "$((again + 1))" --to-seq "$bulk" --table orders --apply --yes
    [ "$(sql shop "SELECT count(*) FROM orders WHERE status = 'all'")" -eq 9 ]
    sql shop "UPDATE orders SET status = 'all' WHERE id = 25" >/dev/null
    [ "$(rows_of orders)" = "$before" ]
    agent_start "$DATA"
}

@test "revert: inserts, updates, deletes, key changes and TRUNCATE are undone, and that is captured with its origin" {
    local a b before items
    before=$(rows_of orders)
    items=$(rows_of '"Odd, * names"')
    a=$(($(pgstrand wait --data "$DATA") + 1))
    sql shop "
        INSERT INTO items SELECT i, i, 1 FROM generate_series(10, 14) i;
        INSERT INTO orders VALUES (9000, E'q''uote \\\\ \$pgstrand\$', '', NULL);
        INSERT INTO items VALUES (1, 9000, 1);
        UPDATE orders SET id = 9001, status = NULL WHERE id = 30; UPDATE orders SET c = c + 1 WHERE id BETWEEN 31 AND 40;
        DELETE FROM orders WHERE id BETWEEN 100 AND 110;
        UPDATE \"Odd, * names\" SET v = 'z', \"a b\" = 'o''th\\er' WHERE k = 1;
        TRUNCATE items" >/dev/null
    b=$(pgstrand wait --data "$DATA")
    pgstrand revert --data "$DATA" --from-seq "$a" --to-seq "$b" >"$BATS_TEST_TMPDIR/undo.sql" 2>/dev/null
    # psql runs it, here only to see that it does, as often as one likes
    sed 's/^COMMIT;/ROLLBACK;/' "$BATS_TEST_TMPDIR/undo.sql" >"$BATS_TEST_TMPDIR/try.sql"
    sql_file shop "$BATS_TEST_TMPDIR/try.sql" >/dev/null
    pgstrand revert --data "$DATA" --from-seq "$a" --to-seq "$b" --apply --yes --json 2>/dev/null | is '[.deleted, .updated, .inserted, .applied]' '[3,10,13,true]'
    [ "$(rows_of orders)" = "$before" ]
    [ "$(rows_of '"Odd, * names"')" = "$items" ]
    [ "$(sql shop 'SELECT count(*) FROM items')" -eq 0 ]
    pgstrand wait --data "$DATA" >/dev/null
    pgstrand log --data "$DATA" --from-seq "$((b + 1))" --json | jq -s -e 'length == 26 and all(.origin == "pgstrand_revert" and .user == "postgres")' >/dev/null
    # what was undone is changed since
    expect_exit 15 'rows were changed since' pgstrand revert --data "$DATA" --from-seq "$a" --to-seq "$b" --quiet
}

@test "revert: TRUNCATE is undone from the state before; foreign keys and triggers are respected" {
    local before a b
    sql shop "INSERT INTO items SELECT i, i, i FROM generate_series(200, 299) i" >/dev/null
    before=$(rows_of items)
    a=$(($(pgstrand wait --data "$DATA") + 1))
    sql shop "TRUNCATE items; INSERT INTO items VALUES (1, 1, 1)" >/dev/null
    b=$(pgstrand wait --data "$DATA")
    sql shop "CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.n = -1; RETURN NEW; END';
        CREATE TRIGGER spoils BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION spoil();
        ALTER TABLE items ENABLE ALWAYS TRIGGER spoils;
        SELECT pg_replication_origin_drop(roname) FROM pg_replication_origin WHERE roname = 'pgstrand_revert'" >/dev/null
    expect_exit 15 'triggers would change the rows again: spoils on public.items' \
        pgstrand revert --data "$DATA" --from-seq "$a" --to-seq "$b" --apply --yes --quiet
    [ "$(sql shop "SELECT count(*) FROM pg_replication_origin WHERE roname = 'pgstrand_revert'")" -eq 0 ] # before 15 it is made before
    sql shop "ALTER TABLE items ENABLE TRIGGER spoils" >/dev/null
    # an order whose items would come back was deleted meanwhile: not one of these rows, but they lead to it
    sql shop "CREATE TABLE kept AS SELECT * FROM orders WHERE id = 250; DELETE FROM orders WHERE id = 250" >/dev/null
    pgstrand wait --data "$DATA" >/dev/null
    expect_exit 15 'foreign key items_order_id_fkey of public.items would lead to no row of public.orders' \
        pgstrand revert --data "$DATA" --from-seq "$a" --to-seq "$b" --apply --yes --quiet
    sql shop "INSERT INTO orders SELECT * FROM kept; DROP TABLE kept" >/dev/null
    pgstrand wait --data "$DATA" >/dev/null
    pgstrand revert --data "$DATA" --from-seq "$a" --to-seq "$b" --apply --yes --quiet
    [ "$(rows_of items)" = "$before" ]
}

@test "revert by an owner who is no superuser: refused where foreign keys would change rows of others" {
    local a b
    sql shop "CREATE ROLE clerk; GRANT ALL ON SCHEMA public TO clerk; CREATE TABLE parents (id int PRIMARY KEY, v text);
        CREATE TABLE children (id int PRIMARY KEY, parent int CONSTRAINT follows REFERENCES parents ON DELETE CASCADE);
        ALTER TABLE parents OWNER TO clerk; ALTER TABLE children OWNER TO clerk" >/dev/null
    pgstrand wait --data "$DATA" >/dev/null
    pgstrand seal --data "$DATA" >/dev/null
    a=$(($(pgstrand wait --data "$DATA") + 1))
    sql shop "INSERT INTO parents VALUES (1, 'a')" >/dev/null
    b=$(pgstrand wait --data "$DATA")
    {
        echo 'SET SESSION AUTHORIZATION clerk;'
        pgstrand revert --data "$DATA" --from-seq "$a" --to-seq "$b" --quiet
    } >"$BATS_TEST_TMPDIR/undo.sql"
    agent_stop "$DATA"
    sql shop "INSERT INTO children VALUES (1, 1)" >/dev/null
    run sql_file shop "$BATS_TEST_TMPDIR/undo.sql"
    [[ "$output" == *'foreign keys would change other rows: follows of public.children'* ]]
    [ "$(sql shop 'SELECT (SELECT count(*) FROM parents), (SELECT count(*) FROM children)')" = '1|1' ]
    # Without an action there is nothing to fear.
    sql shop "DELETE FROM children; ALTER TABLE children DROP CONSTRAINT follows, ADD FOREIGN KEY (parent) REFERENCES parents" >/dev/null
    sql_file shop "$BATS_TEST_TMPDIR/undo.sql" >/dev/null
    [ "$(sql shop 'SELECT count(*) FROM parents')" -eq 0 ]
    agent_start "$DATA"
}
