# Merge: rows of a chain into a database that has rows of its own. What is newer stays, what both devices made is reported, what the
# source deleted is counted; twice is once.

bats_require_minimum_version 1.5.0

load ../lib/restoring

@test "preserve-ids-upsert: merge adds and changes, keeps what only the target has, and twice is once" {
    source_begin
    pgstrand restore --data "$src" --target "$(conninfo "$target")" >/dev/null
    sql "$target" "INSERT INTO people VALUES (50, '50@x', 'of the target'); INSERT INTO words VALUES ('mine', NULL)"
    sql "$source" "BEGIN; UPDATE pets SET person = NULL WHERE person = 10; UPDATE people SET id = 900 WHERE id = 10; COMMIT;
        UPDATE people SET note = 'new' WHERE id < 4; INSERT INTO people VALUES (11, '11@x', 'made'); INSERT INTO pets VALUES (11, 11, 'cat');
        DELETE FROM pets WHERE id = 9; INSERT INTO words VALUES ('same', '{\"a\": 1}'), ('more', NULL);
        INSERT INTO numbered (word) VALUES ('three'); UPDATE numbered SET word = 'zwei' WHERE id = 2"
    merge --dry-run --json 2>/dev/null >"$HARNESS/plan"
    assert_changes people "$HARNESS/plan" '[2,3,1,0,0,0]'
    target_has "SELECT count(*) FROM people WHERE note = 'new'" 0
    merge --json 2>"$HARNESS/said" >"$HARNESS/merged"
    assert_changes people "$HARNESS/merged" '[2,3,1,0,0,0]'
    assert_changes pets "$HARNESS/merged" '[1,1,0,0,0,1]'
    assert_changes words "$HARNESS/merged" '[2,0,0,0,0,0]'
    assert_changes numbered "$HARNESS/merged" '[1,1,0,0,0,0]'
    jq -e '.tables | all(.proven == false and .digest == null)' "$HARNESS/merged"
    grep -q 'rows that the source deleted, still there: 1' "$HARNESS/said"
    target_has 'SELECT count(*), count(DISTINCT id), max(id), min(note) FROM people' '12|12|900|made'
    target_has "SELECT word, count(*) FROM words GROUP BY 1 ORDER BY 1" $'mine|1\nmore|1\nsame|4'
    target_has "SELECT string_agg(word || up, ',' ORDER BY id) FROM numbered" 'one1,zwei1,three1'
    target_has "INSERT INTO numbered (word) VALUES ('four') RETURNING id" 4
    dump_tables "$(conninfo "$target")" "$HARNESS/once"
    # What the target remembers is not merged again; compared again it is equal.
    merge --json 2>"$HARNESS/said" | jq -e '.already_there and (.tables | all(.added == null))'
    grep -q 'already: nothing to do' "$HARNESS/said"
    merge --again --json 2>/dev/null | jq -e '[.tables[] | .added + .changed + .removed] | add == 0'
    dump_tables "$(conninfo "$target")" "$HARNESS/twice"
    assert_same_dumps "$HARNESS/once" "$HARNESS/twice"
    merge --deleted delete --json 2>/dev/null >"$HARNESS/merged"
    target_has 'SELECT count(*) FROM pets WHERE id = 9' 0
    target_has "SELECT count(*), min(times) FROM pgstrand.replay" '1|4'
    source_end
}

@test "merge: rows that TRUNCATE took are counted and deleted like others, also those of the base" {
    source_begin
    sql "$source" "CREATE TABLE tags (name text, n int, word text, PRIMARY KEY (name, n)); INSERT INTO tags SELECT 'tag', i, 'w' FROM generate_series(1, 8) i"
    pgstrand wait --data "$src" --timeout 60 >/dev/null
    pgstrand seal --data "$src" --type full --quiet >/dev/null
    pgstrand restore --data "$src" --target "$(conninfo "$target")" >/dev/null
    sql "$target" "INSERT INTO tags VALUES ('mine', 1, 'stays')"
    # One made before, one that moved, one deleted before it, one made again behind it.
    sql "$source" "INSERT INTO tags VALUES ('tag', 9, 'new'); UPDATE tags SET n = 20 WHERE n = 2; DELETE FROM tags WHERE n = 3;
        TRUNCATE pets, tags; INSERT INTO tags VALUES ('tag', 1, 'again'); INSERT INTO pets VALUES (5, 5, 'again')"
    merge --json 2>"$HARNESS/said" >"$HARNESS/merged"
    # Of tags 1 to 8: 1 is there again; 2 had moved to 20, which is gone; 3 was deleted.
    assert_changes pets "$HARNESS/merged" '[0,1,0,0,0,9]'
    assert_changes tags "$HARNESS/merged" '[0,1,0,0,0,7]'
    grep -q 'rows that the source deleted, still there: 9' "$HARNESS/said"
    merge --again --deleted delete --json 2>/dev/null >"$HARNESS/merged"
    assert_changes pets "$HARNESS/merged" '[0,0,9,0,0,0]'
    # The one that had moved was judged by the merge before: without the target's history it may be the target's own now.
    assert_changes tags "$HARNESS/merged" '[0,0,6,0,0,0]'
    target_has "SELECT string_agg(name || n || word, ',' ORDER BY name, n) FROM tags" 'mine1stays,tag1again,tag2w'
    target_has "SELECT string_agg(id || name, ',') FROM pets" '5again'
    merge --again --deleted delete --json 2>/dev/null | jq -e '[.tables[] | .added + .changed + .removed] | add == 0'
    source_end
}

