# The command's contract with its users and their scripts: JSON shapes, exit codes, one-line errors.

load ../lib/onecluster

setup_file() {
    onecluster_begin
    database_new shop
    sql shop "CREATE TABLE orders (id serial PRIMARY KEY, customer text, status text, total numeric(10,2), document text);
        ALTER TABLE orders ALTER document SET STORAGE EXTERNAL;
        CREATE TABLE sync_log (id bigserial PRIMARY KEY, msg text);
        CREATE TABLE notes (body text);
        INSERT INTO orders (customer, status, total, document)
            SELECT 'customer ' || i, 'new', i, repeat('x', 3000) FROM generate_series(1, 100) i;
        INSERT INTO sync_log (msg) SELECT 'm' || i FROM generate_series(1, 20) i"
    printf '[tiers]\ndevice = sync_*\n[seal]\ninterval = 0\nactions = 0\nbytes = 0\n' >"$HARNESS/start.conf"
    export DATA=$HARNESS/data
    pgstrand init --data "$DATA" --source "$(conninfo shop)" --config "$HARNESS/start.conf" --device-name 'till 3' \
        --json >"$HARNESS/init.json" 2>"$HARNESS/init.err"
    agent_start "$DATA"
}

p() {
    pgstrand "$1" --data "$DATA" "${@:2}"
}

# has_keys FILTER KEY...: the object that the filter finds on stdin has all these keys.
has_keys() {
    local filter=$1
    shift
    jq -e --args "$filter | . as \$o | \$ARGS.positional - (\$o | keys) | . == [] or error(\"missing: \\(.)\")" "$@" >/dev/null
}

@test "init prints one JSON document with every table, its tier and why, and the recovery key" {
    jq -e '.tables | map({(.table): [.tier, .rule]}) | add ==
        {"public.notes": ["business", "default"], "public.orders": ["business", "default"],
         "public.sync_log": ["device", "sync_*"]}' "$HARNESS/init.json"
    jq -e '.recovery_key | test("^([0-9a-f]{8}-){7}[0-9a-f]{8}$")' "$HARNESS/init.json"
    jq -e '.rows == 120 and (.snapshot | length == 36)' "$HARNESS/init.json"
    # the connection and the rules were taken over into the data directory, with a comment at every setting
    grep -q '^device = sync_\*$' "$DATA/pgstrand.conf"
    grep -q '^conninfo = .*dbname=.*shop' "$DATA/pgstrand.conf"
    [ "$(grep -c '^# Default: ' "$DATA/pgstrand.conf")" -ge 10 ]
}

@test "init again changes nothing, and says so" {
    slots=$(sql shop 'SELECT slot_name, restart_lsn IS NOT NULL FROM pg_replication_slots')
    p init --source "$(conninfo shop)" | grep -q 'captured already'
    [ "$(sql shop 'SELECT slot_name, restart_lsn IS NOT NULL FROM pg_replication_slots')" = "$slots" ]
}

@test "init --dry-run shows the plan and makes nothing" {
    database_new untouched
    sql untouched 'CREATE TABLE t (id int PRIMARY KEY)'
    pgstrand init --data "$HARNESS/dry" --source "$(conninfo untouched)" --dry-run --json |
        jq -e '.tables == [{table: "public.t", tier: "business", rule: "default", other_tier: null,
            replica_identity: "primary key", partitioned: false, bytes: .tables[0].bytes}]'
    [ ! -e "$HARNESS/dry" ]
    [ "$(sql untouched "SELECT count(*) FROM pg_publication")" = 0 ]
    [ "$(sql untouched "SELECT count(*) FROM pg_replication_slots WHERE database = 'untouched'")" = 0 ]
    database_drop untouched
}

@test "status is healthy, with the keys that scripts rely on" {
    p wait >/dev/null
    p status --json >"$HARNESS/status.json"
    has_keys . node device incarnation dataset seq durable_lsn server_lsn lag_bytes lag_seconds slot last_snapshot healthy \
        problems <"$HARNESS/status.json"
    jq -e '.healthy and .problems == [] and .slot == "ok" and .device_name == "till 3"' "$HARNESS/status.json"
    p status | grep -q '^health  *healthy$'
}

