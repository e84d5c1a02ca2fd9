# restoring: what the tests of restore share. Load it at the top of a bats file: it brings onecluster.bash along, and an empty database
# $target for each test. A file that needs more defines these functions again.
#
#   captured_begin SQL [CONF]          in setup_file: a harness, a cluster, database shop made by the SQL and captured in $DATA with this
#                                      configuration; the agent runs
#   restoring_begin | restoring_end    in setup and teardown: an empty database $target for the test, and its end
#   restore ARGS...                    restores from $DATA into $target
#   target_has QUERY WANTED
#   tables_of DB                       how many tables it has in public
#   oid_of DB                          nothing when there is no such database
#   source_begin | source_end          a captured database of the test's own: $source, with data directory $src; some people, pets
#                                      and words in it
#   merge ARGS...                      from $src into $target, after everything committed was captured
#   changes_of TABLE FILE              [added, changed, removed, newer, conflicts, left] of a table in restore's JSON
#   assert_changes TABLE FILE WANTED
#   keeper_owns DB                     role keeper, who is no superuser, owns the database and its tables; keeper_leaves DB

source "${BASH_SOURCE[0]%/*}/onecluster.bash"

setup() {
    untraced
    restoring_begin
}

teardown() {
    restoring_end
}

captured_begin() {
    onecluster_begin
    export DATA=$HARNESS/data
    database_new shop
    sql shop "$1"
    printf '%s\n' "${2:-}" >"$HARNESS/start.conf"
    pgstrand init --data "$DATA" --source "$(conninfo shop)" --config "$HARNESS/start.conf" >"$HARNESS/init.out"
    agent_start "$DATA"
}

restoring_begin() {
    target=r$BATS_TEST_NUMBER
    database_new "$target"
}

restoring_end() {
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

oid_of() {
    sql postgres "SELECT oid FROM pg_database WHERE datname = '$1'"
}

source_begin() {
    src=$BATS_TEST_TMPDIR/data
    source=src$BATS_TEST_NUMBER
    database_new "$source"
    sql "$source" "CREATE TABLE people (id int PRIMARY KEY, email text UNIQUE, note text);
        CREATE TABLE pets (id int PRIMARY KEY, person int REFERENCES people, name text CHECK (name <> 'spoiled'));
        CREATE TABLE words (word text, doc json);
        CREATE TABLE numbered (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, up int GENERATED ALWAYS AS (1) STORED, word text);
        INSERT INTO people SELECT i, i || '@x', 'old' FROM generate_series(1, 10) i;
        INSERT INTO pets SELECT i, i, 'pet ' || i FROM generate_series(1, 10) i;
        INSERT INTO words SELECT 'same', '{\"a\": 1}' FROM generate_series(1, 3);
        INSERT INTO numbered (word) VALUES ('one'), ('two')"
    pgstrand init --data "$src" --source "$(conninfo "$source")" >/dev/null
    agent_start "$src"
}

source_end() {
    agent_stop "$src"
    pgstrand uninstall --data "$src" --yes >/dev/null
    database_drop "$source"
}

merge() {
    pgstrand wait --data "$src" --timeout 60 >/dev/null
    pgstrand restore --data "$src" --target "$(conninfo "$target")" --mode merge "$@"
}

# added, changed, removed, newer, conflicts, left of a table
changes_of() {
    jq -c --arg table "public.$1" '.tables[] | select(.table == $table) | [.added, .changed, .removed, .newer, .conflicts, .left]' "$2"
}

assert_changes() {
    local got
    got=$(changes_of "$1" "$2")
    [ "$got" = "$3" ] || complain "$1: got $got, wanted $3"
}

keeper_owns() {
    sql "$1" "CREATE ROLE keeper LOGIN; ALTER DATABASE $1 OWNER TO keeper;
        DO \$\$ DECLARE t record; BEGIN FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
            EXECUTE format('ALTER TABLE public.%I OWNER TO keeper', t.tablename); END LOOP; END \$\$"
}

keeper_leaves() {
    sql "$1" 'REASSIGN OWNED BY keeper TO postgres'
    sql postgres "ALTER DATABASE $1 OWNER TO postgres; DROP ROLE keeper"
}
