#!/usr/bin/env bash
# make_whole.sh FOLDER: writes the golden chain `whole`, made by the programs as somebody uses them, on a private cluster. It was run
# once for the format; what it wrote is committed and never made again, because every later version must read it.
#
#   FOLDER/chain          a full-device vault: FULL, INCREMENTAL, DIFFERENTIAL (two short cuts), a change of the schema, files, the owner's
#                         certificate; then another machine took the node over, and its chain goes on with the hand-over in it
#   FOLDER/rows/SEQ/      what the source held at that seq, a file a table
#   FOLDER/files/SEQ/     the files of the two folders at that seq
#   FOLDER/recovery.key   of nobody's node: it is here to be used
set -euo pipefail

[ $# -eq 1 ] && [ ! -e "$1" ] || {
    echo "usage: make_whole.sh FOLDER, which is not there yet" >&2
    exit 2
}
mkdir -p "$1"
to=$(cd "$1" && pwd)
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
source "$root/tests/lib/cluster.bash"
source "$root/tests/lib/pgstrand.bash"

# The chain has the folders' names in it.
app=/tmp/golden-shop
rm -rf "$app"
trap 'harness_end; rm -rf "$app"' EXIT
harness_begin
cluster_new one
data=$HARNESS/till vault=$HARNESS/vault
mkdir -p "$app/pictures/fruit" "$app/till"
export PGSTRAND_DATA=$data

# keep DB: what there is now, under the seq that the log then stands at.
keep() {
    local seq
    seq=$(pgstrand wait --timeout 60)
    dump_tables "$1" "$to/rows/$seq"
    rm "$to/rows/$seq/public.carts" # transient
    gzip -n9 "$to/rows/$seq/public.goods"
    mkdir -p "$to/files"
    cp -a "$app" "$to/files/$seq"
    echo "kept seq $seq" >&2
}

seal() {
    pgstrand seal --quiet "$@"
}

shop() {
    sql shop "$1"
}

echo 'a red apple' >"$app/pictures/fruit/apple"
echo 'a green pear' >"$app/pictures/fruit/pear"
ln -s apple "$app/pictures/fruit/favourite"
: >"$app/pictures/empty"
echo 'drawer 7' >"$app/till/settings"
database_new shop
shop "
    CREATE TYPE kind AS ENUM ('fresh', 'tinned, \"dented\"');
    CREATE TABLE goods (id int PRIMARY KEY, name text NOT NULL, price numeric(9,2), kind kind, story text,
        gross numeric GENERATED ALWAYS AS (price * 1.19) STORED);
    ALTER TABLE goods ALTER story SET STORAGE EXTERNAL;
    CREATE TABLE sales (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, goods int REFERENCES goods ON UPDATE CASCADE,
        at timestamptz NOT NULL, places point[]);
    CREATE TABLE words (word text, n int);
    CREATE TABLE emptied (day date PRIMARY KEY);
    CREATE TABLE journal (id bigint PRIMARY KEY, line jsonb);
    CREATE TABLE tills (id int PRIMARY KEY, drawer int);
    CREATE TABLE carts (id int PRIMARY KEY);
    CREATE INDEX ON sales (at);
    CREATE VIEW cheap AS SELECT * FROM goods WHERE price < 2;
    INSERT INTO goods SELECT i, 'article ' || i, i * 0.37, CASE WHEN i % 2 = 0 THEN 'fresh' ELSE 'tinned, \"dented\"' END::kind,
        repeat('once upon a time ' || i || ' ', 150) FROM generate_series(1, 40) i;
    INSERT INTO goods VALUES (100, E'tab\\t, line\\n, back\\\\slash, \\\\N', NULL, NULL, NULL), (101, '', -0.01, 'fresh', ''), (102, 'näher 🙂', 0, 'fresh', 'x');
    INSERT INTO sales (goods, at, places) SELECT 1 + i % 40, timestamptz '2026-11-22 08:00:00.000001Z' + i * interval '7 min',
        ARRAY[point(i, 0.1), NULL] FROM generate_series(1, 60) i;
    INSERT INTO words SELECT 'same', i % 2 FROM generate_series(1, 8) i;
    INSERT INTO emptied SELECT date '2026-11-01' + i FROM generate_series(1, 5) i;
    INSERT INTO journal VALUES (1, '{\"who\": \"ann\", \"what\": [1, null]}');
    INSERT INTO tills VALUES (3, 10);
    INSERT INTO carts VALUES (1)"
