# Restores across changes of the schema, against a real cluster: DDL and rows of all kinds, the source's schema and rows kept at
# each step, every step rebuilt and compared; without a FULL where the change can be followed.

bats_require_minimum_version 1.5.0

load ../lib/onecluster
load ../lib/schemasteps

setup_file() {
    onecluster_begin
    export DATA=$HARNESS/data target=back
    database_new shop
    sql shop "
        CREATE SCHEMA old;
        CREATE TABLE item (id int PRIMARY KEY, name text, price numeric(10,2), body text);
        ALTER TABLE item ALTER body SET STORAGE EXTERNAL;
        INSERT INTO item SELECT i, 'n' || i, i, repeat(md5(i::text), 200) FROM generate_series(1, 30) i;
        CREATE TABLE loose (word text, n int);
        INSERT INTO loose SELECT 'same', i % 3 FROM generate_series(1, 12) i;
        CREATE TABLE code (code varchar(10) PRIMARY KEY, what text);
        INSERT INTO code SELECT 'c' || i, 'w' FROM generate_series(1, 9) i;
        CREATE TABLE old.gone (id int PRIMARY KEY);
        INSERT INTO old.gone VALUES (1), (2);
        CREATE TABLE parts (id int, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
        CREATE TABLE parts_a PARTITION OF parts FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
        INSERT INTO parts SELECT i, '2020-03-01'::date + i FROM generate_series(1, 20) i;
        CREATE TABLE top (id int PRIMARY KEY, v text);
        CREATE TABLE below () INHERITS (top);
        INSERT INTO top VALUES (1, 'top'); INSERT INTO below VALUES (2, 'below');
        CREATE TYPE mood AS ENUM ('sad', 'happy');
        CREATE TABLE felt (id int PRIMARY KEY, m mood);
        INSERT INTO felt VALUES (1, 'sad'), (2, 'happy')"
    printf '[seal]\ninterval = 0\nactions = 0\nbytes = 0\n' >"$HARNESS/start.conf"
    pgstrand init --data "$DATA" --source "$(conninfo shop)" --config "$HARNESS/start.conf" >"$HARNESS/init.out"
    agent_start "$DATA"
    keep_state
    # columns: added with and without a constant default, under rows that keep their large values; dropped, renamed
    step "ALTER TABLE item ADD note text DEFAULT 'it''s \"new\", {so} it\\is', ADD tags int[] DEFAULT '{1,2}', ADD nothing date" \
        "UPDATE item SET price = price + 1 WHERE id % 3 = 0; UPDATE item SET id = id + 100 WHERE id % 7 = 0;
         INSERT INTO item VALUES (50, 'fifty', 5, 'b', 'own note', '{3}', '2024-01-01'); DELETE FROM item WHERE id = 4"
    step "ALTER TABLE item DROP name; ALTER TABLE item RENAME price TO cost; UPDATE item SET cost = 0 WHERE id = 5" \
        "UPDATE item SET note = 'touched' WHERE id % 5 = 0"
    # the same name again, as another column
    step "BEGIN; ALTER TABLE item DROP nothing; INSERT INTO item VALUES (51, 1, 'x', 'y', NULL); ALTER TABLE item ADD nothing date; COMMIT" \
        "UPDATE item SET nothing = '2025-05-05' WHERE id = 51; UPDATE item SET cost = 3 WHERE id = 6"
    pgstrand seal --data "$DATA" >/dev/null
    # names: table, schema; a type whose text stays
    step "ALTER TABLE item RENAME TO article; ALTER SCHEMA old RENAME TO older; ALTER TABLE code ALTER code TYPE text, ALTER what TYPE varchar" \
        "INSERT INTO article (id, cost) VALUES (60, 6); INSERT INTO older.gone VALUES (3); INSERT INTO code VALUES ('longer than before', 'x')"
    # tables made and dropped, the rows of CREATE TABLE AS before their DDL; a name used again
    step "CREATE TABLE made AS SELECT id, cost FROM article WHERE id < 9; DROP TABLE older.gone; SELECT 1 AS one, 'x'::text AS x INTO into_one" \
        "INSERT INTO made VALUES (1000, 1); INSERT INTO into_one VALUES (2, 'y')"
    step "DROP TABLE into_one; CREATE TABLE into_one (x int PRIMARY KEY, one text); INSERT INTO into_one VALUES (5, 'other')" \
        "INSERT INTO into_one VALUES (6, 'more')"
    # keys: one for a table that had none, another one, the one before dropped with its column
    step "ALTER TABLE made ADD PRIMARY KEY (id); DELETE FROM loose WHERE n = 1; ALTER TABLE loose ADD extra int DEFAULT 4" \
        "UPDATE made SET cost = 77 WHERE id = 2; DELETE FROM made WHERE id = 3; UPDATE loose SET n = 9 WHERE n = 2; INSERT INTO loose VALUES ('w', 1, 2)"
    step "ALTER TABLE code ADD number int; UPDATE code SET number = right(code, 1)::int WHERE code LIKE 'c_'; UPDATE code SET number = 99 WHERE number IS NULL;
          ALTER TABLE code DROP CONSTRAINT code_pkey, ADD PRIMARY KEY (number)" \
        "UPDATE code SET what = 'again' WHERE number < 5; DELETE FROM code WHERE number = 6; UPDATE code SET number = 66 WHERE number = 7"
    step "ALTER TABLE code DROP code" "UPDATE code SET what = 'last' WHERE number = 66; INSERT INTO code VALUES ('new', 100)"
    # partitions and children
    step "ALTER TABLE parts ADD word text DEFAULT 'p'; CREATE TABLE parts_b PARTITION OF parts FOR VALUES FROM ('2021-01-01') TO ('2022-01-01');
          INSERT INTO parts VALUES (1, '2021-02-02', 'b'); ALTER TABLE top ADD w int DEFAULT 5" \
        "UPDATE parts SET day = day + 330 WHERE id < 5; INSERT INTO below VALUES (3, 'b', 6); UPDATE top SET v = v || '!'"
    step "ALTER TABLE parts DETACH PARTITION parts_a; CREATE TABLE parts_c (id int NOT NULL, day date NOT NULL, word text, PRIMARY KEY (id, day)); INSERT INTO parts_c VALUES (9, '2022-05-05', 'c');
          ALTER TABLE parts ATTACH PARTITION parts_c FOR VALUES FROM ('2022-01-01') TO ('2023-01-01')" \
        "INSERT INTO parts VALUES (10, '2022-06-06', 'd'); UPDATE parts_a SET word = 'alone' WHERE id = 8"
    pgstrand seal --data "$DATA" >/dev/null
    # what is no table; TRUNCATE; a label added
    step "CREATE VIEW cheap AS SELECT * FROM article WHERE cost < 9; CREATE INDEX ON article (cost); CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';
          ALTER TYPE mood ADD VALUE 'so so' BEFORE 'happy'; CREATE DOMAIN small AS int CHECK (VALUE < 10); TRUNCATE loose; INSERT INTO loose VALUES ('t', 1, 1)" \
        "INSERT INTO felt VALUES (3, 'so so'); UPDATE felt SET m = 'so so' WHERE id = 1"
    keep_state
    pgstrand vault add --data "$DATA" shelf "file://$HARNESS/shelf" >/dev/null
    pgstrand seal --data "$DATA" --type differential >/dev/null
    pgstrand ship --data "$DATA" shelf >/dev/null
}

@test "every step of the schema is restored, rows and schema, from the own chain" {
    [ "$(fulls)" -eq 1 ]
    while read -r seq; do
        check "$seq"
    done <"$HARNESS/seqs"
    check "$(tail -n 1 "$HARNESS/seqs")" --jobs 2
}

@test "and from a vault, by several jobs, over a DIFFERENTIAL and before it" {
    local from=(--from "file://$HARNESS/shelf" --as same)
    check "$(tail -n 1 "$HARNESS/seqs")" "${from[@]}" --jobs 2
    check "$(sed -n 6p "$HARNESS/seqs")" "${from[@]}"
    check "$(sed -n 9p "$HARNESS/seqs")" "${from[@]}"
}

@test "a restore in little memory gives the same" {
    cp "$DATA/pgstrand.conf" "$HARNESS/conf.safe"
    printf '\n[restore]\nmemory = 16MiB\n' >"$HARNESS/little.conf"
    check "$(sed -n 10p "$HARNESS/seqs")" --config "$HARNESS/little.conf"
}

dump_waits() {
    [ "$(sql shop "SELECT count(*) FROM pg_locks WHERE relation = 'code'::regclass AND NOT granted")" -gt 0 ]
}

@test "killed between DDL and its dump: the next start keeps the version, also when VACUUM FULL has forgotten the default meanwhile" {
    local before seq
    before=$(versions)
    # The dump waits for a table; what is captured does not.
    session_open holder shop
    say holder 'BEGIN; LOCK TABLE code'
    sql shop "ALTER TABLE felt DROP IF EXISTS later; ALTER TABLE felt ADD later int DEFAULT 8" >/dev/null
    pgstrand wait --data "$DATA" --timeout 60 >/dev/null
    wait_for 60 dump_waits
    agent_kill9 "$DATA"
    session_close holder
    [ "$(versions)" -eq "$before" ]
    # Rows from before the column have its value in themselves now, and the catalogue has it no more.
    sql shop 'VACUUM FULL felt'
    [ "$(sql shop "SELECT count(*) FROM pg_attribute WHERE attrelid = 'felt'::regclass AND atthasmissing")" -eq 0 ]
    agent_start "$DATA"
    wait_for 30 more_versions "$before"
    sql shop "INSERT INTO felt VALUES (4, 'sad', 9)" >/dev/null
    keep_state
    seq=$(tail -n 1 "$HARNESS/seqs")
    check "$seq"
    [ "$(sql "$target" "SELECT string_agg(later::text, ',' ORDER BY id) FROM felt")" = 8,8,8,9 ]
}

# How often the agent has looked after the database, while its statements are logged.
looks() {
    grep -c "FROM pg_catalog.pg_event_trigger WHERE evtname LIKE 'pgstrand" "$(cluster_folder)/log" || true
}

looked_again() {
    [ "$(looks)" -gt "$1" ]
}

@test "EXPLAIN ANALYZE CREATE TABLE AS, which calls no event trigger: the table is noticed with its first rows, and can lose them" {
    local before based seq looked
    # The agent looks after the database once more behind each change of the schema: not what is to be seen here.
    sql shop "ALTER DATABASE shop SET log_statement = 'all'"
    looked=$(looks) before=$(versions)
    sql shop 'CREATE VIEW looked AS SELECT 1 AS one'
    wait_for 30 more_versions "$before"
    wait_for 30 looked_again "$looked"
    wait_for 60 schema_kept "$DATA"
    sql shop 'ALTER DATABASE shop RESET log_statement'
    before=$(versions) based=$(bases)
    sql shop "EXPLAIN ANALYZE CREATE TABLE explained AS SELECT i AS id, 'x' || i AS v FROM generate_series(1, 5) i" >/dev/null
    wait_for 20 more_versions "$before"
    [ "$(sql shop "SELECT relreplident FROM pg_class WHERE oid = 'explained'::regclass")" = f ]
    wait_for 30 more_bases "$based" # nobody has told that it was made: it might have had rows before
    sql shop "UPDATE explained SET v = 'y' WHERE id = 2; DELETE FROM explained WHERE id = 3" >/dev/null
    keep_state
    check "$(tail -n 1 "$HARNESS/seqs")"
    # The table begins with the change that is recorded for it; rows from before are not lost, but there is no table for them there.
    seq=$(pgstrand log --data "$DATA" --json --table explained | jq -s 'map(select(.kind == "CREATE").seq) | max')
    database_again "$target"
    restore --to-seq "$seq" --quiet >/dev/null
    [ "$(sql "$target" "SELECT to_regclass('explained') IS NULL")" = t ]
}

@test "a table rewritten with values that nobody told: a base of that table, and nothing for types whose text stays" {
    sql shop 'ALTER DATABASE shop SET pgstrand.retell_bytes = 0' # else they would be told again: rewrites.bats
    step "CREATE TABLE deed (id int PRIMARY KEY, n int, t text); INSERT INTO deed SELECT i, i, 't' || i FROM generate_series(1, 40) i;
          CREATE UNLOGGED TABLE quiet (id int PRIMARY KEY); INSERT INTO quiet VALUES (1), (2);
          CREATE TABLE computed (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) STORED); INSERT INTO computed VALUES (1), (2)"
    needs_nothing "ALTER TABLE deed ALTER id TYPE bigint, ALTER n TYPE numeric" "UPDATE deed SET n = n + 0.5 WHERE id < 9; INSERT INTO deed VALUES (5000000000, 1, 'x')"
    needs_base "ALTER TABLE deed ALTER n TYPE bigint USING n * 10" "UPDATE deed SET t = 'after' WHERE id = 3; DELETE FROM deed WHERE id = 4"
    needs_base "ALTER TABLE deed ADD r float8 DEFAULT random(); UPDATE deed SET t = 'same' WHERE id = 7" "INSERT INTO deed VALUES (41, 1, 'y')"
    needs_base "ALTER TABLE quiet SET LOGGED" "INSERT INTO quiet VALUES (3); DELETE FROM quiet WHERE id = 1"
    # Its values were in no stream; they stay, and are ordinary ones from here on.
    needs_base "ALTER TABLE computed ALTER twice DROP EXPRESSION" "INSERT INTO computed VALUES (3, 7); UPDATE computed SET twice = 5 WHERE id = 1"
    # In a function nobody knows whether there was a USING.
    needs_base "DO \$\$ BEGIN ALTER TABLE quiet ALTER id TYPE bigint; END \$\$" "INSERT INTO quiet VALUES (4)"
    # What was before all of it is there as it was, and so is what has the table not yet.
    check "$(sed -n 12p "$HARNESS/seqs")"
    pgstrand seal --data "$DATA" --type differential >/dev/null
    check "$(tail -n 1 "$HARNESS/seqs")"
    pgstrand ship --data "$DATA" shelf >/dev/null
    check "$(tail -n 1 "$HARNESS/seqs")" --from "file://$HARNESS/shelf" --as same --jobs 2
    pgstrand verify --data "$DATA" >/dev/null
}