@test "wait prints the seq, and everything committed before is in the log" {
    before=$(p wait)
    sql shop "INSERT INTO notes SELECT 'n' || i FROM generate_series(1, 50) i"
    [ "$(p wait)" -eq $((before + 50)) ]
    p wait --json | jq -e '.seq == '$((before + 50))' and (.lsn | test("^[0-9A-F]+/[0-9A-F]+$"))'
    p wait --verbose 2>&1 >/dev/null | grep -Eq '^pgstrand: everything up to [0-9A-F]+/[0-9A-F]+ is durable$'
}

@test "wait does not hang on an idle server that is ahead of what it has flushed" {
    # an aborted transaction writes WAL that nobody flushes
    for _ in 1 2 3 4 5; do
        sql shop "BEGIN; INSERT INTO notes VALUES ('gone'); ROLLBACK"
        p wait --timeout 60 >/dev/null
    done
    seq=$(p wait)
    [ "$(p wait)" = "$seq" ] # and waiting leaves nothing in the log
}

@test "wait gives up in time: exit 14, how far it is and whether the agent runs" {
    expect_exit 14 'short of FFFFFFFF/0; the agent is running' p wait --lsn FFFFFFFF/0 --timeout 0.3
    expect_exit 10 'is not an LSN' p wait --lsn nonsense
}

@test "log: one JSON object an action, by column name" {
    from=$(($(p wait) + 1))
    sql shop "INSERT INTO orders (customer, status, total) VALUES ('ann', 'new', 3)"
    id=$(sql shop "SELECT max(id) FROM orders")
    sql shop "SELECT pgstrand.set_context('ann', 'till 3'); UPDATE orders SET status = 'paid' WHERE id = 5; DELETE FROM orders WHERE id = $id; TRUNCATE sync_log"
    p wait >/dev/null
    p log --from-seq "$from" --json >"$HARNESS/log.json"
    [ "$(wc -l <"$HARNESS/log.json")" -eq 4 ]
    while read -r line; do
        has_keys . seq uuid kind table entity old new lsn xid time user session <<<"$line"
    done <"$HARNESS/log.json"
    jq -se --arg id "$id" --argjson from "$from" '
        map(.seq) == [$from, $from + 1, $from + 2, $from + 3] and
        map(.kind) == ["CREATE", "UPDATE", "DELETE", "TRUNCATE"] and
        .[0].new == {id: $id, customer: "ann", status: "new", total: "3.00", document: null} and .[0].old == null and
        .[1].new.status == "paid" and (.[1].new | has("document") | not) and .[1].unchanged == ["document"] and
        .[2].old == {id: $id} and .[2].new == null and .[0].entity == .[2].entity and
        .[3].table == "public.sync_log" and .[1].xid == .[2].xid and
        map([.user, .session]) == [[null, null], ["ann", "till 3"], ["ann", "till 3"], ["ann", "till 3"]]' "$HARNESS/log.json"
}

@test "log: filters by table, transaction, entity and range" {
    seq=$(p wait)
    sql shop "UPDATE orders SET total = 1 WHERE id = 9; INSERT INTO notes VALUES ('f')"
    sql shop "UPDATE orders SET total = 2 WHERE id = 9"
    p wait >/dev/null
    xid=$(p log --json --from-seq $((seq + 1)) | jq -s '.[0].xid')
    entity=$(p log --json --from-seq $((seq + 1)) | jq -sr '.[0].entity')
    [ "$(p log --json --xid "$xid" | jq -s 'map(.table) | join(" ")')" = '"public.orders public.notes"' ]
    [ "$(p log --json --from-seq $((seq + 1)) --entity "$entity" | jq -s 'map(.new.total) | join(" ")')" = '"1.00 2.00"' ]
    [ "$(p log --from-seq $((seq + 1)) --table 'public.ord*' | wc -l)" -eq 2 ]
    [ "$(p log --from-seq $((seq + 1)) --table nothing | wc -l)" -eq 0 ]
    [ "$(p log --from-seq $((seq + 2)) --to-seq $((seq + 2)) | wc -l)" -eq 1 ]
    p log --from-seq $((seq + 1)) --to-seq $((seq + 1)) | grep -Eq "^ *$((seq + 1))  [0-9: -]{19}  UPDATE   public.orders id=9 "
}

