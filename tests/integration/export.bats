# The JSON documents: what export writes, what import takes and what it refuses, and that an import restores like any other snapshot.

bats_require_minimum_version 1.5.0

load ../lib/onecluster

setup_file() {
    onecluster_begin
    export DATA=$HARNESS/data DOC=$HARNESS/doc.json FULL=$HARNESS/full.json
    database_new shop
    sql shop "
        CREATE TYPE mood AS ENUM ('good', 'so so');
        CREATE TABLE users (id uuid PRIMARY KEY, name text NOT NULL, born date);
        CREATE TABLE products (id serial PRIMARY KEY, price numeric(10, 2) NOT NULL, tags text[] DEFAULT '{new}', facts jsonb, old json,
            big bigint, ratio float8, made timestamptz, seen timestamp(3), mood mood, raw bytea, sold boolean DEFAULT false,
            doubled numeric GENERATED ALWAYS AS (price * 2) STORED);
        CREATE TABLE \"syncNodes\" (id int PRIMARY KEY, secret text);
        CREATE TABLE sessions (token text PRIMARY KEY);
        CREATE TABLE \"odd.name\" (\"a b\" int PRIMARY KEY, \"say \"\"so\"\"\" text);
        CREATE SCHEMA hr;
        CREATE TABLE hr.people (id int PRIMARY KEY, word text);
        CREATE TABLE loose (word text);
        CREATE TABLE wide (id int PRIMARY KEY, filler text);
        INSERT INTO users SELECT gen_random_uuid(), 'user ' || i, '2000-01-01'::date + i FROM generate_series(1, 20) i;
        INSERT INTO products (price, facts, old, big, ratio, made, seen, mood, raw, tags) VALUES
            (1.50, '{\"a\": [1, null, \"x\"], \"n\": 1.10}', E'{\"z\":1,\n \"z\": 2}', 9223372036854775807, 0.1, '2026-01-01 12:00:00.123+00',
                '2026-01-01 12:00:00.5', 'so so', '\\x00ff', '{\"a,b\",NULL,\"q\\\"q\"}'),
            (2, 'null', 'null', 42, 'NaN', 'infinity', NULL, 'good', '', '{}'),
            (3, '{\"\$json\": 1}', '\"text\"', -7, '-1e-300', '0044-03-15 12:00:00+00 BC', '2026-01-01', NULL, NULL, NULL),
            (4, '\"\"', NULL, NULL, 'Infinity', NULL, NULL, NULL, NULL, '{{1,2},{3,4}}');
        INSERT INTO \"syncNodes\" VALUES (1, 'device-secret-1');
        INSERT INTO sessions VALUES ('transient-token');
        INSERT INTO \"odd.name\" VALUES (1, E'tab\there, line\nend, back\\\\slash, \"quotes\", ünïcødé 💾, \\x01'), (2, ''), (3, NULL);
        INSERT INTO hr.people VALUES (1, 'boss');
        INSERT INTO loose SELECT 'same' FROM generate_series(1, 3)"
    printf '[tiers]\ndefault = business\ndevice = syncNodes\ntransient = sessions\n[restore]\nmemory = 16 MiB\n' >"$HARNESS/start.conf"
    pgstrand init --data "$DATA" --source "$(conninfo shop)" --config "$HARNESS/start.conf" >"$HARNESS/init.out" 2>&1
    agent_start "$DATA"
    sql shop "UPDATE users SET name = 'renamed' WHERE name = 'user 7'; DELETE FROM users WHERE name = 'user 8'"
    pgstrand wait --data "$DATA" --timeout 60 >/dev/null
    pgstrand export --data "$DATA" --format json --output "$DOC" >"$HARNESS/export.out"
    pgstrand export --data "$DATA" --format json --backup-type full-device --created-by admin-1 >"$FULL" 2>/dev/null
}

setup() {
    untraced
    target=e$BATS_TEST_NUMBER
}

teardown() {
    database_drop "e$BATS_TEST_NUMBER" 2>/dev/null || true
}