@test "between a rewrite and the table's base: that table is refused, saying from where on it can be had, others are not" {
    local seq before
    before=$(bases)
    # The base waits until the row behind the change is there.
    session_open holder shop
    say holder 'BEGIN; LOCK TABLE code'
    sql shop "ALTER TABLE deed ALTER t TYPE text USING upper(t)" >/dev/null
    seq=$(pgstrand wait --data "$DATA" --timeout 60)
    sql shop "INSERT INTO felt (id, m) VALUES (9, 'sad')" >/dev/null
    session_close holder
    wait_for 60 more_bases "$before"
    database_again "$target"
    expect_exit 11 "restorable: up to seq $((seq - 2)), or from seq $((seq + 1)) on" restore --to-seq "$seq" --quiet
    restore --to-seq "$seq" --tables 'felt,article' --quiet >/dev/null
}

@test "types within types: attributes and labels that change, seen through arrays, domains, ranges and rows of tables" {
    step "CREATE TYPE pair AS (a int, b int); CREATE DOMAIN pairs AS pair[]; CREATE TYPE pairrange AS RANGE (subtype = pair);
          CREATE TYPE state AS ENUM ('new', 'done'); CREATE TYPE states AS (s state, t text); CREATE TABLE shape (x int, y text);
          CREATE TABLE paired (id int PRIMARY KEY, p pair, l pairs, r pairrange); CREATE TABLE ticket (id int PRIMARY KEY, s states[]);
          CREATE TABLE shaped (id int PRIMARY KEY, v shape, w shape[])" \
        "INSERT INTO paired VALUES (1, '(1,2)', ARRAY['(1,2)'::pair, NULL], pairrange('(1,2)', '(3,4)')); INSERT INTO ticket VALUES (1, ARRAY[('new', 'n')::states]);
         INSERT INTO shaped VALUES (1, '(1,one)', ARRAY['(2,two)'::shape])"
    needs_base "ALTER TYPE pair DROP ATTRIBUTE b, ADD ATTRIBUTE c int" "INSERT INTO paired VALUES (2, '(3,4)', NULL, NULL)"
    [ "$(sql "$target" "SELECT p, l, r FROM paired WHERE id = 1")" = '(1,)|{"(1,)",NULL}|["(1,)","(3,)")' ]
    needs_base "BEGIN; ALTER TYPE state RENAME VALUE 'new' TO 'open'; ALTER TYPE state ADD VALUE 'new'; COMMIT" \
        "INSERT INTO ticket VALUES (3, ARRAY[('new', 'n')::states])"
    [ "$(sql "$target" "SELECT s FROM ticket WHERE id = 1")" = '{"(open,n)"}' ]
    needs_base "ALTER TABLE shape ADD z int, DROP x" "INSERT INTO shaped VALUES (2, '(b,5)', NULL); INSERT INTO shape VALUES ('y', 1)"
    [ "$(sql "$target" "SELECT v, w FROM shaped WHERE id = 1")" = '(one,)|{"(two,)"}' ]
    needs_nothing "ALTER TYPE state ADD VALUE 'more'; ALTER TABLE shape RENAME y TO why" "INSERT INTO ticket VALUES (4, ARRAY[('more', 'n')::states])"
}