@test "log: control characters of the data do not reach the terminal" {
    seq=$(p wait)
    sql shop "INSERT INTO notes VALUES (E'\\x1b[31mred\\nline')"
    p wait >/dev/null
    [ "$(p log --from-seq $((seq + 1)))" = "$(p log --from-seq $((seq + 1)) | tr -d '\033')" ]
    [ "$(p log --from-seq $((seq + 1)) | wc -l)" -eq 1 ]
    [ "$(p log --json --from-seq $((seq + 1)) | jq '.new.body')" = '"\u001b[31mred\nline"' ]
}

@test "tables: tier, rule, identity, rows, actions, and findings" {
    p tables --json >"$HARNESS/tables.json"
    has_keys '.tables[0]' table tier rule replica_identity rows actions <"$HARNESS/tables.json"
    jq -e '.tables | map(.table) == ["public.notes", "public.orders", "public.sync_log"]' "$HARNESS/tables.json"
    [ "$(jq '.tables[1].rows' "$HARNESS/tables.json")" = "$(sql shop 'SELECT count(*) FROM orders')" ]
    jq -e '.findings | map(select(.table == "public.notes")) | length == 1' "$HARNESS/tables.json"
    p tables | grep -Eq '^public.sync_log +device +sync_\* +primary key'
}

@test "seal: uuid and seq range; with nothing new the uuid is null and the exit code 0" {
    sql shop "INSERT INTO notes VALUES ('sealed')"
    seq=$(p wait)
    p seal --json --name first --description 'for the test' >"$HARNESS/seal.json"
    has_keys . uuid type first_seq last_seq <"$HARNESS/seal.json"
    jq -e --argjson seq "$seq" '.type == "incremental" and .last_seq == $seq and (.uuid | length == 36)' "$HARNESS/seal.json"
    p seal --json | jq -e '.uuid == null'
    p seal | grep -q '^nothing new'
    p seal --type full | grep -Eq "^[0-9a-f-]{36}  full  at seq $seq  [0-9,]+ rows, 0 actions"
    version=$(pgstrand --version)
    p snapshots --json | jq -e --arg version "${version#pgstrand }" 'all(.agent_version == $version)'
    p seal --name lost 2>&1 >/dev/null | grep -q 'no snapshot carries the name "lost"'
}

@test "snapshots: the chain, one of it by UUID and by name, the tree" {
    sql shop "INSERT INTO notes VALUES ('named')"
    uuid=$(p seal --json --name 'end of day' | jq -r .uuid)
    p snapshots --json >"$HARNESS/snapshots.json"
    has_keys '.[0]' uuid number parent base type name first_seq last_seq time size rows actions verified \
        <"$HARNESS/snapshots.json"
    jq -e 'map(.number) == [range(length)] and .[0].type == "full" and .[0].parent == null' "$HARNESS/snapshots.json"
    jq -e '. as $all | range(1; length) | $all[.].parent == $all[. - 1].uuid' "$HARNESS/snapshots.json"
    [ "$(p snapshots "$uuid" --json | jq -r .name)" = 'end of day' ]
    [ "$(p snapshots 'end of day' --json | jq -r .uuid)" = "$uuid" ]
    p snapshots 'end of day' | grep -q "^uuid  *$uuid\$"
    p snapshots --tree | grep -Fq -- "- $uuid"
    expect_exit 10 'there is no snapshot nonesuch' p snapshots nonesuch
}

