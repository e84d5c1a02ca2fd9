# A wiped or replaced machine takes its node over: --as same, the recovery key, a hand-over in the chain.

bats_require_minimum_version 1.5.0

load ../lib/onecluster
load ../lib/workflow

# A till with rows of its own, in a vault that has all of them; the table goods had another name once.
setup_file() {
    onecluster_begin
    export DATA=$HARNESS/data VAULT=file://$HARNESS/safe
    database_new shop
    sql shop "
        CREATE DOMAIN cents AS bigint CHECK (VALUE >= 0);
        CREATE TYPE shelf AS ENUM ('left', 'right');
        CREATE TABLE articles (id int PRIMARY KEY, name text NOT NULL, price cents, stands shelf DEFAULT 'left');
        CREATE TABLE tills (id int PRIMARY KEY, drawer numeric);
        INSERT INTO articles SELECT i, 'article ' || i, i * 10 FROM generate_series(1, 200) i;
        INSERT INTO tills VALUES (1, 12.5)"
    printf '[tiers]\ndevice = tills\n' >"$HARNESS/till.conf"
    pgstrand init --data "$DATA" --source "$(conninfo shop)" --config "$HARNESS/till.conf" --device-name 'till 3' --json >"$HARNESS/init.json"
    jq -r .recovery_key "$HARNESS/init.json" >"$HARNESS/key"
    agent_start "$DATA"
    sql shop "ALTER TABLE articles RENAME TO goods"
    sql shop "UPDATE goods SET name = name || '!' WHERE id % 2 = 0; UPDATE tills SET drawer = 99"
    pgstrand wait --data "$DATA" --timeout 60 >/dev/null
    pgstrand vault add --data "$DATA" safe "$VAULT" --backup-type full-device >/dev/null
    pgstrand vault add --data "$DATA" shelf "file://$HARNESS/shelf" >/dev/null
    agent_stop "$DATA"
    pgstrand seal --data "$DATA" --no-wait --quiet >/dev/null
    pgstrand ship --data "$DATA" safe >/dev/null
    pgstrand ship --data "$DATA" shelf >/dev/null
}

setup() {
    untraced
    target=t$BATS_TEST_NUMBER
    NEW=$HARNESS/new$BATS_TEST_NUMBER
    database_new "$target"
}

teardown() {
    database_drop "t$BATS_TEST_NUMBER"
}

identity() {
    pgstrand identity --data "$1" --json | jq -r ".$2"
}

take_over() {
    pgstrand restore --data "$NEW" --from "$VAULT" --target "$(conninfo "$target")" --as same "$@"
}

no_tables() {
    [ "$(sql "$target" "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")" = 0 ]
}

assert_is_node() {
    [ "$(pgstrand identity --data "$NEW" --json | jq -c '[.node, .dataset, .device_name, .taken_over]')" = \
        "$(pgstrand identity --data "$DATA" --json | jq -c '[.node, .dataset, .device_name, true]')" ]
    [ "$(identity "$NEW" device)" != "$(identity "$DATA" device)" ]
    [ "$(identity "$NEW" device_key)" != "$(identity "$DATA" device_key)" ]
    assert_same_tables "$(conninfo shop)" "$(conninfo "$target")"
}

# has_problem DATA PATTERN: status is not healthy, and says so.
has_problem() {
    local code=0
    pgstrand status --data "$1" --json >"$HARNESS/status" || code=$?
    [ "$code" = 1 ] && jq -e --arg words "$2" '.problems | any(test($words))' "$HARNESS/status" >/dev/null ||
        complain "status of $1 ended with $code:" "$(jq -c .problems "$HARNESS/status")"
}