import() {
    pgstrand import --data "$DATA" --json "$@" 2>"$HARNESS/import.err" >"$HARNESS/import.json" || return
    jq -r .uuid "$HARNESS/import.json"
}

restore() {
    database_new "$target"
    pgstrand restore --data "$DATA" --target "$(conninfo "$target")" --json "$@" 2>"$HARNESS/restore.err" >"$HARNESS/restore.json"
}

snapshot_count() {
    pgstrand snapshots --data "$DATA" --json | jq length
}

# The checksum of a document after a change of its businessData.
resum() {
    local sum
    sum=$(jq -j -c .businessData "$1" | sha256sum | cut -d' ' -f1)
    jq -c --arg s "sha256-$sum" '.metadata.checksums.businessData = $s' "$1"
}

@test "metadata-v2: the document has the metadata that the format names, and its checksum is that of businessData" {
    jq -e --arg host "$(hostname)" '.metadata | .version == "2.0" and (.sourceNodeId | length == 36) and (.sourceDeviceId | length == 36)
        and .sourceHostname == $host and .sourcePlatform == "linux" and (.timestamp | test("^20..-..-..T..:..:..[.]...Z$"))
        and .createdBy == "system" and .backupType == "business" and .businessFilter == {"includeDemoData": true}
        and (.schemaVersion | length > 5)' "$DOC"
    jq -e '.metadata.sourceDeviceName != "" and .metadata.stats.totalRecords == 30 and .metadata.stats.businessRecords == 30
        and .metadata.stats.deviceRecords == 0 and .metadata.stats.totalTables == 6 and .metadata.stats.uncompressedSize > 1000' "$DOC"
    jq -e 'keys == ["businessData", "metadata"]' "$DOC"
    # Not jq, which would write numbers anew: the text without white space, and there is none in strings of these tables.
    local sum
    pgstrand export --data "$DATA" --tables 'hr.*, loose' 2>/dev/null >"$HARNESS/few.json"
    sum=$(sed -n '/^"businessData": /,$p' "$HARNESS/few.json" | sed 's/^"businessData": //; $d' | tr -d ' \n' | sha256sum | cut -d' ' -f1)
    [ "$(jq -r .metadata.checksums.businessData "$HARNESS/few.json")" = "sha256-$sum" ]
    sum=$(sed -n '/^"businessData": /,$p' "$DOC" | sed 's/^"businessData": //; $d' | tr -d '\n' | sha256sum | cut -d' ' -f1)
    [ "$(jq -r .metadata.checksums.businessData "$DOC")" != "sha256-$sum" ] # there are spaces in json values
    [ "$(sed -n 's/.*6 tables.*/yes/p' "$HARNESS/export.out")" = yes ]
}

@test "backup-type: a business backup has no byte of a device or transient row, a full-device backup has deviceData" {
    refute grep -q 'device-secret\|syncNodes\|transient-token\|sessions' "$DOC"
    jq -e '.metadata.backupType == "full-device" and .metadata.createdBy == "admin-1" and .metadata.stats.deviceRecords == 1
        and (.metadata.checksums | has("deviceData")) and .deviceData == {"syncNodes": [{"id": 1, "secret": "device-secret-1"}]}' "$FULL"
    refute grep -q 'transient-token' "$FULL"
    mkdir -p "$HARNESS/folder"
    pgstrand export --data "$DATA" --backup-type full-device --output "$HARNESS/folder" >/dev/null
    ls "$HARNESS/folder" | grep -Eqx 'backup-full-device-20..-..-..[.]json'
}

@test "json-v2: values are numbers, booleans and JSON where they can be, and text where they would be rounded" {
    jq -e '.businessData.products[0] | .price == "1.50" and .facts == {"a": [1, null, "x"], "n": 1.10} and .big == "9223372036854775807"
        and .ratio == 0.1 and .made == "2026-01-01T12:00:00.123Z" and .seen == "2026-01-01T12:00:00.5" and .sold == false
        and (has("doubled") | not)' "$DOC"
    jq -e '.businessData.products[1].facts == {"$json": "null"} and .businessData.products[1].big == 42' "$DOC"
    jq -e '.businessData["public.odd.name"] | length == 3' "$DOC"
    jq -e '.businessData["hr.people"] == [{"id": 1, "word": "boss"}]' "$DOC"
    pgstrand export --data "$DATA" --to-seq 0 2>/dev/null | jq -e '[.businessData.users[].name] | contains(["user 8"])'
}