@test "verify: whole, then a flipped byte, a missing link: exit 1, and where" {
    p verify
    p verify --json | jq -e '.ok and (.snapshots | all(.ok)) and (.chains | length == 1)'
    rm -rf "$HARNESS/copy"
    cp -r "$DATA/snapshots" "$HARNESS/copy"
    snap=$(find "$HARNESS/copy" -name '*-full-*.snap' | sort | head -n 1)
    printf '\x55' | dd of="$snap" bs=1 seek=$(($(stat -c %s "$snap") / 2)) conv=notrunc status=none
    refute cmp -s "$snap" "$(find "$DATA/snapshots" -name "$(basename "$snap")")"
    code=0
    pgstrand verify --from "$HARNESS/copy" --json >"$HARNESS/verify.json" || code=$?
    [ "$code" -eq 1 ]
    jq -e --arg file "$(basename "$snap")" '(.ok | not) and (.snapshots | map(select(.ok | not)) | length == 1 and
        (.[0].error | contains($file)))' "$HARNESS/verify.json"
    # whole again, but a link is gone
    rm -rf "$HARNESS/copy"
    cp -r "$DATA/snapshots" "$HARNESS/copy"
    rm "$(find "$HARNESS/copy" -name '0000000000000001-*.commit')"
    code=0
    pgstrand verify --from "$HARNESS/copy" --json >"$HARNESS/verify.json" || code=$?
    [ "$code" -eq 1 ]
    jq -e '(.chains[0].ok | not) and (.snapshots | all(.ok))' "$HARNESS/verify.json"
    expect_exit 10 'there is no snapshot nonesuch' p verify nonesuch
}

@test "vaults: add, list, ship twice, verify there, remove" {
    p vault add usb "$HARNESS/usb"
    p vault add safe "file://$HARNESS/safe" --backup-type full-device
    p vault add usb "$HARNESS/usb" # the same again is fine
    expect_exit 10 'there is a vault "usb" already' p vault add usb "$HARNESS/other"
    expect_exit 10 'is no name for a vault' p vault add a/b "$HARNESS/other"
    expect_exit 2 'did you mean business' p vault add c "$HARNESS/c" --backup-type busines
    expect_exit 10 '' p vault add c "gopher://x/y"
    p vault list --json | jq -e 'map([.name, .backup_type]) == [["safe", "full-device"], ["usb", "business"]]'
    p ship usb --json | jq -e '.sent > 1 and .present == 0 and .bytes > 0'
    p ship usb --json | jq -e '.sent == 0 and .present > 1'
    p ship safe
    [ -z "$(find "$HARNESS/usb" -name '*.device')" ]
    [ -n "$(find "$HARNESS/safe" -name '*.device')" ]
    p verify --from usb --json | jq -e '.ok and (.snapshots | any(.device_rows_absent))'
    pgstrand verify --from "$HARNESS/safe" --json | jq -e '.ok and (.snapshots | any(.device_rows_absent) | not)'
    expect_exit 10 'no vault "usbb": pgstrand vault list' p ship usbb
    expect_exit 10 'did you mean usb' p verify --from usbb
    expect_exit 10 'no vault "xy": pgstrand vault list shows them' p verify --from xy
    p vault remove usb
    p vault list --json | jq -e 'map(.name) == ["safe"]'
    [ -d "$HARNESS/usb" ]
}