# What needs a capture is refused at once, with what to do; what needs the chain alone works.
between_takeover_and_init() {
    local words copy=$HARNESS/copy slots
    for words in seal 'seal --type full' 'seal --type differential --no-wait' 'wait --timeout 60'; do
        expect_exit 10 'has taken a node over, and nothing is captured before its chain goes on: run pgstrand init' pgstrand $words --data "$NEW" --quiet
    done
    expect_exit 10 'has taken a node over.*run pgstrand init' "$PGSTRAND_BUILD/pgstrand-agent" --data "$NEW" --quiet
    has_problem "$NEW" 'no database is captured here yet: run pgstrand init'
    pgstrand drill --data "$NEW" --quiet
    pgstrand vault add --data "$NEW" second "file://$HARNESS/second" --backup-type full-device >/dev/null
    pgstrand ship --data "$NEW" second | grep -q '^2 snapshots sent'
    pgstrand entity goods 8 --data "$NEW" --json | jq -e .value >/dev/null
    # With the server away nothing is sealed into the old machine's chain either.
    cp -a "$NEW" "$copy"
    sed -i "s|^conninfo = .*|conninfo = host=/nowhere dbname=shop|" "$copy/pgstrand.conf"
    expect_exit 10 'has taken a node over' pgstrand seal --data "$copy" --no-wait --quiet
    # In another database everything would count as deleted.
    database_new elsewhere
    sql elsewhere 'CREATE TABLE goods (id int PRIMARY KEY)'
    expect_exit 15 'elsewhere is none that node .* was restored into.*sealed as deleted' pgstrand init --data "$copy" --source "$(conninfo elsewhere)" --quiet
    # Also in one that a part of it was restored into.
    database_drop elsewhere
    database_new elsewhere
    pgstrand restore --data "$NEW" --target "$(conninfo elsewhere)" --tables goods --quiet >/dev/null
    expect_exit 15 'elsewhere is none that node .* was restored into' pgstrand init --data "$copy" --source "$(conninfo elsewhere)" --quiet
    database_drop elsewhere
    # There is nothing to uninstall; the slot of the node's name is the old machine's.
    slots=$(sql postgres 'SELECT count(*) FROM pg_replication_slots')
    [ "$slots" -gt 0 ]
    pgstrand uninstall --data "$copy" --yes
    [ ! -e "$copy" ]
    [ "$(sql postgres 'SELECT count(*) FROM pg_replication_slots')" = "$slots" ]
}