@test "json-v2: an import restores like any other snapshot, every value the same and proven" {
    local id
    id=$(import "$FULL" --name imported)
    jq -e '.version == "2.0" and .same_device and .backup_type == "full-device" and .rows == 31' "$HARNESS/import.json"
    restore --to-snapshot "$id"
    jq -e '.tables | all(.proven)' "$HARNESS/restore.json"
    assert_same_tables "$(conninfo shop)" "$(conninfo "$target")" 'public.users' 'public.products' 'public."syncNodes"' 'public."odd.name"' \
        'hr.people' 'public.loose'
    database_drop "$target"
    restore --to-name imported --as other
    jq -e '.same_device == false and ([.tables[].table] | index("public.syncNodes") | not)' "$HARNESS/restore.json"
    pgstrand snapshots --data "$DATA" "$id" --json | jq -e '.description | test("version 2.0 .full-device., made 20.* by admin-1")'
    pgstrand verify --data "$DATA"
    # Nothing descends from it, and the own chain goes on as if it were not there.
    sql shop "INSERT INTO loose VALUES ('later'); DELETE FROM loose WHERE word = 'later'"
    pgstrand seal --data "$DATA" --json | jq -e '.type == "incremental"'
}

@test "json-v2: layout does not matter, and an import merges with original ids" {
    local id
    jq . "$DOC" >"$HARNESS/pretty.json"
    # jq has written numbers in its own way; the checksum is over the text.
    resum "$HARNESS/pretty.json" | jq . >"$HARNESS/pretty2.json"
    id=$(import "$HARNESS/pretty2.json")
    database_new "$target"
    pgstrand restore --data "$DATA" --target "$(conninfo "$target")" --quiet --as other
    sql "$target" "DELETE FROM users WHERE name = 'renamed'; UPDATE hr.people SET word = 'worker'"
    local i
    for i in 1 2; do
        pgstrand restore --data "$DATA" --target "$(conninfo "$target")" --mode merge --newer replace --conflicts replace --to-snapshot "$id" --quiet
        assert_same_tables "$(conninfo shop)" "$(conninfo "$target")" 'public.users' 'hr.people' 'public.loose'
    done
}

@test "json-v1: tables without metadata, as other programs write them, become a snapshot of an unknown node" {
    cat >"$HARNESS/v1.json" <<'EOF'
{ "version": "1.0", "createdAt": "2025-06-01T00:00:00Z",
  "users": [ {"id": "6F9619FF-8B86-D011-B42D-00CF4FC964FF", "name": "Ann", "born": "1999-02-03T00:00:00.000Z"} ],
  "products": [
    {"id": 7, "price": 12.5, "tags": ["a", "b \"q\"", null], "facts": {"k": [true, {"x": 1}]}, "made": "2025-06-01T10:20:30.400Z", "raw": {"type": "Buffer", "data": [1, 254]}, "sold": true},
    {"price": "3", "id": 8, "big": 5, "doubled": "6.00"} ],
  "syncNodes": [ {"id": 9, "secret": "of another device"} ],
  "sessions": [ {"token": "x"} ] }
EOF
    local id
    id=$(import "$HARNESS/v1.json") || complain "$(cat "$HARNESS/import.err")"
    jq -e '.version == "1" and (.same_device | not) and .tables == 3 and .rows == 4' "$HARNESS/import.json"
    grep -q 'sessions was left out: its tier is transient' "$HARNESS/import.err"
    restore --to-snapshot "$id"
    [ "$(sql "$target" "SELECT id, name, born FROM users")" = '6f9619ff-8b86-d011-b42d-00cf4fc964ff|Ann|1999-02-03' ]
    [ "$(sql "$target" "SELECT price, tags, facts, made AT TIME ZONE 'UTC', raw, sold, doubled FROM products WHERE id = 7")" = \
        '12.50|{a,"b \"q\"",NULL}|{"k": [true, {"x": 1}]}|2025-06-01 10:20:30.4|\x01fe|t|25.00' ]
    # What a row does not name gets the column's default.
    [ "$(sql "$target" "SELECT price, tags, sold, big FROM products WHERE id = 8")" = '3.00|{new}|f|5' ]
    [ "$(sql "$target" 'SELECT count(*) FROM "syncNodes"')" = 0 ]
    [ "$(sql "$target" "INSERT INTO products (price) VALUES (1) RETURNING id > 8")" = t ]
}