@test "merge: unique values change places; what violates a constraint changes nothing" {
    source_begin
    pgstrand restore --data "$src" --target "$(conninfo "$target")" >/dev/null
    sql "$source" "BEGIN; UPDATE people SET email = 'tmp' WHERE id = 1; UPDATE people SET email = '1@x' WHERE id = 2;
        UPDATE people SET email = '2@x' WHERE id = 1; COMMIT"
    merge >/dev/null 2>&1
    target_has "SELECT string_agg(email, ',' ORDER BY id) FROM people WHERE id < 3" '2@x,1@x'
    sql "$target" "INSERT INTO people VALUES (60, 'taken@x')"
    sql "$source" "INSERT INTO pets VALUES (70, 1, 'fine'); INSERT INTO people VALUES (61, 'taken@x')"
    merge --quiet 2>"$HARNESS/said" && return 1
    grep -q 'nothing was changed: merging public.people.*people_email_key' "$HARNESS/said"
    [ "$(grep -c . "$HARNESS/said")" = 1 ]
    target_has 'SELECT count(*) FROM pets WHERE id = 70' 0
    # The target's foreign keys hold.
    sql "$target" 'DELETE FROM people WHERE id = 60; DELETE FROM pets WHERE id = 4; DELETE FROM people WHERE id = 4'
    sql "$source" "DELETE FROM pets WHERE id = 3; DELETE FROM people WHERE id = 3"
    sql "$target" "CREATE TABLE leans (person int REFERENCES people); INSERT INTO leans VALUES (3)"
    expect_exit 11 'leans_person_fkey' merge --deleted delete --quiet --tables people,pets
    target_has 'SELECT count(*) FROM people WHERE id IN (3, 61)' 1
    source_end
}

# Another device, whose database $target came from the source's chain and is captured by $other.
other_begin() {
    other=$BATS_TEST_TMPDIR/other
    pgstrand vault add --data "$src" shelf "file://$BATS_TEST_TMPDIR/shelf" >/dev/null
    pgstrand wait --data "$src" --timeout 60 >/dev/null
    pgstrand ship --data "$src" shelf >/dev/null
    pgstrand restore --data "$other" --from "file://$BATS_TEST_TMPDIR/shelf" --target "$(conninfo "$target")" >/dev/null 2>&1
    pgstrand init --data "$other" --source "$(conninfo "$target")" >/dev/null
    agent_start "$other"
}

other_end() {
    agent_stop "$other"
    pgstrand uninstall --data "$other" --yes >/dev/null
}

ship_source() {
    pgstrand wait --data "$src" --timeout 60 >/dev/null
    pgstrand seal --data "$src" --quiet >/dev/null
    pgstrand ship --data "$src" shelf >/dev/null
}

merge_shipped() {
    pgstrand restore --data "$other" --from "file://$BATS_TEST_TMPDIR/shelf" --target "$(conninfo "$target")" --mode merge --json "$@"
}

merge_other() {
    ship_source
    merge_shipped "$@"
}