# The agent with other rules: the configuration's line that begins with the name; and how many bases of tables it brings.
ruled() {
    local before versions
    before=$(bases) versions=$(versions)
    agent_stop "$DATA"
    sed -i "s/^$1 *=.*/$1 = $2/; /^\[tiers\]/,/^\[/{/^$1 *=/!s/^# *$1 *=.*/$1 = $2/}" "$DATA/pgstrand.conf"
    grep -q "^$1 = $2\$" "$DATA/pgstrand.conf"
    agent_start "$DATA"
    wait_for 30 more_versions "$versions" || complain "no version with $1 = $2" || return 1
    [ "$3" -eq 0 ] || wait_for 30 more_bases "$before" || complain "no base with $1 = $2" || return 1
    keep_state
}

tier_changes() {
    pgstrand log --data "$DATA" --json | jq -c 'select(.kind == "DDL")' | grep -c 'CHANGED TIERS' || true
}

@test "tiers that only the configuration changes hold from a seq on, and the table gets a base: to this device alone, and back" {
    sql shop "CREATE TABLE moves (id int PRIMARY KEY, v text); INSERT INTO moves VALUES (1, 'first')" >/dev/null
    ruled device moves 1
    sql shop "INSERT INTO moves VALUES (2, 'kept here')" >/dev/null
    keep_state
    [ "$(tier_changes)" -eq 1 ]
    check "$(tail -n 1 "$HARNESS/seqs")" --as same
    database_again "$target"
    restore --as other --quiet >/dev/null
    [ "$(sql "$target" 'SELECT count(*) FROM moves')" -eq 0 ]
    ruled device '' 1
    sql shop "UPDATE moves SET v = 'everywhere' WHERE id = 1" >/dev/null
    keep_state
    check "$(tail -n 1 "$HARNESS/seqs")" --as other
    ruled transient moves 0
    ruled transient '' 1
    sql shop "INSERT INTO moves VALUES (3, 'again')" >/dev/null
    keep_state
    check "$(tail -n 1 "$HARNESS/seqs")"
    [ "$(tier_changes)" -eq 4 ]
    # Nothing changed: nothing is recorded.
    agent_stop "$DATA"
    agent_start "$DATA"
    sleep 2
    [ "$(tier_changes)" -eq 4 ]
}
