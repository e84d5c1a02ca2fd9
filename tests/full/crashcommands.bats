# Commands that change a data directory, a vault or a database, killed before and after each of their crash points, or at each place in the
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
    untraced
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

killed_vault_prune() {
    rm -rf "$HARNESS/kept"
    cp -a "$HARNESS/kept.all" "$HARNESS/kept"
    crash_command "$1" prune --data "$ORACLE_DATA" --vault kept --fulls 1 || return 1
    pgstrand verify --from "$HARNESS/kept" >/dev/null || return 1
    pgstrand prune --data "$ORACLE_DATA" --vault kept --fulls 1 --quiet >/dev/null || return 1
    [ "$(find "$HARNESS/kept" -name '*.snap' | wc -l)" = 1 ] || complain "there are $(find "$HARNESS/kept" -name '*.snap')" || return 1
    pgstrand verify --from "$HARNESS/kept" >/dev/null
}

@test "prune of a vault killed at each place: what is kept verifies, and the next call goes on" {
    agent_start "$ORACLE_DATA"
    pgstrand seal --data "$ORACLE_DATA" --type full --quiet
    agent_stop "$ORACLE_DATA"
    pgstrand vault add --data "$ORACLE_DATA" kept "$HARNESS/kept" --backup-type full-device >/dev/null
    pgstrand ship --data "$ORACLE_DATA" kept --quiet >/dev/null
    mv "$HARNESS/kept" "$HARNESS/kept.all"
    places killed_vault_prune
    database_again crash_target
    pgstrand restore --data "$ORACLE_DATA" --from kept --target "$(conninfo crash_target)" --quiet >/dev/null
    pgstrand vault remove --data "$ORACLE_DATA" kept >/dev/null
}

row_of() {
    pgstrand entity --data "$COPY" acct 7 --json
}

killed_index() {
    copy_anew
    rm -rf "$COPY/index"
    crash_command "$1" entity --data "$COPY" acct 7 || return 1
    row_of | cmp - "$HARNESS/row" || return 1
    [ -n "$(ls "$COPY/index")" ] && [ -z "$(ls "$COPY/index" | grep -v '\.run$')" ] || complain "index: $(ls "$COPY/index")" || return 1
    row_of | cmp - "$HARNESS/row"
}

@test "the index of rows killed at each place while it is made: the next call answers the same" {
    agent_start "$ORACLE_DATA"
    oracle_sql "INSERT INTO journal (session, what) SELECT 4, 'many' FROM generate_series(1, 21000); UPDATE acct SET balance = 1 WHERE id = 7"
    pgstrand wait --data "$ORACLE_DATA" >/dev/null
    agent_stop "$ORACLE_DATA"
    copy_anew
    row_of >"$HARNESS/row"
    jq -e '.history | length > 0' "$HARNESS/row"
    places killed_index
}

identity_says() {
    jq -r "$1" "$HARNESS/identity"
}

# The device of before has its own key or none; what was begun is told, and what to do.
identity_of_before() {
    local begun
    begun=$(find "$COPY" -maxdepth 1 -name 'log.*' -o -maxdepth 1 -name 'device.key.*')
    [ -z "$begun" ] || grep -q 'was interrupted before there was another identity: run it again' "$HARNESS/said" || complain "nobody tells of $begun" || return 1
    [ "$(identity_says .device_key)" = "$1" ] || { [ "$(identity_says .device_key)" = null ] && grep -q 'pgstrand identity new makes another' "$HARNESS/said"; } ||
        complain "a device key of nobody is shown: $(identity_says .device_key)"
}

killed_identity() {
    local node key
    rm -rf "$COPY"
    cp -a "$HARNESS/left" "$COPY"
    read -r node key < <(pgstrand identity --data "$COPY" --json | jq -r '"\(.node) \(.device_key)"')
    crash_command "$1" identity new --data "$COPY" --yes || return 1
    # A recovery key is shown when it is the node's, and then it is the right one.
    pgstrand identity --data "$COPY" --json >"$HARNESS/identity" 2>"$HARNESS/said" || return 1
    if [ "$(identity_says .node)" = "$node" ]; then
        identity_of_before "$key" || return 1
    else
        [ "$(identity_says .device_key)" != null ] && [ "$(identity_says .device_key)" != "$key" ] && [ ! -s "$HARNESS/said" ] ||
            complain "the new one: $(cat "$HARNESS/identity" "$HARNESS/said")" || return 1
    fi
    identity_says '.recovery_key // empty' >"$HARNESS/recovery"
    [ ! -s "$HARNESS/recovery" ] || { [ "$(identity_says .node)" != "$node" ] &&
        pgstrand identity certify --data "$COPY" --recovery-key "$HARNESS/recovery" >/dev/null; } || complain 'a recovery key of nobody is shown' || return 1
    [ "$(identity_says .node)" != "$node" ] || pgstrand identity new --data "$COPY" --yes --quiet >/dev/null || return 1
    [ "$(pgstrand identity --data "$COPY" --json | jq -r .node)" != "$node" ] || complain 'it is the node that it was' || return 1
    cmp "$COPY"/device.key.* "$HARNESS/left/device.key" || complain 'the key of before is lost' || return 1
    [ "$(find "$COPY" -maxdepth 1 -name 'log.*' | wc -l)" = 1 ] && [ -z "$(find "$COPY" -name '*.part')" ] ||
        complain "there is $(ls "$COPY")" || return 1
    pgstrand init --yes --quiet --data "$COPY" --source "$(conninfo gone)" >/dev/null && pgstrand verify --data "$COPY" >/dev/null || return 1
    pgstrand uninstall --data "$COPY" --yes --quiet >/dev/null
}

@test "a new identity killed at each place: the old one or a new one, whose keys are there, and the next call makes one" {
    database_again gone
    sql gone "CREATE TABLE t (id int PRIMARY KEY)"
    pgstrand init --yes --quiet --data "$HARNESS/left" --source "$(conninfo gone)" >/dev/null
    agent_start "$HARNESS/left"
    agent_stop "$HARNESS/left"
    pgstrand uninstall --data "$HARNESS/left" --keep-data --yes --quiet >/dev/null
    places killed_identity
}