@test "merge of another device: newer rows stay or give way, rows made on both are reported and never overwritten silently" {
    source_begin
    other_begin
    sql "$source" "UPDATE people SET note = 'source, early' WHERE id IN (1, 2); INSERT INTO people VALUES (101, '101@s', 'made on the source')"
    sql "$target" "UPDATE people SET note = 'target, late' WHERE id = 1; INSERT INTO people VALUES (101, '101@t', 'made on the target')"
    sql "$target" "UPDATE people SET note = 'target, early' WHERE id = 4"
    sql "$source" "UPDATE people SET note = 'source, late' WHERE id IN (3, 4)"
    merge_other 2>"$HARNESS/said" >"$HARNESS/merged"
    assert_changes people "$HARNESS/merged" '[0,3,0,1,1,0]'
    grep -q 'both devices made under one key: 1, .*(101)' "$HARNESS/said"
    target_has "SELECT string_agg(note, '; ' ORDER BY id) FROM people WHERE id IN (1, 2, 3, 4, 101)" \
        'target, late; source, early; source, late; source, late; made on the target'
    # The merge's own writes carry its origin, and are not newer than what comes after.
    pgstrand wait --data "$other" --timeout 60 >/dev/null
    sql "$source" "UPDATE people SET note = 'source, later' WHERE id IN (3, 101)"
    merge_other 2>/dev/null >"$HARNESS/merged"
    assert_changes people "$HARNESS/merged" '[0,1,0,1,1,0]'
    target_has "SELECT note FROM people WHERE id = 101" 'made on the target'
    merge_other --newer replace --conflicts replace 2>/dev/null >"$HARNESS/merged"
    assert_changes people "$HARNESS/merged" '[0,2,0,1,1,0]'
    target_has "SELECT string_agg(note, '; ' ORDER BY id) FROM people WHERE id IN (1, 101)" 'source, early; source, later'
    target_has "SELECT count(*) FROM pgstrand.conflict" 0
    # What the log does not have may be newer.
    agent_stop "$other"
    sql "$target" "UPDATE people SET note = 'target, unseen' WHERE id = 5"
    sql "$source" "UPDATE people SET note = 'source, unseen' WHERE id = 5"
    expect_exit 14 'start the agent, or --newer replace' merge_other --quiet --retries 0
    target_has 'SELECT note FROM people WHERE id = 5' 'target, unseen'
    pgstrand uninstall --data "$other" --yes >/dev/null
    source_end
}

@test "merge: rows that a rewrite told again are changed, not deleted or newer; one that had moved before it still moves" {
    source_begin
    sql "$source" "CREATE TABLE keys (id int PRIMARY KEY, v text); INSERT INTO keys SELECT i, 'v' || i FROM generate_series(1, 3) i"
    pgstrand wait --data "$src" --timeout 60 >/dev/null
    pgstrand seal --data "$src" --quiet >/dev/null
    pgstrand restore --data "$src" --target "$(conninfo "$target")" >/dev/null
    sql "$target" "INSERT INTO people VALUES (50, '50@x', 'of the target')"
    sql "$source" "BEGIN; UPDATE pets SET person = NULL WHERE person IN (4, 10); UPDATE people SET id = 900 WHERE id = 10; COMMIT;
        ALTER TABLE people ALTER note TYPE text USING upper(note); UPDATE people SET note = 'later' WHERE id = 3; DELETE FROM people WHERE id = 4;
        ALTER TABLE keys ALTER id TYPE int USING id + 100"
    pgstrand wait --data "$src" --timeout 60 >/dev/null
    pgstrand seal --data "$src" --quiet >/dev/null
    merge --dry-run --json 2>/dev/null >"$HARNESS/plan"
    merge --json 2>"$HARNESS/said" >"$HARNESS/merged"
    [ "$(changes_of people "$HARNESS/plan")" = '[1,8,1,0,0,1]' ]
    assert_changes people "$HARNESS/merged" '[1,8,1,0,0,1]'
    assert_changes keys "$HARNESS/merged" '[3,0,0,0,0,3]'
    assert_changes pets "$HARNESS/merged" '[0,2,0,0,0,0]'
    target_has "SELECT string_agg(id || note, ',' ORDER BY id) FROM people WHERE id IN (2, 3, 4, 10, 50, 900)" \
        '2OLD,3later,4old,50of the target,900OLD'
    merge --again --deleted delete --json 2>/dev/null >"$HARNESS/merged"
    assert_changes people "$HARNESS/merged" '[0,0,1,0,0,0]'
    target_has "SELECT string_agg(id || v, ',' ORDER BY id) FROM keys" '101v1,102v2,103v3'
    source_end
}

