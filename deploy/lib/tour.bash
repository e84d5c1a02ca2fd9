# tour: what pgstrand does, shown on the point-of-sale example and checked at every step. Sourced by deploy/run.sh.
#
# Three databases stand for three machines: the till (captured), the till after a disaster (same device), the office (another
# device). "Equal" always means: every row of every table compared as text with what the till held at that moment.

source "$root/tests/lib/pos.bash"

# run WHAT COMMAND...: the command must succeed; its words are shown when it does not.
run() {
    local what=$1 code=0
    shift
    "$@" >"$HARNESS/out" 2>"$HARNESS/err" || code=$?
    [ "$code" -ne 0 ] || return 0
    tail -n 12 "$HARNESS/err" >&2
    die "$what failed (exit $code): $*"
}

# The same, for what ends in JSON: the value of a jq filter is in $answer. (Not printed: a failure inside $(...) would pass.)
ask() {
    local filter=$1
    shift
    run "$1" pgstrand "$@" --json
    answer=$(jq -r "$filter" "$HARNESS/out")
}

# Asks and shows: NAME FILTER ARGUMENTS...
fact() {
    local name=$1
    shift
    ask "$@"
    show_fact "$name" "$answer"
}

# Stops the world for a moment: everything committed is in the log, and what the till holds is written down.
moment() {
    local name=$1
    ask .seq wait --data "$till" --timeout 60
    printf -v "seq_$name" %s "$answer"
    pos_dump "$source_db" "$HARNESS/moment-$name" business audit device
}

size_of() {
    du -sb "$1" | cut -f 1
}