@test "restore: the plan, the result, options that cannot be meant" {
    sql shop "UPDATE orders SET total = 7 WHERE id < 10"
    p wait >/dev/null
    database_new back
    p restore --target "$(conninfo back)" --dry-run --json >"$HARNESS/plan.json"
    jq -e '.dry_run and .same_device and (.tables | map(.table) | sort) == ["public.notes", "public.orders", "public.sync_log"]' \
        "$HARNESS/plan.json"
    [ "$(sql back "SELECT count(*) FROM pg_class WHERE relname = 'orders'")" = 0 ]
    p restore --target "$(conninfo back)" --json >"$HARNESS/restore.json"
    has_keys . snapshot seq same_device rows actions skipped warnings tables <"$HARNESS/restore.json"
    has_keys '.tables[0]' table tier rows digest proven <"$HARNESS/restore.json"
    jq -e '(.tables | all(.proven)) and .seq == '"$(p wait)" "$HARNESS/restore.json"
    assert_same_tables "$(conninfo shop)" "$(conninfo back)"
    # the last snapshot is not what was compared: the log's tail came on top
    p snapshots --json | jq -e '.[-1].verified == null'
    expect_exit 15 'is not empty' p restore --target "$(conninfo back)"
    p seal >/dev/null
    p restore --target "$(conninfo back)" --mode replace --to-snapshot "$(p snapshots --json | jq -r '.[-1].uuid')" >/dev/null
    p snapshots --json | jq -e '.[-1].verified != null and .[0].verified == null'
    expect_exit 10 'seq 999999 is in the future' p restore --target "$(conninfo back)" --to-seq 999999 --mode replace
    expect_exit 2 'where to' p restore
    expect_exit 2 'more than one target' p restore --target x --to-seq 1 --to-name y
    expect_exit 2 '--memory wants a size' p restore --target x --memory 1MiB
    expect_exit 2 'did you mean replace' p restore --target x --mode replaec
    expect_exit 2 'did you mean "business"' p restore --target x --tiers busines
    expect_exit 10 'transient rows are never written' p restore --target x --tiers transient
    database_drop back
}

@test "entity, drill and workflow list: the keys that scripts rely on" {
    p entity orders 5 --json >"$HARNESS/entity.json"
    has_keys . uuid table key version created updated tier value history <"$HARNESS/entity.json"
    has_keys '.history[-1]' seq kind time user session old new <"$HARNESS/entity.json"
    p drill --json >"$HARNESS/drill.json" 2>/dev/null
    has_keys . snapshot seq same_device rows actions skipped warnings tables <"$HARNESS/drill.json"
    has_keys '.tables[0]' table tier rows digest proven <"$HARNESS/drill.json"
    p workflow list --json | has_keys '.[-1]' uuid name type status step progress retries error
}

@test "restore on a machine without a data directory: a plan leaves none behind, a restore makes one" {
    p vault add plan "$HARNESS/plan"
    p seal >/dev/null
    p ship plan
    database_new other
    mkdir "$HARNESS/tmp"
    TMPDIR=$HARNESS/tmp pgstrand restore --data "$HARNESS/second" --from "$HARNESS/plan" --target "$(conninfo other)" --dry-run \
        >"$HARNESS/second.out" 2>"$HARNESS/second.err"
    grep -q 'this chain is of till 3 (node .*), not of this device' "$HARNESS/second.err"
    [ ! -e "$HARNESS/second" ]
    [ -z "$(ls "$HARNESS/tmp")" ]
    pgstrand restore --data "$HARNESS/second" --from "$HARNESS/plan" --target "$(conninfo other)" --json >"$HARNESS/second.json"
    jq -e '(.same_device | not) and (.skipped | length == 1) and (.tables | all(.proven))' "$HARNESS/second.json"
    [ "$(sql other 'SELECT count(*) FROM sync_log')" = 0 ]
    [ "$(pgstrand identity --data "$HARNESS/second" --json | jq -r .dataset)" = "$(p identity --json | jq -r .dataset)" ]
    [ "$(pgstrand identity --data "$HARNESS/second" --json | jq -r .node)" != "$(p identity --json | jq -r .node)" ]
    database_drop other
    p vault remove plan
}