@test "merge of another device: a rewrite there makes no row newer than what the source changed before it, also of a table without key" {
    source_begin
    sql "$source" "CREATE TABLE plain (id int, v text); INSERT INTO plain SELECT i, 'old' FROM generate_series(1, 6) i"
    pgstrand wait --data "$src" --timeout 60 >/dev/null
    pgstrand seal --data "$src" --quiet >/dev/null
    other_begin
    sql "$source" "UPDATE people SET note = 'source' WHERE id IN (1, 2); UPDATE plain SET v = 'source' WHERE id IN (1, 2);
        INSERT INTO plain VALUES (10, 'made on the source')"
    sql "$target" "UPDATE people SET note = 'target' WHERE id = 2; ALTER TABLE people ALTER email TYPE text USING email || '';
        UPDATE plain SET v = 'target' WHERE id = 2; ALTER TABLE plain ALTER v TYPE text USING v || ''; INSERT INTO plain VALUES (10, 'made on the target')"
    sql "$target" 'ALTER TABLE plain ADD PRIMARY KEY (id)'
    pgstrand wait --data "$other" --timeout 60 >/dev/null
    [ "$(pgstrand log --data "$other" --json | jq -s '[.[] | select(.rewritten)] | length')" -eq 2 ]
    merge_other 2>"$HARNESS/said" >"$HARNESS/merged"
    assert_changes people "$HARNESS/merged" '[0,1,0,1,0,0]'
    assert_changes plain "$HARNESS/merged" '[0,1,0,1,1,0]'
    grep -q 'public.plain: rows that both devices made under one key: 1, .*(10)' "$HARNESS/said"
    target_has "SELECT string_agg(note, ',' ORDER BY id) FROM people WHERE id < 3" 'source,target'
    target_has "SELECT string_agg(v, ',' ORDER BY id) FROM plain WHERE id IN (1, 2, 3, 10)" 'source,target,old,made on the target'
    # Nor does one of the source that is the last thing that comes, with more behind it.
    sql "$target" "UPDATE people SET note = 'target, later' WHERE id = 3; UPDATE plain SET v = 'target, later' WHERE id = 3"
    pgstrand wait --data "$other" --timeout 60 >/dev/null
    sql "$source" "ALTER TABLE plain ALTER v TYPE text USING v || ''; INSERT INTO plain VALUES (11, 'with it')"
    sql "$source" "ALTER TABLE people ALTER email TYPE text USING email || ''"
    pgstrand wait --data "$src" --timeout 60 >/dev/null
    pgstrand seal --data "$src" --name rewritten --quiet >/dev/null
    sql "$source" "UPDATE people SET note = 'behind' WHERE id = 9"
    merge_other --to-name rewritten 2>/dev/null >"$HARNESS/merged"
    assert_changes people "$HARNESS/merged" '[0,0,0,2,0,0]'
    assert_changes plain "$HARNESS/merged" '[1,0,0,2,1,0]'
    target_has 'SELECT note FROM people WHERE id = 3' 'target, later'
    target_has "SELECT string_agg(v, ',' ORDER BY id) FROM plain WHERE id IN (3, 11)" 'target, later,with it'
    other_end
    source_end
}

@test "merge without superuser: triggers do not fire, foreign keys are there again" {
    source_begin
    pgstrand restore --data "$src" --target "$(conninfo "$target")" >/dev/null
    sql "$target" "DROP SCHEMA pgstrand CASCADE; CREATE RULE swallow AS ON INSERT TO people DO INSTEAD NOTHING;
        CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN RAISE 'fired'; END \$\$;
        CREATE TRIGGER spoil BEFORE DELETE OR INSERT ON pets FOR EACH ROW EXECUTE FUNCTION spoil()"
    keeper_owns "$target"
    sql "$source" "UPDATE people SET note = 'new' WHERE id = 1; INSERT INTO people VALUES (12, '12@x'); INSERT INTO pets VALUES (12, 12, 'dog')"
    pgstrand wait --data "$src" --timeout 60 >/dev/null
    pgstrand restore --data "$src" --target "$(conninfo_tcp "$target" keeper)" --mode merge --json >"$HARNESS/merged" 2>/dev/null
    assert_changes people "$HARNESS/merged" '[1,1,0,0,0,0]'
    target_has "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND convalidated" 1
    target_has "SELECT tgenabled FROM pg_trigger WHERE tgname = 'spoil'" O
    target_has "SELECT ev_enabled FROM pg_rewrite WHERE rulename = 'swallow'" O
    # The schema that keeper's restore made is no stranger's to init.
    target_has "SELECT nspowner::regrole FROM pg_namespace WHERE nspname = 'pgstrand'" keeper
    pgstrand init --data "$BATS_TEST_TMPDIR/there" --source "$(conninfo "$target")" >/dev/null
    target_has "SELECT nspowner::regrole FROM pg_namespace WHERE nspname = 'pgstrand'" postgres
    pgstrand uninstall --data "$BATS_TEST_TMPDIR/there" --yes >/dev/null
    sql "$target" 'ALTER TABLE people ENABLE ALWAYS RULE swallow'
    expect_exit 15 'rule swallow of public.people .* ENABLE ALWAYS' merge --quiet
    keeper_leaves "$target"
    source_end
}

