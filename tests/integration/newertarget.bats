# snapshot-migrations: an older snapshot into a database whose schema went on: columns by number, name and place, defaults for new
# ones, dropped ones reported. A newer snapshot into an older database is refused before anything changes.

bats_require_minimum_version 1.5.0

load ../lib/restoring

setup() {
    untraced
    restoring_begin
    source_begin
    pgstrand restore --data "$src" --target "$(conninfo "$target")" >/dev/null
}

teardown() {
    source_end
    restoring_end
}

from_source() {
    pgstrand restore --data "$src" --target "$(conninfo "$target")" "$@"
}

# What the schema did meanwhile.
newer="ALTER TABLE people RENAME email TO mail; ALTER TABLE people DROP COLUMN note;
    ALTER TABLE people ADD COLUMN born date NOT NULL DEFAULT '2000-01-01'; ALTER TABLE pets ALTER id TYPE bigint;
    ALTER TABLE pets RENAME person TO owner; ALTER TABLE words DROP COLUMN word; CREATE TABLE later (n int); INSERT INTO later VALUES (1)"

@test "replace: an older snapshot into a newer database" {
    sql "$target" "$newer"
    local said
    from_source --mode replace --json 2>"$HARNESS/said" >"$HARNESS/replaced"
    jq -e '.tables | length == 4 and all(.proven)' "$HARNESS/replaced"
    said=$(grep 'is newer on the target' "$HARNESS/said")
    [[ $said == *'public.people is newer on the target: column note was dropped there: its values stay behind; column email is mail there; column born is new there'* ]] || complain "$said"
    [[ $said == *'public.pets is newer on the target: column person is owner there'* ]] || complain "$said"
    [[ $said == *'public.words is newer on the target: column word was dropped there'* ]] || complain "$said"
    target_has "SELECT count(*), min(mail), count(DISTINCT born) FROM people" '10|10@x|1'
    target_has 'SELECT count(*), sum(owner) FROM pets' '10|55'
    target_has 'SELECT count(*), min(doc::text) FROM words' '3|{"a": 1}'
    target_has 'SELECT n FROM later' 1
}

@test "merge: an older snapshot into a newer database, whose own columns keep their values" {
    sql "$target" "$newer; UPDATE people SET born = '1990-01-01' WHERE id IN (2, 9); DELETE FROM pets WHERE id = 9"
    sql "$source" "UPDATE people SET email = 'two@x' WHERE id = 2; DELETE FROM pets WHERE id = 9; UPDATE people SET id = 99 WHERE id = 9;
        INSERT INTO people VALUES (11, '11@x', 'made')"
    merge --json 2>/dev/null >"$HARNESS/merged"
    assert_changes people "$HARNESS/merged" '[2,1,1,0,0,0]'
    target_has "SELECT string_agg(concat_ws(' ', id, mail, born), ',' ORDER BY id) FROM people WHERE id IN (1, 2, 9, 11, 99)" \
        '1 1@x 2000-01-01,2 two@x 1990-01-01,11 11@x 2000-01-01,99 9@x 1990-01-01'
    merge --again --json 2>/dev/null | jq -e '[.tables[] | .added + .changed + .removed] | add == 0'
}

@test "replace of the captured database itself: by attribute number" {
    local before
    before=$(pgstrand wait --data "$src" --timeout 60)
    sql "$source" "ALTER TABLE people RENAME note TO remark; ALTER TABLE people DROP COLUMN email; ALTER TABLE people ADD COLUMN email int DEFAULT 7;
        UPDATE people SET remark = 'new'; ALTER TABLE pets RENAME name TO called; ALTER TABLE pets ADD COLUMN more text"
    pgstrand wait --data "$src" --timeout 60 >/dev/null
    expect_exit 11 'column email of .*public.people has another type' \
        pgstrand restore --data "$src" --target "$(conninfo "$source")" --mode replace --to-seq "$before" --quiet
    sql "$source" 'ALTER TABLE people RENAME email TO age'
    pgstrand wait --data "$src" --timeout 60 >/dev/null
    pgstrand restore --data "$src" --target "$(conninfo "$source")" --mode replace --to-seq "$before" --json 2>"$HARNESS/said" |
        jq -e '.tables | all(.proven)'
    grep -q 'public.people is newer .* column note is remark there; column email was dropped there' "$HARNESS/said"
    [ "$(sql "$source" 'SELECT count(*), min(remark), min(age) FROM people')" = '10|old|7' ]
    [ "$(sql "$source" "SELECT count(*), min(called) FROM pets")" = '10|pet 1' ]
}

@test "a newer snapshot into an older database is refused, an earlier seq is not" {
    local before mode
    before=$(pgstrand wait --data "$src" --timeout 60)
    sql "$source" "ALTER TABLE pets ADD COLUMN born date; UPDATE people SET note = 'new'"
    pgstrand seal --data "$src" --quiet >/dev/null
    for mode in replace merge; do
        expect_exit 11 'the snapshot is newer than the target: table public.pets has no column born there' from_source --mode "$mode" --quiet
        target_has "SELECT count(*) FROM people WHERE note = 'new'" 0
    done
    # a column of the target's own is not taken for it
    sql "$target" 'ALTER TABLE pets ADD COLUMN adopted date'
    expect_exit 11 'newer than the target: table public.pets has no column born' from_source --mode replace --quiet
    from_source --mode replace --to-seq "$before" >/dev/null 2>&1
    sql "$source" 'CREATE TABLE newest (id int PRIMARY KEY)'
    pgstrand seal --data "$src" --quiet >/dev/null
    sql "$target" 'ALTER TABLE pets RENAME adopted TO born'
    expect_exit 11 'the target has no table public.newest' from_source --mode merge --quiet
    sql "$target" 'CREATE TABLE newest (id int PRIMARY KEY)'
    from_source --mode replace --quiet >/dev/null
    target_has "SELECT count(*) FROM people WHERE note = 'new'" 10
}

@test "what a newer database cannot take is refused before anything changes" {
    sql "$target" 'DELETE FROM words'
    refused() {
        expect_exit 11 "$1" from_source --mode replace --quiet || return 1
        expect_exit 11 "$1" from_source --mode merge --quiet || return 1
        target_has 'SELECT count(*) FROM words' 0
    }
    sql "$target" 'ALTER TABLE words ADD COLUMN must int NOT NULL'
    refused 'column must of the target.s table public.words is new there, NOT NULL and without a default'
    sql "$target" 'ALTER TABLE words DROP COLUMN must; ALTER TABLE people ALTER id TYPE smallint'
    refused 'column id of the target.s table public.people has another type'
    sql "$target" 'ALTER TABLE people ALTER id TYPE int; ALTER TABLE pets DROP COLUMN id'
    refused 'column id of public.pets, part of the key of the chain.s rows, was dropped'
    sql "$target" 'ALTER TABLE pets ADD COLUMN id int GENERATED ALWAYS AS (person) STORED'
    refused 'column id of the target.s table public.pets is generated there'
}