@test "a replaced machine is the node it was, and its chain goes on with the hand-over in it" {
    cp -a "$HARNESS/safe" "$HARNESS/safe.1"
    VAULT=file://$HARNESS/safe.1
    take_over --recovery-key "$HARNESS/key" --json >"$HARNESS/taken" 2>"$HARNESS/said"
    jq -e '.same_device and .taken_over and .recovery_key == null and (.tables | any(.tier == "device" and .rows == 1 and .proven))' "$HARNESS/taken"
    grep -q 'this machine is node .* from now on: the one before must not be used' "$HARNESS/said"
    assert_is_node
    grep -q '^device = tills' "$NEW/pgstrand.conf"
    refute grep -rqF "$(tr -d '\n-' <"$HARNESS/key")" "$NEW"
    pgstrand snapshots --data "$NEW" --json | jq -e 'length == 2 and (map(.recovery_key) | unique | length == 1) and (map(.taken_over) | any | not)'
    between_takeover_and_init
    # The database changes before anybody captures it again: that is in the chain, too.
    sql "$target" "DELETE FROM goods WHERE id = 7"
    pgstrand init --data "$NEW" --json 2>"$HARNESS/said" | jq -e '.continued and .recovery_key == null'
    grep -q '2 tables compared with the chain, 1 differ' "$HARNESS/said"
    pgstrand snapshots --data "$NEW" --json | jq -e '.[2].taken_over and .[2].type == "incremental" and .[2].first_seq == .[1].last_seq + 1 and .[2].device_key != .[1].device_key'
    pgstrand init --data "$NEW" --json | jq -e .already_complete
    agent_start "$NEW"
    sql "$target" "INSERT INTO goods VALUES (1000, 'from the new till', 5, 'right'); UPDATE tills SET drawer = 5"
    pgstrand wait --data "$NEW" --timeout 60 >/dev/null
    wait_for 20 eval "pgstrand seal --data '$NEW' --quiet >/dev/null"
    agent_stop "$NEW"
    # Types that somebody made have other OIDs here, and are the same, as is the schema.
    pgstrand status --data "$NEW" --json >"$HARNESS/status" || true # nobody captures now
    jq -e '[.problems[] | select(test("schema"))] == []' "$HARNESS/status"
    pgstrand drill --data "$NEW" --quiet
    pgstrand entity goods 8 --data "$NEW" --json >"$HARNESS/entity"
    jq -e '.version == 2 and [.history[].kind] == ["BASE", "UPDATE"]' "$HARNESS/entity"
    pgstrand vault add --data "$NEW" safe "$VAULT" --backup-type full-device >/dev/null
    pgstrand ship --data "$NEW" safe >/dev/null
    pgstrand verify --data "$NEW" --from "$VAULT" >/dev/null
    # The old machine comes back: what it seals later is newer by the clock, but nobody's any more.
    cp -a "$DATA" "$HARNESS/zombie"
    agent_start "$HARNESS/zombie"
    sql shop "UPDATE goods SET name = 'of the old till' WHERE id = 11"
    pgstrand wait --data "$HARNESS/zombie" --timeout 60 >/dev/null
    pgstrand seal --data "$HARNESS/zombie" --quiet >/dev/null
    pgstrand vault remove --data "$HARNESS/zombie" safe >/dev/null
    pgstrand vault add --data "$HARNESS/zombie" safe "$VAULT" --backup-type full-device >/dev/null
    expect_exit 15 'this node was taken over by another machine' pgstrand ship --data "$HARNESS/zombie" safe
    cp -an "$HARNESS/zombie/snapshots/." "$HARNESS/safe.1/" # by hand, past that
    agent_stop "$HARNESS/zombie"
    sql shop "UPDATE goods SET name = 'article 11' WHERE id = 11"
    # From the vault the next machine takes it over again, with the same key.
    database_new third
    pgstrand restore --data "$HARNESS/third" --from "$VAULT" --target "$(conninfo third)" --as same --recovery-key - --quiet <"$HARNESS/key"
    [ "$(identity "$HARNESS/third" node)" = "$(identity "$DATA" node)" ]
    assert_same_tables "$(conninfo "$target")" "$(conninfo third)"
    database_drop third
    pgstrand uninstall --data "$NEW" --yes >/dev/null
}