# One document, whatever it says, and nothing beside it; what --quiet leaves is what was asked for.
@test "--json prints one JSON document on stdout and nothing else; --quiet says nothing on stderr" {
    for words in 'init --dry-run' status wait tables seal 'seal --type full' snapshots verify identity \
        'vault list' "vault add json $HARNESS/json" "vault add json $HARNESS/json" 'ship json' 'verify --from json' \
        'vault remove json'; do
        # shellcheck disable=SC2086
        p $words --json >"$HARNESS/out" 2>/dev/null || [ "$words" = ] || complain "$words" || return 1
        [ "$words" = ] || jq -es 'length == 1' "$HARNESS/out" || complain "$words: $(<"$HARNESS/out")" || return 1
        # shellcheck disable=SC2086
        p ${words/json/more} --quiet 2>"$HARNESS/err" >/dev/null || [ "$words" = ] || complain "$words" || return 1
        [ "$words" = ] || [ ! -s "$HARNESS/err" ] || complain "$words: $(<"$HARNESS/err")" || return 1
    done
    p log --json | jq -es 'length > 1 and all(type == "object")'
    [ -z "$(p log --json --table nothing)" ]
}

@test "the data directory: --data, else PGSTRAND_DATA, else the state folder, else /var/lib/pgstrand" {
    [ "$(PGSTRAND_DATA=$DATA pgstrand wait)" = "$(p wait)" ]
    PGSTRAND_DATA=$HARNESS/none expect_exit 10 "at $HARNESS/none:" pgstrand status
    PGSTRAND_DATA=$HARNESS/none p wait >/dev/null
    XDG_STATE_HOME=$HARNESS/state expect_exit 10 "at $HARNESS/state/pgstrand:" pgstrand status
    XDG_STATE_HOME='' expect_exit 10 'at /var/lib/pgstrand:' pgstrand status
    [ ! -e "$HARNESS/state" ]
}

@test "usage errors end with 2 and name the nearest known word" {
    expect_exit 2 'did you mean status' pgstrand statsu
    expect_exit 2 'no command "frobnicate": pgstrand --help lists' pgstrand frobnicate
    expect_exit 2 'which command' pgstrand
    expect_exit 2 'unknown option --jsno: did you mean --json' pgstrand status --jsno
    expect_exit 2 'unknown option --dtaa: did you mean --data' pgstrand --dtaa x status
    expect_exit 2 'wants a value' pgstrand wait --timeout
    expect_exit 2 'wants seconds' pgstrand wait --timeout soon
    expect_exit 2 'wants a whole number' pgstrand log --from-seq x
    expect_exit 2 'one word too many' pgstrand status now
    expect_exit 2 'something is missing' pgstrand ship
    expect_exit 2 'did you mean full' p seal --type ful
    expect_exit 2 'did you mean incremental' p seal --type incr
    expect_exit 2 'takes no value' pgstrand status --json=yes
    pgstrand --help | grep -q '^  snapshots '
    pgstrand seal --help | grep -q -- '--description D'
    pgstrand --version | grep -Eq '^pgstrand [0-9]+\.[0-9]+'
}

@test "a wrong configuration: one line with file and line, nothing made" {
    conf=$HARNESS/wrong.conf
    printf '[seal]\nintervall = 3\n' >"$conf"
    expect_exit 10 "$conf: line 2: there is no intervall in \[seal\]: did you mean interval" \
        pgstrand init --data "$HARNESS/wrong" --config "$conf" --source "$(conninfo shop)"
    printf '[tiers]\ndefault = bussines\n' >"$conf"
    expect_exit 10 'did you mean "business"' \
        pgstrand init --data "$HARNESS/wrong" --config "$conf" --source "$(conninfo shop)"
    printf '[tiers]\ndefault = business\ndevise = sync_*\n' >"$conf"
    expect_exit 10 "$conf: line 3: there is no devise in \[tiers\]: did you mean device" \
        pgstrand init --data "$HARNESS/wrong" --config "$conf" --source "$(conninfo shop)"
    expect_exit 10 'did you mean device' "$PGSTRAND_BUILD/pgstrand-agent" --data "$DATA" --config "$conf"
    printf '[tiers]\ndevice = orders where status\n' >"$conf"
    expect_exit 10 'cannot read the tier rule' p status --config "$conf"
    expect_exit 10 'there is no configuration file' p status --config "$HARNESS/none.conf"
    [ ! -e "$HARNESS/wrong" ]
}