@test "version-checksum-gate: an unknown version or a wrong checksum is refused, and nothing has changed" {
    local before
    before=$(find "$DATA/snapshots" | sort)
    refused() {
        expect_exit "$1" "$2" pgstrand import --data "$DATA" "$HARNESS/bad.json"
        [ "$(find "$DATA/snapshots" | sort)" = "$before" ] || complain "something was left in the chain's folder"
        [ ! -e "$DATA/import" ]
    }
    jq -c '.metadata.version = "3.0"' "$DOC" >"$HARNESS/bad.json"
    refused 10 'version 3.0; known are 2.0'
    sed 's/renamed/RENAMED/' "$DOC" >"$HARNESS/bad.json"
    refused 10 'checksum of its businessData is wrong'
    sed 's/device-secret-1/device-secret-2/' "$FULL" >"$HARNESS/bad.json"
    refused 10 'checksum of its deviceData is wrong'
    jq -c 'del(.metadata.checksums)' "$DOC" >"$HARNESS/bad.json"
    refused 10 'no checksum of businessData'
    jq -c '.metadata.backupType = "business"' "$FULL" >"$HARNESS/bad.json"
    refused 10 'business backup and has deviceData'
    jq -c 'del(.metadata)' "$DOC" >"$HARNESS/bad.json"
    refused 10 'businessData and no metadata'
    sed 's/"dataset": "[^"]*"/"dataset": "00000000-0000-4000-8000-000000000000"/' "$DOC" >"$HARNESS/bad.json"
    refused 10 'of dataset 00000000'
    echo '{"version": "7", "users": []}' >"$HARNESS/bad.json"
    refused 10 'version "7"'
    echo '{"hello": "world"}' >"$HARNESS/bad.json"
    refused 10 'no table: it is no backup'
    head -c 3000 "$DOC" >"$HARNESS/bad.json"
    refused 10 'it ends in the middle of a value at byte 3001'
    : >"$HARNESS/bad.json"
    refused 10 'no valid JSON'
    rm "$HARNESS/bad.json"
    refused 12 'bad.json.*No such file'
}

@test "json-v1: what does not fit the schema is refused by name, or left out when asked for" {
    bad() {
        expect_exit "$1" "$2" pgstrand import --data "$DATA" "$HARNESS/bad.json"
    }
    echo '{"users": [], "gadgets": [{"id": 1}]}' >"$HARNESS/bad.json"
    bad 11 'no table gadgets'
    import --skip-unknown "$HARNESS/bad.json" >/dev/null
    grep -q 'gadgets was left out' "$HARNESS/import.err"
    echo '{"loose": [{"word": "a"}, {"word": "b", "colour": "red"}]}' >"$HARNESS/bad.json"
    bad 11 'row 2 has a column colour'
    import --skip-unknown "$HARNESS/bad.json" >/dev/null
    grep -q '1 values of columns' "$HARNESS/import.err"
    jq -e '.rows == 2' "$HARNESS/import.json"
    echo '{"hr.people": [{"word": "nobody"}]}' >"$HARNESS/bad.json"
    bad 10 'row 1 has no id, which is its key'
    echo '{"hr.people": [{"id": "one"}]}' >"$HARNESS/bad.json"
    bad 10 'hr.people.*invalid input syntax for type integer: "one"'
    echo '{"hr.people": [{"id": 1, "word": {"a": 1}}]}' >"$HARNESS/bad.json"
    bad 10 'column word: cannot hold an object'
    echo '{"hr.people": [{"id": 1, "word": "a\u0000b"}]}' >"$HARNESS/bad.json"
    bad 10 'NUL'
}