cat >"$HARNESS/start.conf" <<CONF_END
[tiers]
audit = journal
device = tills
transient = carts
[seal]
interval = 0
actions = 0
bytes = 0
[assets]
business = $app/pictures
device = $app/till
CONF_END
pgstrand init --source "$(conninfo shop)" --config "$HARNESS/start.conf" --device-name 'till 3' --no-wal-limit --json 2>"$HARNESS/said" |
    jq -r .recovery_key >"$to/recovery.key"
agent_start "$data"
keep "$(conninfo shop)"

# A key that changes and one that is swapped, rows without a key, large values left alone, a table emptied, who did it, a message.
shop "
    BEGIN; SELECT pgstrand.set_context('ann', 'till 3, morning'); UPDATE goods SET price = price + 0.05 WHERE id % 3 = 0; COMMIT;
    UPDATE goods SET id = 1000 WHERE id = 5;
    BEGIN; UPDATE journal SET id = 2 WHERE id = 1; INSERT INTO journal VALUES (1, '[]'); COMMIT;
    DELETE FROM goods WHERE id IN (100, 101);
    INSERT INTO words VALUES ('again', NULL), ('again', NULL);
    DELETE FROM words WHERE ctid = (SELECT min(ctid) FROM words);
    TRUNCATE emptied; INSERT INTO emptied VALUES ('2030-01-01');
    UPDATE tills SET drawer = 11;
    INSERT INTO carts VALUES (2);
    SELECT pg_logical_emit_message(true, 'till', 'the drawer was opened')" >/dev/null
keep "$(conninfo shop)"
seal --name morning --description 'the first link'

shop "
    UPDATE goods SET story = 'a short one' WHERE id = 7;
    UPDATE goods SET name = name || '!' WHERE id <= 20;
    DELETE FROM sales WHERE id % 4 = 0;
    INSERT INTO sales (goods, at) VALUES (1000, '2026-11-22 18:00:00Z')"
echo 'two red apples' >"$app/pictures/fruit/apple"
rm "$app/pictures/empty"
keep "$(conninfo shop)"
seal --type differential --name noon

shop "ALTER TABLE goods ADD COLUMN shelf text DEFAULT 'left'; ALTER TABLE words RENAME TO phrases;
    CREATE TABLE later (id uuid PRIMARY KEY, v varbit)"
shop "
    UPDATE goods SET shelf = 'right' WHERE id < 10;
    INSERT INTO phrases VALUES ('new', 9);
    INSERT INTO later VALUES ('6ba7b810-9dad-11d1-80b4-00c04fd430c8', B'10110')"
keep "$(conninfo shop)"
seal --type differential --name evening
pgstrand vault add safe "file://$vault" --backup-type full-device >/dev/null
pgstrand ship safe --quiet >/dev/null
agent_stop "$data"
pgstrand uninstall --keep-data --yes >/dev/null

# Another machine: what it captured is told by the same rows.
export PGSTRAND_DATA=$HARNESS/new
database_new taken
pgstrand restore --from "file://$vault" --target "$(conninfo taken)" --as same --recovery-key "$to/recovery.key" --quiet >/dev/null
pgstrand init --no-wal-limit --quiet >/dev/null
agent_start "$PGSTRAND_DATA"
sql taken "INSERT INTO goods VALUES (2000, 'of the new till', 5, 'fresh', NULL); UPDATE tills SET drawer = 12; DELETE FROM later"
echo 'drawer 8' >"$app/till/settings"
keep "$(conninfo taken)"
seal --name 'the next day'
pgstrand vault add safe "file://$vault" --backup-type full-device >/dev/null
pgstrand ship safe --quiet >/dev/null
agent_stop "$PGSTRAND_DATA"
pgstrand uninstall --keep-data --yes >/dev/null
cp -r "$vault" "$to/chain"
find "$to" -name '*.lock' -delete
du -sh "$to" >&2