@test "no data directory, and one that cannot be made" {
    expect_exit 10 "no data directory at $HARNESS/none: run pgstrand init" pgstrand status --data "$HARNESS/none"
    [ ! -e "$HARNESS/none" ]
    database_new closed
    expect_exit 12 '/proc/pgstrand' pgstrand init --quiet --data /proc/pgstrand --source "$(conninfo closed)"
    [ "$(sql closed "SELECT count(*) FROM pg_replication_slots WHERE database = 'closed'")" = 0 ]
    [ "$(sql closed "SELECT count(*) FROM pg_publication")" = 0 ]
    database_drop closed
    # and a vault
    expect_exit 12 'cannot make the folder /proc/pgstrand' p vault add closed file:///proc/pgstrand
    expect_exit 10 'no vault "closed"' p ship closed --quiet
}

@test "a store of a newer version is refused" {
    rm -rf "$HARNESS/newer"
    mkdir "$HARNESS/newer"
    cp "$DATA/catalog.mdb" "$DATA/pgstrand.conf" "$HARNESS/newer/"
    # LMDB keeps a value right behind its key: "version" and four bytes, big-endian
    LC_ALL=C sed -i 's/version\x00\x00\x00\x01/version\x00\x00\x00\x63/g' "$HARNESS/newer/catalog.mdb"
    cp "$HARNESS/newer/catalog.mdb" "$HARNESS/newer.mdb"
    expect_exit 15 'version 99 and this pgstrand knows up to' pgstrand status --data "$HARNESS/newer"
    expect_exit 15 'version 99' pgstrand seal --data "$HARNESS/newer" --no-wait
    expect_exit 15 'version 99' pgstrand restore --data "$HARNESS/newer" --target "$(conninfo postgres)"
    expect_exit 15 'version 99' pgstrand init --data "$HARNESS/newer" --source "$(conninfo shop)" --quiet
    expect_exit 15 'version 99' pgstrand uninstall --data "$HARNESS/newer" --yes
    expect_exit 15 'version 99' "$PGSTRAND_BUILD/pgstrand-agent" --data "$HARNESS/newer"
    cmp "$HARNESS/newer/catalog.mdb" "$HARNESS/newer.mdb"
}

@test "status when the server is away: a problem, not a failure" {
    # a copy of the catalogue that looks for a server where there is none
    rm -rf "$HARNESS/away"
    mkdir -p "$HARNESS/away/log" "$HARNESS/away/snapshots"
    cp "$DATA/catalog.mdb" "$HARNESS/away/"
    printf '[source]\nconninfo = host=%s port=1 dbname=shop connect_timeout=2\n' "$HARNESS" >"$HARNESS/away/pgstrand.conf"
    code=0
    pgstrand status --data "$HARNESS/away" --json >"$HARNESS/away.json" || code=$?
    [ "$code" -eq 1 ]
    jq -e '(.healthy | not) and .server_lsn == null and .slot == null and (.problems | any(contains("cannot connect")))' \
        "$HARNESS/away.json"
    expect_exit 13 'cannot connect' pgstrand wait --data "$HARNESS/away"
}

@test "Ctrl-C ends a command with 130, also while the server keeps it waiting" {
    code=0
    timeout --preserve-status -s INT 0.5 "$PGSTRAND_BUILD/pgstrand" wait --data "$DATA" --lsn FFFFFFFF/0 || code=$?
    [ "$code" -eq 130 ]
    session_open holder shop
    say holder 'BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE'
    code=0
    timeout --preserve-status -s INT 0.5 "$PGSTRAND_BUILD/pgstrand" tables --data "$DATA" || code=$?
    [ "$code" -eq 130 ]
    # else it would wait for as long as the table is locked
    session_close holder
}

