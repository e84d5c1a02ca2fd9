# Retention against a real cluster: what it does not keep goes, the rest restores as before, here and in a vault.

bats_require_minimum_version 1.5.0

load ../lib/onecluster

# Three rounds of changes; a FULL behind the first and the second. The seqs go to $HARNESS/seqs.
setup_file() {
    onecluster_begin
    export DATA=$HARNESS/data
    database_new shop
    sql shop "CREATE TABLE items (id int PRIMARY KEY, note text)"
    printf '[seal]\ninterval = 0\nactions = 0\nbytes = 0\non_stop = no\n' >"$HARNESS/start.conf"
    pgstrand init --data "$DATA" --source "$(conninfo shop)" --config "$HARNESS/start.conf" >"$HARNESS/init.out"
    agent_start "$DATA"
    for round in 1 2 3; do
        sql shop "INSERT INTO items SELECT $round * 100 + i, 'round $round' FROM generate_series(1, 10) i"
        pgstrand wait --data "$DATA" --timeout 60 >>"$HARNESS/seqs"
        pgstrand seal --data "$DATA" >/dev/null
        [ "$round" = 3 ] || pgstrand seal --data "$DATA" --type full >/dev/null
    done
    # numbers: 0 full, 1 incremental, 2 full, 3 incremental, 4 full, 5 incremental
    cp -r "$DATA" "$HARNESS/before"
}

# The seq behind round N.
seq_of() {
    sed -n "$1p" "$HARNESS/seqs"
}

pruned_numbers() {
    pgstrand snapshots --data "$DATA" --json "$@" | jq -r '[.[] | select(.pruned) | .number] | join(" ")'
}

restores() {
    local target="t$RANDOM$RANDOM" rounds=$1
    shift
    database_new "$target"
    pgstrand restore --data "$DATA" --target "$(conninfo "$target")" --to-seq "$(seq_of "$rounds")" --no-progress "$@" >/dev/null
    [ "$(sql "$target" 'SELECT count(*) FROM items')" = $((rounds * 10)) ]
    database_drop "$target"
}

agent_pruned() {
    agent_log "$DATA" | grep -q 'pruned [0-9]* snapshots'
}

files() {
    find "$DATA/snapshots" -name '*.snap' | wc -l
}

@test "everything is kept without a rule, and prune says how to give one" {
    expect_exit 10 'everything is kept: set fulls or age under \[retention\]' pgstrand prune --data "$DATA"
    expect_exit 2 'fulls wants a number' pgstrand prune --data "$DATA" --fulls 0
}

@test "a dry run says what would go and changes nothing" {
    pgstrand prune --data "$DATA" --fulls 2 --dry-run | grep -q '^2 snapshots would be pruned .*, 4 kept: seq 10 and later'
    [ "$(files)" = 6 ]
}

@test "what no vault has yet stays" {
    pgstrand vault add --data "$DATA" usb "file://$HARNESS/usb"
    pgstrand prune --data "$DATA" --fulls 1 | tee "$HARNESS/out"
    grep -q '^0 snapshots pruned' "$HARNESS/out"
    grep -q 'vault usb does not have it yet: pgstrand ship usb' "$HARNESS/out"
    [ "$(files)" = 6 ]
    pgstrand ship --data "$DATA" usb >/dev/null
    # formatted since
    mv "$HARNESS/usb" "$HARNESS/usb.full" && mkdir "$HARNESS/usb"
    pgstrand prune --data "$DATA" --fulls 1 | tee "$HARNESS/out"
    grep -q 'vault usb does not have it yet' "$HARNESS/out"
    rmdir "$HARNESS/usb" && mv "$HARNESS/usb.full" "$HARNESS/usb"
    [ "$(files)" = 6 ]
}

@test "nothing goes while somebody reads, nor when what would be left is damaged" {
    exec 5>"$DATA/read.lock"
    flock -s 5
    expect_exit 15 'a restore, drill or export reads the chain' pgstrand prune --data "$DATA" --fulls 2
    exec 5>&-
    local snap
    snap=$(find "$DATA/snapshots" -name '0000000000000002-*.snap')
    cp "$snap" "$HARNESS/good.snap"
    printf 'x' | dd of="$snap" bs=1 seek=300 conv=notrunc status=none
    expect_exit 12 'nothing was pruned: what would be left is damaged' pgstrand prune --data "$DATA" --fulls 2
    cp "$HARNESS/good.snap" "$snap"
    [ "$(files)" = 6 ]
}

