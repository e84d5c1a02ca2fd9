# Commands that change a data directory or a database, killed before and after each of their crash points, or at each place in the
# program where there are many (lib/crashpoints.bash); and each of their file operations fails once: the next call completes.

load ../lib/onecluster
load ../lib/oracle
load ../lib/crashpoints

setup_file() {
    onecluster_begin
    crash_fresh shop
    export ORACLE_DB ORACLE_DATA ORACLE_FILES
}

setup() {
    COPY=$HARNESS/copy
}

# sweep COMMAND...: before and after each crash point, in a copy of the data directory.
sweep() {
    crash_sweep kill 1 1 "$@"
    crash_sweep killafter 1 1 "$@"
    crash_places fail '' "$@"
    rm -rf "$COPY"
}

# places COMMAND...: before and after each place in the program, in the same way.
places() {
    crash_places kill '' "$@"
    crash_places killafter '' "$@"
    crash_places fail '' "$@"
    rm -rf "$COPY"
}

copy_anew() {
    rm -rf "$COPY"
    cp -a "$ORACLE_DATA" "$COPY"
}

restores() {
    database_again crash_target
    pgstrand restore --data "$COPY" --target "$(conninfo crash_target)" --quiet >/dev/null || return 1
    oracle_rows "$(conninfo "$ORACLE_DB")" >"$ORACLE_FILES/wanted"
    oracle_rows "$(conninfo crash_target)" >"$ORACLE_FILES/restored"
    oracle_same_rows "$ORACLE_FILES/wanted" "$ORACLE_FILES/restored" restored
}

counted() {
    pgstrand snapshots --data "$COPY" --json | jq "[.[] | $1] | length"
}

killed_prune() {
    copy_anew
    crash_command "$1" prune --data "$COPY" --fulls 1 || return 1
    pgstrand verify --data "$COPY" >/dev/null && restores || return 1
    pgstrand prune --data "$COPY" --fulls 1 --quiet >/dev/null || return 1
    [ "$(find "$COPY/snapshots" -name '*.snap' | wc -l)" = 2 ] && [ "$(counted 'select(.pruned)')" = 6 ] ||
        complain "there are $(ls "$COPY/snapshots")" || return 1
    pgstrand verify --data "$COPY" >/dev/null && restores
}

@test "prune killed at each crash point: what is kept verifies and restores, and the next call goes on" {
    agent_start "$ORACLE_DATA"
    pgstrand seal --data "$ORACLE_DATA" --type full --quiet
    crash_work
    pgstrand seal --data "$ORACLE_DATA" --quiet
    oracle_sql "INSERT INTO journal (session, what) VALUES (3, 'after')"
    pgstrand wait --data "$ORACLE_DATA" >/dev/null
    pgstrand seal --data "$ORACLE_DATA" --type full --quiet
    oracle_sql "INSERT INTO journal (session, what) VALUES (3, 'last')"
    pgstrand wait --data "$ORACLE_DATA" >/dev/null
    agent_stop "$ORACLE_DATA"
    pgstrand snapshots --data "$ORACLE_DATA" >&2
    sweep killed_prune
}

killed_import() {
    local before
    copy_anew
    before=$(counted .)
    crash_command "$1" import --data "$COPY" "$HARNESS/doc.json" || return 1
    pgstrand verify --data "$COPY" >/dev/null || return 1
    [ "$crash_whole" = yes ] || pgstrand import --data "$COPY" "$HARNESS/doc.json" --quiet >/dev/null || return 1
    [ "$(counted .)" -gt "$before" ] || complain 'nothing was imported' || return 1
    # What could not be removed is said, and the next one removes it.
    [[ $1 == fail* ]] || [ ! -e "$COPY/import" ] && [ -z "$(find "$COPY" -name '*.part')" ] || complain "left: $(find "$COPY" -name '*.part' -o -name import)" || return 1
    pgstrand verify --data "$COPY" >/dev/null && restores
}

@test "import killed at each place: the chain is whole, and the next call imports" {
    pgstrand export --data "$ORACLE_DATA" --output "$HARNESS/doc.json" --quiet >/dev/null
    places killed_import
}

killed_export() {
    mkdir -p "$COPY.out"
    rm -f "$COPY.out"/*
    echo old >"$COPY.out/doc.json"
    crash_command "$1" export --data "$ORACLE_DATA" --output "$COPY.out/doc.json" || return 1
    [ "$(head -c 3 "$COPY.out/doc.json")" = old ] || jq -e .metadata "$COPY.out/doc.json" >/dev/null || complain 'half a document' || return 1
    pgstrand export --data "$ORACLE_DATA" --output "$COPY.out/doc.json" --quiet >/dev/null || return 1
    jq -e '.metadata and (.businessData | length > 3)' "$COPY.out/doc.json" >/dev/null || return 1
    [ "$(ls -A "$COPY.out")" = doc.json ] && [ -z "$(ls "$ORACLE_DATA/spool" 2>/dev/null)" ] ||
        complain "left: $(ls -A "$COPY.out" "$ORACLE_DATA/spool")"
}

@test "export killed at each place: the old document or the new one, and nothing beside it" {
    places killed_export
}

left_in_database() {
    sql gone "SELECT count(*) FROM pg_publication UNION ALL SELECT count(*) FROM pg_event_trigger
        UNION ALL SELECT count(*) FROM pg_namespace WHERE nspname = 'pgstrand'
        UNION ALL SELECT count(*) FROM pg_replication_slots WHERE database = 'gone'
        UNION ALL SELECT count(*) FROM pg_class WHERE relreplident = 'f'" | tr '\n' ' '
}

killed_uninstall() {
    rm -rf "$COPY"
    pgstrand init --yes --quiet --data "$COPY" --source "$(conninfo gone)" >/dev/null || return 1
    crash_command "$1" uninstall --data "$COPY" --yes || return 1
    [ ! -e "$COPY/catalog.mdb" ] || pgstrand uninstall --data "$COPY" --yes --quiet >/dev/null || return 1
    [ "$(left_in_database)" = '0 0 0 0 0 ' ] || complain "left: $(left_in_database)" || return 1
    # Its catalogue is the last but one that goes: then it is no data directory any more.
    [ ! -e "$COPY" ] || [ -z "$(ls -A "$COPY" | grep -vx -e catalog.mdb-lock -e pgstrand.conf)" ] || complain "left: $(ls -A "$COPY")"
}

@test "uninstall killed at each place: the next call takes the rest" {
    database_new gone
    sql gone "CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE loose (a int)"
    places killed_uninstall
}