@test "an import and an export that are killed or have no room leave nothing behind" {
    local before fault code
    before=$(snapshot_count)
    for fault in kill:3 kill:9 kill:15 full:4 full:10 kill:2:.snap; do
        code=0
        PGSTRAND_IO_FAULT=$fault pgstrand import --data "$DATA" "$DOC" >/dev/null 2>&1 || code=$?
        [ "$code" -ne 0 ] || complain "import survived $fault"
        [ "$(snapshot_count)" = "$before" ]
    done
    import "$DOC" >/dev/null
    [ "$(snapshot_count)" = $((before + 1)) ]
    [ ! -e "$DATA/import" ] && [ -z "$(find "$DATA/snapshots" -name '*.part' -o -type d -empty)" ]
    rm -rf "$HARNESS/out"
    mkdir "$HARNESS/out"
    PGSTRAND_IO_FAULT=full:2:out/ pgstrand export --data "$DATA" --output "$HARNESS/out/x.json" >/dev/null 2>&1 && return 1
    [ -z "$(ls "$HARNESS/out")" ]
    echo old >"$HARNESS/out/x.json"
    PGSTRAND_IO_FAULT=kill:3:out/ pgstrand export --data "$DATA" --output "$HARNESS/out/x.json" >/dev/null 2>&1 && return 1
    [ "$(cat "$HARNESS/out/x.json")" = old ]
}

@test "snapshot-metadata and configuration: a snapshot's own page has versions, rows by table, sizes, settings and extensions, and no secret" {
    sed -i 's/^app_version =.*/app_version = 4.7-beta/' "$DATA/pgstrand.conf"
    local base id
    base=$(pgstrand snapshots --data "$DATA" --json | jq -r '[.[] | select(.name == null and .type == "full")][0].uuid')
    pgstrand snapshots --data "$DATA" "$base" --json | jq -e '.complete and (.checksum | length == 64) and .ratio > 0 and (.schema_version | length > 5)
        and ([.tables[] | select(.table == "public.users") | .rows] == [20]) and .device_name != null and .agent_version != null
        and (.config.settings | any(startswith("wal_level=logical"))) and (.config.settings | any(startswith("encoding=")))
        and (.config.extensions | any(startswith("plpgsql "))) and (.config.agent_conf | test("transient = sessions"))
        and (.config.agent_conf | test("host=") | not)'
    sql shop "INSERT INTO loose VALUES ('x')"
    id=$(pgstrand seal --data "$DATA" --name spring --description 'before the sale' --json 2>/dev/null | jq -r .uuid)
    pgstrand snapshots --data "$DATA" "$id" --json | jq -e '.app_version == "4.7-beta" and .name == "spring" and .description == "before the sale"
        and .type == "incremental" and .parent != null and .base != null and .actions >= 1'
    pgstrand snapshots --data "$DATA" spring | grep -q 4.7-beta
}

@test "memory stays bounded: a document many times larger than the memory allowed" {
    sql shop "INSERT INTO wide SELECT i, repeat(md5(i::text), 30) FROM generate_series(1, 60000) i"
    pgstrand wait --data "$DATA" --timeout 60 >/dev/null
    (
        ! memory_is_its_own || ulimit -d 65536
        pgstrand export --data "$DATA" --output "$HARNESS/wide.json" >/dev/null
        [ "$(stat -c %s "$HARNESS/wide.json")" -gt 57000000 ]
        import "$HARNESS/wide.json" >/dev/null
    )
    jq -e '.rows > 60000' "$HARNESS/import.json"
}