@test "without the key, with another one, or with none that the chain knows: nothing happens" {
    local key
    expect_exit 15 'is another machine.s: to take it over say --as same with --recovery-key' take_over --quiet
    tr '0-9a-f' '1-9a-f0' <"$HARNESS/key" >"$HARNESS/wrong"
    expect_exit 15 'this is not the recovery key of node' take_over --recovery-key "$HARNESS/wrong" --quiet
    cut -c 1-60 <"$HARNESS/key" >"$HARNESS/short"
    expect_exit 2 'short: a recovery key is 64 hex digits, this has' take_over --recovery-key "$HARNESS/short" --quiet
    expect_exit 12 'No such file' take_over --recovery-key "$HARNESS/nowhere" --quiet
    expect_exit 2 'goes with --as same' pgstrand restore --data "$NEW" --from "$VAULT" --target "$(conninfo "$target")" --recovery-key "$HARNESS/key"
    [ -z "$(pgstrand identity --data "$NEW" --json 2>/dev/null)" ]
    # A chain that was made before there were keys in it.
    key=$HARNESS/old/$(printf 'a%d000000-0000-4000-8000-000000000001/' 0 2)
    mkdir -p "$key"
    cp "$PGSTRAND_ROOT"/tests/golden/format1/* "$key"
    expect_exit 15 'carries no recovery key.*older pgstrand.: restore with --as other; while that machine lives, pgstrand identity certify' pgstrand restore --data "$NEW" --from "file://$HARNESS/old" \
        --target "$(conninfo "$target")" --as same --recovery-key "$HARNESS/key" --quiet
    # A data directory that is a node already.
    pgstrand restore --data "$HARNESS/else" --from "$VAULT" --target "$(conninfo "$target")" --as other --quiet >/dev/null
    expect_exit 15 'is node .* and cannot be node' pgstrand restore --data "$HARNESS/else" --from "$VAULT" --target "$(conninfo "$target")" \
        --as same --recovery-key "$HARNESS/key" --mode replace --quiet
    database_again "$target"
    # A part of a node cannot be taken over: init would seal the rest as deleted.
    expect_exit 2 'taken over whole.*leave --tables out' take_over --recovery-key "$HARNESS/key" --tables goods --quiet
    expect_exit 2 'leave --tiers out' take_over --recovery-key "$HARNESS/key" --tiers business,audit --quiet
    expect_exit 2 'leave --mode merge out' take_over --recovery-key "$HARNESS/key" --mode merge --quiet
    # A plan needs no key. A business backup lacks the till's own rows, and says so.
    take_over --dry-run --quiet
    expect_exit 10 'is a business backup' pgstrand restore --data "$NEW" --from "file://$HARNESS/shelf" --target "$(conninfo "$target")" \
        --as same --recovery-key "$HARNESS/key" --quiet
    no_tables
}

@test "asked for on a terminal, and not shown" {
    command -v script
    # What was typed before the question is not taken for the answer.
    : >"$HARNESS/typed"
    (wait_for 30 grep -q 'its recovery key:' "$HARNESS/typed" && cat "$HARNESS/key" && sleep 1) |
        script -qec "$PGSTRAND_BUILD/pgstrand restore --data $NEW --from $VAULT --target '$(conninfo "$target")' --as same --no-progress" /dev/null \
            >"$HARNESS/typed"
    refute grep -qF "$(<"$HARNESS/key")" "$HARNESS/typed"
    grep -q 'its recovery key:' "$HARNESS/typed"
    assert_is_node
}

# Killed at any moment it is gone on from without the key.
killed_take_over() {
    local id
    NEW=$HARNESS/killed
    rm -rf "$NEW"
    database_again "$target"
    workflow_killed "$1" restore --data "$NEW" --from "$VAULT" --target "$(conninfo "$target")" --as same --recovery-key "$HARNESS/key" || return 1
    opened=$(workflow_open "$NEW" '' 2>/dev/null)
    for id in $opened; do
        pgstrand workflow resume "$id" --data "$NEW" --quiet >/dev/null 2>"$HARNESS/resumed" ||
            grep -q 'say --as same with --recovery-key' "$HARNESS/resumed" || complain "$(<"$HARNESS/resumed")" || return 1
    done
    # Nothing was signed yet.
    pgstrand identity --data "$NEW" --quiet >/dev/null 2>&1 || take_over --recovery-key "$HARNESS/key" --quiet || return 1
    assert_is_node
}

@test "killed half-way it goes on, without the key, and ends the same" {
    local fault
    for fault in kill:5 kill:9 kill:12 killafter:14 kill:16 kill:18; do
        killed_take_over "$fault:catalog.mdb"
        [ "$fault" = kill:5 ] || [ -n "$opened" ]
    done
    killed_take_over kill:5:snapshots
    killed_take_over kill:1:pgstrand.conf
}

# Adopting a node leaves the certificate behind: its identity is as one from before there were any.
@test "a node without a certificate: status and identity say so, its key certifies it while it lives, then it can be taken over" {
    local old=$HARNESS/older key=$HARNESS/older.key
    VAULT=file://$HARNESS/oldersafe
    database_new plain
    sql plain "CREATE TABLE t (id int PRIMARY KEY, word text); INSERT INTO t SELECT i, 'word ' || i FROM generate_series(1, 50) i"
    pgstrand init --data "$old" --source "$(conninfo plain)" --json 2>/dev/null | jq -r .recovery_key >"$key"
    pgstrand uninstall --data "$old" --keep-data --quiet
    pgstrand identity adopt 6ba7b810-9dad-11d1-80b4-00c04fd430c8 --data "$old" --yes --json 2>/dev/null | jq -e '.certified == false'
    pgstrand init --data "$old" --source "$(conninfo plain)" --quiet >/dev/null
    agent_start "$old"
    pgstrand vault add --data "$old" safe "$VAULT" --backup-type full-device >/dev/null
    pgstrand ship --data "$old" safe >/dev/null
    pgstrand wait --data "$old" --timeout 60 >/dev/null
    has_problem "$old" 'no other machine could take this node over.*run pgstrand identity certify'
    pgstrand identity --data "$old" 2>&1 | grep -q 'the recovery key has not certified this device'
    expect_exit 15 'carries no recovery key' take_over --recovery-key "$key" --quiet
    # Only the key that the owner was shown.
    expect_exit 15 'this is not the recovery key of node 6ba7b810' pgstrand identity certify --data "$old" --recovery-key "$HARNESS/key"
    expect_exit 15 'say --recovery-key FILE' pgstrand identity certify --data "$old" </dev/null
    expect_exit 2 'goes with identity certify' pgstrand identity --data "$old" --recovery-key "$key"
    pgstrand identity --data "$old" --json 2>/dev/null | jq -e '.certified == false'
    pgstrand identity certify --data "$old" --recovery-key - --json <"$key" 2>"$HARNESS/said" | jq -e .certified
    grep -q 'pgstrand seal, then pgstrand ship' "$HARNESS/said"
    refute grep -rqF "$(tr -d '\n-' <"$key")" "$old"
    has_problem "$old" 'no snapshot carries the recovery key.s certificate of this device yet: run pgstrand seal'
    # Nothing else is new, and it is sealed all the same; once.
    pgstrand seal --data "$old" --json | jq -e '.uuid != null and .actions == 0'
    pgstrand seal --data "$old" | grep -q 'nothing new'
    pgstrand status --data "$old" >/dev/null
    pgstrand verify --data "$old" >/dev/null
    sql plain "UPDATE t SET word = 'later' WHERE id = 7"
    pgstrand seal --data "$old" --quiet >/dev/null
    pgstrand snapshots --data "$old" --json | jq -e '.[-3:] | map(.recovery_key != null) == [false, true, true]' # the first is of the node before it was adopted
    pgstrand ship --data "$old" safe >/dev/null
    agent_stop "$old"
    take_over --recovery-key "$key" --quiet
    [ "$(identity "$NEW" node)" = 6ba7b810-9dad-11d1-80b4-00c04fd430c8 ]
    assert_same_tables "$(conninfo plain)" "$(conninfo "$target")"
    pgstrand uninstall --data "$old" --yes >/dev/null
    pgstrand init --data "$NEW" --quiet >/dev/null
    pgstrand verify --data "$NEW" >/dev/null
    pgstrand snapshots --data "$NEW" --json | jq -e '.[-1].taken_over'
    pgstrand uninstall --data "$NEW" --yes >/dev/null
    database_drop plain
}

@test "what was signed for one machine is worth nothing on another one" {
    workflow_killed kill:12:catalog.mdb restore --data "$NEW" --from "$VAULT" --target "$(conninfo "$target")" --as same --recovery-key "$HARNESS/key"
    head -c 32 /dev/urandom >"$NEW/device.key"
    expect_exit 12 "another machine's key" pgstrand workflow resume "$(workflow_open "$NEW")" --data "$NEW" --quiet
    no_tables
}

@test "init after it, killed half-way: the chain goes on all the same" {
    local fault code
    take_over --recovery-key "$HARNESS/key" --quiet
    for fault in kill:3:catalog.mdb kill:1:log killafter:9:catalog.mdb kill:1:.commit; do
        code=0
        PGSTRAND_IO_FAULT=$fault pgstrand init --data "$NEW" --quiet >/dev/null 2>&1 || code=$?
        [ "$code" -eq 137 ] || complain "$fault: not killed, but $code"
    done
    pgstrand init --data "$NEW" --quiet >/dev/null
    pgstrand snapshots --data "$NEW" --json | jq -e 'length == 3 and .[2].taken_over'
    pgstrand verify --data "$NEW" >/dev/null
    agent_start "$NEW"
    agent_stop "$NEW"
    pgstrand uninstall --data "$NEW" --yes >/dev/null
}