@test "killed in the middle of it, the next call goes on" {
    local nth rc=137 before
    for ((nth = 1; rc == 137 && nth < 100; nth++)); do
        rc=0
        PGSTRAND_IO_FAULT=kill:$nth:/snapshots/ pgstrand prune --data "$DATA" --fulls 2 >/dev/null 2>&1 || rc=$?
        pgstrand verify --data "$DATA" >/dev/null
        restores 2
    done
    [ "$rc" = 0 ] && [ "$nth" -gt 3 ]
    [ "$(pruned_numbers)" = "0 1" ]
    [ "$(files)" = 4 ]
}

@test "what is left restores, what is gone is refused with the earliest seq" {
    restores 1
    restores 2
    restores 3
    database_new early
    expect_exit 10 'before the oldest base that pruning left: the earliest restorable seq is 10' \
        pgstrand restore --data "$DATA" --target "$(conninfo early)" --to-seq 5
    pgstrand verify --data "$DATA" | grep -c ' pruned$' | grep -qx 2
}

@test "the log and a row's history begin where pruning left off" {
    pgstrand log --data "$HARNESS/before" --json >"$HARNESS/all.jsonl"
    [ "$(jq -s '.[0].seq' "$HARNESS/all.jsonl")" = 1 ]
    pgstrand entity --data "$DATA" items 101 --json | jq -e '.value.note == "round 1"'
    pgstrand entity --data "$DATA" items 305 --json | jq -e '.history | length == 1'
    rm -rf "$DATA/index"
    pgstrand entity --data "$DATA" items 101 --json | jq -e '.value.note == "round 1"'
}

@test "content that is missing without having been pruned is damage" {
    local snap
    snap=$(find "$HARNESS/before/snapshots" -name '0000000000000001-*.snap')
    mv "$snap" "$HARNESS/kept.snap"
    run -1 pgstrand verify --data "$HARNESS/before"
    [[ $output == *'.snap: '*'No such file'* ]]
    mv "$HARNESS/kept.snap" "$snap"
    pgstrand verify --data "$HARNESS/before" >/dev/null
}

@test "the vault keeps what is pruned here, until it is pruned there" {
    pgstrand ship --data "$DATA" usb | grep -q '^0 snapshots sent'
    [ -z "$(pruned_numbers --from usb)" ]
    restores 1 --from usb
    pgstrand prune --data "$DATA" --vault usb --fulls 1 | grep -q '^4 snapshots pruned'
    [ "$(pruned_numbers --from usb)" = "0 1 2 3" ]
    restores 3 --from usb
    pgstrand verify --data "$DATA" --from usb >/dev/null
    # shipping does not bring it back
    pgstrand ship --data "$DATA" usb >/dev/null
    [ "$(pruned_numbers --from usb)" = "0 1 2 3" ]
}

@test "a new vault gets the commits of what is gone, and holds together" {
    pgstrand vault add --data "$DATA" late "file://$HARNESS/late"
    pgstrand ship --data "$DATA" late >/dev/null
    [ "$(pruned_numbers --from late)" = "0 1" ]
    pgstrand verify --data "$DATA" --from late >/dev/null
    restores 3 --from late
}

@test "the agent seals FULLs by schedule and prunes what retention does not keep" {
    agent_stop "$DATA"
    sed -i 's/^full_interval = .*/full_interval = 1s/; s/^fulls = .*/fulls = 1/' "$DATA/pgstrand.conf"
    grep -q '^full_interval = 1s' "$DATA/pgstrand.conf"
    pgstrand vault remove --data "$DATA" usb
    pgstrand vault remove --data "$DATA" late
    # It fails at first, and is tried again though nothing more needs sealing.
    PGSTRAND_IO_FAULT=fail:1:/0000000000000002- agent_start "$DATA"
    sql shop "INSERT INTO items VALUES (1, 'late')"
    wait_for 30 agent_pruned
    agent_log "$DATA" | grep -q 'cannot prune: .*Input/output error'
    wait_for 60 eval "pgstrand status --data '$DATA' --json | jq -e .healthy"
    # Between a new FULL and its pruning there are two.
    one_full() {
        [ "$(pgstrand snapshots --data "$DATA" --json | jq '[.[] | select(.type == "full" and (.pruned | not))] | length')" = 1 ] &&
            [ "$(files)" -le 2 ]
    }
    wait_for 60 one_full
    pgstrand verify --data "$DATA" >/dev/null
    agent_stop "$DATA"
    database_new after
    pgstrand restore --data "$DATA" --target "$(conninfo after)" --no-progress >/dev/null
    [ "$(sql after 'SELECT count(*) FROM items')" = 31 ]
}