# ---- rows that moved, rows that came back, rows that came late ----

@test "merge: a row that moved and was then deleted there stays without --deleted delete" {
    source_begin
    pgstrand restore --data "$src" --target "$(conninfo "$target")" >/dev/null
    sql "$target" 'DELETE FROM pets WHERE person > 5'
    sql postgres "CREATE DATABASE ${target}_too TEMPLATE $target"
    sql "$source" "DELETE FROM pets WHERE person > 5; UPDATE people SET id = 901 WHERE id = 6; UPDATE people SET id = 902 WHERE id = 901;
        DELETE FROM people WHERE id = 902; UPDATE people SET id = 911 WHERE id = 7; UPDATE people SET id = 912 WHERE id = 911;
        INSERT INTO people VALUES (902, '902@x', 'another')"
    # 8 moves away, another one takes its place and goes; the first comes back to it
    sql "$source" "UPDATE people SET id = 921 WHERE id = 8; INSERT INTO people VALUES (8, '8b@x'); DELETE FROM people WHERE id = 8;
        UPDATE people SET id = 8, note = 'back' WHERE id = 921"
    merge --json 2>/dev/null >"$HARNESS/merged"
    assert_changes people "$HARNESS/merged" '[2,1,1,0,0,1]'
    target_has "SELECT string_agg(id || note, ',' ORDER BY id) FROM people WHERE id > 5" '6old,8back,9old,10old,902another,912old'
    target=${target}_too
    merge --deleted delete --json 2>/dev/null >"$HARNESS/merged"
    assert_changes people "$HARNESS/merged" '[2,1,2,0,0,0]'
    target_has "SELECT string_agg(id || note, ',' ORDER BY id) FROM people WHERE id > 5" '8back,9old,10old,902another,912old'
    database_drop "$target"
    source_end
}