rows_in() {
    cat "$1"/* | wc -l
}

# expect_equal DATABASE MOMENT TIER...
expect_equal() {
    local db=$1 name=$2 got=$HARNESS/got wanted=$HARNESS/wanted
    shift 2
    pos_dump "$(conninfo "$db")" "$got" "$@"
    rm -rf "$wanted"
    mkdir "$wanted"
    (cd "$HARNESS/moment-$name" && cp -t "$wanted" $(cd "$got" && ls))
    assert_same_dumps "$wanted" "$got" || die "the restored rows are not what the till held"
    show_ok "$(find "$got" -type f | wc -l) tables, $(show_count "$(rows_in "$got")") rows: equal to the till at that moment"
}

# expect_none DATABASE TIER: not one row of the tier's tables, nor of jobs that are not completed.
expect_none() {
    local rows
    rows=$(pos_rows "$(conninfo "$1")" "$2")
    [ "$2" != transient ] || rows=$((rows + $(sql "$1" "SELECT count(*) FROM \"printJobs\" WHERE status <> 'COMPLETED'")))
    [ "$rows" -eq 0 ] || die "$rows $2 rows are in $1, where none may be"
    show_ok "no $2 row is there"
}

# restored DATABASE OPTIONS...: into a new database; prints what the command says of itself.
restored() {
    local db=$1 begin
    shift
    database_new "$db"
    begin=$(show_clock)
    run "restore" pgstrand restore --target "$(conninfo "$db")" --json "$@"
    show_fact "restored to seq $(jq -r .seq "$HARNESS/out")" "$(show_count "$(jq -r .rows "$HARNESS/out")") rows in $(show_since "$begin"), \
$(jq '[.tables[] | select(.proven)] | length' "$HARNESS/out") of $(jq '.tables | length' "$HARNESS/out") tables proven by digest"
    [ "$(jq '[.tables[] | select(.proven | not)] | length' "$HARNESS/out")" -eq 0 ] || die "a table was not proven"
}

work() {
    "$POS/workload.sh" --db "$source_db" --rate "$1" --seconds "$2" >"$HARNESS/workload.log" 2>&1 ||
        die "the workload failed: $(tail -n 2 "$HARNESS/workload.log")"
}

tour_init() {
    show_step "A shop with a PostgreSQL of its own"
    private_shop
    till=${data:-$HARNESS/till}
    show_fact "tables, foreign keys" "$(sql shop "SELECT count(*) FILTER (WHERE relkind = 'r') FROM pg_class WHERE relnamespace = 'public'::regnamespace"), $(sql shop "SELECT count(*) FROM pg_constraint WHERE contype = 'f'")"
    show_fact "size" "$(show_bytes "$(sql shop 'SELECT pg_database_size(current_database())')")"

    show_step "pgstrand init: look, prepare, copy the base"
    local begin
    begin=$(show_clock)
    run "init" pgstrand init --data "$till" --source "$source_db" --config "$POS/pgstrand.conf" --device-name till-1 --yes
    show_fact "took" "$(show_since "$begin")"
    fact "FULL base" '.[0] | "\(.rows) rows, \(.size / 1024 | floor) KiB, snapshot \(.uuid)"' snapshots --data "$till"
    show_note "what some tables get, and why (pgstrand tables):"
    pgstrand tables --data "$till" >"$HARNESS/tables.txt"
    grep -E '^ *public\.(users|printJobs|auditLogs|syncNodes|sessions|wiFiUsageAnalytics) ' "$HARNESS/tables.txt" | cut -c 1-110 | sed 's/^/      /' || true
}

tour_capture() {
    show_step "Capture under load, with the agent killed by kill -9 three times"
    agent_start "$till"
    "$POS/workload.sh" --db "$source_db" --rate "$((rate * 4))" --seconds 9 >"$HARNESS/workload.log" 2>&1 </dev/null &
    workload_pid=$!
    local _
    for _ in 1 2 3; do
        sleep 2
        agent_kill9 "$till"
        agent_start --no-wait "$till"
    done
    wait "$workload_pid" || die "the workload failed: $(tail -n 2 "$HARNESS/workload.log")"
    workload_pid=
    local begin
    begin=$(show_clock)
    moment breakfast
    show_fact "transactions of the shop" "$(sed -n 's/^number of transactions actually processed: //p' "$HARNESS/workload.log" | cut -d / -f 1)"
    show_fact "durable in the log" "seq $(show_count "$seq_breakfast"), caught up in $(show_since "$begin")"
    show_fact "the agent's private memory" "$(awk '/^RssAnon/ { printf "%.1f MiB", $2 / 1024 }' "/proc/$(agent_pid "$till")/status")"
    fact "status" '"lag \(.lag_bytes) bytes, healthy: \(.healthy)"' status --data "$till"
}

tour_seal() {
    show_step "Seal: the log becomes the next links of the chain"
    fact "incremental" '"\(.uuid), seq \(.first_seq) to \(.last_seq)"' seal --data "$till" --name breakfast
    work "$((rate * 2))" 4
    moment lunch
    fact "incremental" '"\(.uuid), seq \(.first_seq) to \(.last_seq)"' seal --data "$till" --name lunch
    pgstrand snapshots --data "$till" | cut -c 1-120 | sed 's/^/      /'
    run "verify" pgstrand verify --data "$till"
    show_ok "verify: hashes, signatures, chain, frames and digests are right"
}

tour_ship() {
    show_step "Ship to two vaults: a USB stick for the office (business), a safe for this till (full device)"
    mkdir "$HARNESS/usb" "$HARNESS/safe"
    run "vault add" pgstrand vault --data "$till" add usb "file://$HARNESS/usb" --backup-type business
    run "vault add" pgstrand vault --data "$till" add safe "file://$HARNESS/safe" --backup-type full-device
    run "ship usb" pgstrand ship --data "$till" usb
    run "ship safe" pgstrand ship --data "$till" safe
    local vault
    for vault in usb safe; do
        show_fact "$vault" "$(find "$HARNESS/$vault" -name '*.snap' | wc -l) snapshots, $(show_bytes "$(size_of "$HARNESS/$vault")"), $(find "$HARNESS/$vault" -name '*.device' | wc -l) device files"
    done
    [ "$(find "$HARNESS/usb" -name '*.device' | wc -l)" -eq 0 ] || die "a device file is in the business vault"
    [ "$(find "$HARNESS/safe" -name '*.device' | wc -l)" -gt 0 ] || die "no device file is in the full-device vault"
    show_ok "device rows stayed home: no device file in the business vault"
}

tour_same_device() {
    show_step "The same device: everything back, to the latest moment and to an earlier one"
    work "$rate" 3
    moment evening
    show_note "seq $(show_count "$seq_evening"): the last hours are in no snapshot yet, only in the local log"
    restored till_latest --data "$till"
    expect_equal till_latest evening business audit device
    expect_none till_latest transient
    restored till_breakfast --data "$till" --to-seq "$seq_breakfast"
    expect_equal till_breakfast breakfast business audit device
    show_note "and from the safe, as after a fire, with this device's identity"
    restored till_safe --data "$till" --from safe --as same
    expect_equal till_safe lunch business audit device
}

tour_other_device() {
    show_step "Another device, with nothing but the USB stick"
    local office=$HARNESS/office
    restored office_latest --data "$office" --from "file://$HARNESS/usb"
    expect_equal office_latest lunch business audit
    expect_none office_latest device
    expect_none office_latest transient
    restored office_breakfast --data "$office" --from "file://$HARNESS/usb" --to-seq "$seq_breakfast"
    expect_equal office_breakfast breakfast business audit
    show_note "and from the safe, where the device rows are: they still stay out"
    restored office_safe --data "$office" --from "file://$HARNESS/safe"
    expect_equal office_safe lunch business audit
    expect_none office_safe device
    local mine theirs
    ask .node identity --data "$till"
    mine=$answer
    ask .node identity --data "$office"
    theirs=$answer
    [ "$mine" != "$theirs" ] || die "the office took over the till's node identity"
    show_ok "the office is a node of its own: $theirs, not $mine"
}

tour_damage() {
    show_step "Transient rows are nowhere; damage is found and named"
    if grep -rlaq -e 'TRANSIENT-' "$till" "$HARNESS/usb" "$HARNESS/safe"; then
        die "a transient row is in $(grep -rla -e 'TRANSIENT-' "$till" "$HARNESS/usb" "$HARNESS/safe" | head -n 1)"
    fi
    pgstrand log --data "$till" --json >"$HARNESS/log.json"
    refute grep -q 'TRANSIENT-' "$HARNESS/log.json" || die "a transient row is in the action log"
    show_ok "$(show_count "$(wc -l <"$HARNESS/log.json")") actions in the log, none of a transient row (the till made $(show_count "$(sql shop 'SELECT n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_user_tables WHERE relname = '"'sessions'")") changes of sessions)"
    cp -r "$HARNESS/usb" "$HARNESS/dropped"
    local victim code=0
    victim=$(find "$HARNESS/dropped" -name '*.snap' | sort | tail -n 1)
    printf '\xff' | dd of="$victim" bs=1 seek=$(($(stat -c %s "$victim") / 2)) conv=notrunc status=none
    pgstrand verify --data "$HARNESS/office" --from "file://$HARNESS/dropped" >"$HARNESS/out" 2>"$HARNESS/err" || code=$?
    [ "$code" -ne 0 ] || die "a flipped byte in $victim went unnoticed"
    show_ok "a flipped byte on a copy of the stick: exit $code"
    # The row of the damaged snapshot ends in "FILE: where: what".
    sed -n 's/.*\.snap: /        it says: /p' "$HARNESS/out" | head -n 1
}

tour_leave() {
    show_step "Leave no trace: uninstall"
    agent_stop "$till" || die "the agent did not stop cleanly: $(agent_log "$till" | tail -n 3)"
    run "uninstall" pgstrand uninstall --data "$till" --yes
    local left
    left=$(sql shop "SELECT (SELECT count(*) FROM pg_replication_slots) + (SELECT count(*) FROM pg_publication)
        + (SELECT count(*) FROM pg_namespace WHERE nspname = 'pgstrand') + (SELECT count(*) FROM pg_event_trigger)")
    [ "$left" -eq 0 ] || die "uninstall left $left objects in the database"
    show_ok "no slot, publication, trigger or schema of pgstrand is left"
}

tour() {
    local begin
    begin=$(show_clock)
    show_title "pgstrand, a walk through"
    tour_init
    tour_capture
    tour_seal
    tour_ship
    tour_same_device
    tour_other_device
    tour_damage
    tour_leave
    show_title "Everything was as it should be ($(show_since "$begin"))."
}