@test "output that cannot be written is a failure" {
    code=0
    p snapshots --json >/dev/full || code=$?
    [ "$code" -eq 12 ]
    code=0
    p log >/dev/full || code=$?
    [ "$code" -eq 12 ]
}

@test "identity: shown; not changed under a running capture, nor without being asked" {
    p identity --json >"$HARNESS/identity.json"
    has_keys . node device device_name incarnation dataset <"$HARNESS/identity.json"
    expect_exit 15 'the agent is running' p identity new --yes
    expect_exit 15 'the agent is running' p identity adopt 6ba7b810-9dad-11d1-80b4-00c04fd430c8 --yes
    expect_exit 2 'identity adopt NODE' p identity adopt
    expect_exit 10 'is not a UUID' p identity adopt me
    expect_exit 15 'the agent is running' p uninstall --yes
}

@test "a stopped agent: status says so; wait and seal say so when they give up" {
    agent_stop "$DATA"
    code=0
    p status --json >"$HARNESS/stopped.json" || code=$?
    [ "$code" -eq 1 ]
    jq -e '.agent_running == false and (.problems | any(contains("not running")))' "$HARNESS/stopped.json"
    sql shop "INSERT INTO notes VALUES ('while stopped')"
    expect_exit 14 'the agent is not running' p wait --timeout 0.5
    expect_exit 14 'not sealed .*the agent is not running' p seal --timeout 0.5
    p seal --no-wait --json | jq -e 'has("uuid")'
    expect_exit 15 'pgstrand uninstall --keep-data first' p identity new --yes
    agent_start "$DATA"
    p status
}

@test "uninstall --keep-data, a new identity, and uninstall leave nothing behind" {
    agent_stop "$DATA"
    node=$(p identity --json | jq -r .node)
    dataset=$(p identity --json | jq -r .dataset)
    p uninstall --keep-data --json | jq -es '.[0].data_kept and .[0].database == "shop" and length == 1'
    [ "$(sql shop "SELECT count(*) FROM pg_replication_slots")" = 0 ]
    [ "$(sql shop "SELECT count(*) FROM pg_publication")" = 0 ]
    [ "$(sql shop "SELECT count(*) FROM pg_namespace WHERE nspname = 'pgstrand'")" = 0 ]
    [ "$(sql shop "SELECT count(*) FROM pg_event_trigger")" = 0 ]
    expect_exit 15 'say --yes' p identity new
    # Killed when the new device's key is there and its identity is not: nobody has that key.
    code=0
    PGSTRAND_IO_FAULT=kill:1:recovery.key p identity new --yes 2>/dev/null || code=$?
    [ "$code" -eq 137 ]
    p identity --json >"$HARNESS/killed.json" 2>"$HARNESS/killed.said"
    jq -e --arg node "$node" '.node == $node and .device_key == null and .recovery_key == null' "$HARNESS/killed.json"
    grep -q 'is not the key of device' "$HARNESS/killed.said"
    grep -q 'identity new was interrupted before there was another identity: run it again' "$HARNESS/killed.said"
    # Before everything is copied for a snapshot that could not be signed.
    expect_exit 12 'is not the key of device .*; pgstrand identity new makes another' p init --source "$(conninfo shop)" --no-wal-limit
    [ "$(sql shop "SELECT count(*) FROM pg_replication_slots")" = 0 ]
    p identity new --yes --json >"$HARNESS/new.json"
    jq -e --arg node "$node" --arg dataset "$dataset" \
        '.node != $node and .dataset == $dataset and (.recovery_key | length == 71)' "$HARNESS/new.json"
    [ "$(find "$DATA" -maxdepth 1 -name 'log.*' | wc -l)" -eq 1 ] # what was not sealed is kept
    p identity adopt "$node" --yes --json | jq -e --arg node "$node" '.node == $node and .incarnation != null'
    p verify # the chain of before is still whole
    p uninstall --yes
    [ ! -e "$DATA" ]
}