@test "merge: what the source has only from the target is not newer than the target's own changes" {
    source_begin
    other_begin
    pgstrand vault add --data "$other" back "file://$BATS_TEST_TMPDIR/back" >/dev/null
    sql "$target" "UPDATE people SET note = 'target, first' WHERE id IN (1, 2, 3)"
    pgstrand wait --data "$other" --timeout 60 >/dev/null
    pgstrand seal --data "$other" --quiet >/dev/null
    pgstrand ship --data "$other" back >/dev/null
    sql "$target" "UPDATE people SET note = 'target, second' WHERE id IN (1, 2); DELETE FROM pets WHERE id = 3"
    sleep 0.1
    pgstrand restore --data "$src" --from "file://$BATS_TEST_TMPDIR/back" --target "$(conninfo "$source")" --mode merge --quiet >/dev/null
    [ "$(sql "$source" "SELECT count(*) FROM people WHERE note = 'target, first'")" = 3 ]
    # a restore's own commit has its time
    pgstrand wait --data "$src" --timeout 60 >/dev/null
    pgstrand log --data "$src" --json | jq -s -e --arg now "$(sql "$source" "SELECT to_char((now() - interval '1 hour') AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS')")" \
        '[.[] | select(.origin != null)] | length > 0 and all(.time > $now)'
    sql "$source" "UPDATE people SET note = 'source, third' WHERE id = 2"
    merge_other 2>/dev/null >"$HARNESS/merged"
    assert_changes people "$HARNESS/merged" '[0,1,0,1,0,0]'
    target_has "SELECT string_agg(note, '; ' ORDER BY id) FROM people WHERE id < 4" 'target, second; source, third; target, first'
    other_end
    source_end
}

@test "merge: a change that was committed right before the lock and is not captured yet counts as newer" {
    source_begin
    other_begin
    sql "$source" "UPDATE people SET note = 'source' WHERE id IN (1, 2)"
    ship_source
    local pid merging
    pid=$(agent_pid "$other")
    # the writer's lock keeps the merge waiting behind its look at the log
    session_open writer "$target"
    say writer "BEGIN; UPDATE people SET note = 'target, at last' WHERE id = 1"
    merge_shipped >"$HARNESS/merged" 2>"$HARNESS/said" 3>&- &
    merging=$!
    wait_for 20 waits_for_lock "$target"
    kill -STOP "$pid"
    say writer COMMIT
    session_close writer
    sleep 0.7
    kill -CONT "$pid"
    wait "$merging" || complain "$(<"$HARNESS/said")"
    assert_changes people "$HARNESS/merged" '[0,1,0,1,0,0]'
    target_has "SELECT string_agg(note, '; ' ORDER BY id) FROM people WHERE id < 3" 'target, at last; source'
    other_end
    source_end
}

@test "idempotent-replay: merge leaves out values that the target's types refuse, too" {
    source_begin
    pgstrand restore --data "$src" --target "$(conninfo "$target")" >/dev/null
    sql "$target" "ALTER TABLE people ALTER note TYPE varchar(8); ALTER TABLE pets ALTER name TYPE varchar(6)"
    sql "$source" "UPDATE people SET note = 'number four' WHERE id = 4; UPDATE people SET note = 'fine' WHERE id = 5;
        INSERT INTO people VALUES (31, '31@x', 'number 31'), (32, '32@x', 'fine'); UPDATE pets SET name = 'long name' WHERE id = 2"
    expect_exit 11 'people.*too long' merge --quiet --tables people
    merge --on-error skip --json 2>"$HARNESS/said" >"$HARNESS/merged"
    jq -e '[.tables[] | select(.failed > 0) | {(.table): .failed}] | add == {"public.people": 2, "public.pets": 1}' "$HARNESS/merged"
    target_has "SELECT string_agg(id || note, ',' ORDER BY id) FROM people WHERE id IN (4, 5, 31, 32)" '4old,5fine,32fine'
    target_has 'SELECT name FROM pets WHERE id = 2' 'pet 2'
    pgstrand log --data "$src" --failed --json | jq -s -e 'map(.sqlstate) == ["22001", "22001", "22001"]'
    # Tried again: the rows that are there become what they should be, and nothing that refers to them goes.
    sql "$target" "ALTER TABLE people ALTER note TYPE text; ALTER TABLE pets ALTER name TYPE text;
        CREATE TABLE toys (id int PRIMARY KEY, pet int REFERENCES pets ON DELETE CASCADE); INSERT INTO toys VALUES (1, 2)"
    pgstrand workflow resume "$(pgstrand workflow list --data "$src" --json | jq -r '[.[] | select(.type == "REPLAY" and .left_out > 0)][0].uuid')" \
        --data "$src" 2>&1 | grep -q '3 of the rows that were left out are in the target now, 0 are not'
    target_has "SELECT string_agg(id || note, ',' ORDER BY id) FROM people WHERE id IN (4, 5, 31, 32)" '4number four,5fine,31number 31,32fine'
    target_has 'SELECT name, (SELECT count(*) FROM toys) FROM pets WHERE id = 2' 'long name|1'
    [ -z "$(pgstrand log --data "$src" --failed)" ]
    source_end
}

@test "a schema pgstrand of somebody else's is refused by every mode, and nothing is changed" {
    source_begin
    sql "$target" 'CREATE SCHEMA pgstrand; CREATE TABLE pgstrand.ours (n int)'
    local jobs mode
    for jobs in 1 2; do
        expect_exit 15 'schema pgstrand that pgstrand did not make' pgstrand restore --data "$src" --target "$(conninfo "$target")" --jobs "$jobs" --quiet
        [ "$(tables_of "$target")" = 0 ]
    done
    sql "$target" 'DROP SCHEMA pgstrand CASCADE'
    pgstrand restore --data "$src" --target "$(conninfo "$target")" >/dev/null
    sql "$target" "DROP SCHEMA pgstrand CASCADE; CREATE SCHEMA pgstrand; DELETE FROM pets"
    over_it() {
        pgstrand restore --data "$src" --target "$(conninfo "$target")" --mode "$mode" --quiet
    }
    for mode in replace merge; do
        sql "$target" 'CREATE TABLE pgstrand.ours (n int)'
        expect_exit 15 'schema pgstrand that pgstrand did not make' over_it
        sql "$target" 'DROP TABLE pgstrand.ours'
        expect_exit 15 'schema pgstrand that pgstrand did not make' over_it
        target_has 'SELECT count(*) FROM pets' 0
    done
    source_end
}
