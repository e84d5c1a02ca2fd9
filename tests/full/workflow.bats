# Long operations killed before and after every write of the catalogue, or with such a write failing: gone on from they end the same.

bats_require_minimum_version 1.5.0

load ../lib/restoreflow
load ../lib/crashpoints

setup() {
    untraced
    target=w
}

@test "a fresh restore killed at every step" {
    workflow_sweep 1 1 killed_fresh
}

@test "a restore with two jobs killed at every step" {
    workflow_sweep 1 1 killed_parallel
}

@test "a replacing restore killed at every step" {
    workflow_sweep 1 1 killed_replace
}

@test "a merge killed at every step" {
    workflow_sweep 1 1 killed_merge
}

@test "a seal of each type killed at every step" {
    agent_start "$DATA"
    workflow_sweep 1 1 killed_incremental
    workflow_sweep 1 1 killed_differential
    workflow_sweep 1 1 killed_full
    agent_stop "$DATA"
}

@test "a seal behind a re-typed column, whose rows were told again, killed at every step" {
    agent_start "$DATA"
    workflow_sweep 1 1 killed_retyped incremental
    agent_stop "$DATA"
}

@test "a seal behind a re-typed column, whose table gets a new base, killed at every step" {
    sql shop 'ALTER DATABASE shop SET pgstrand.retell_bytes = 0'
    agent_start "$DATA"
    workflow_sweep 1 1 killed_retyped incremental
    workflow_sweep 1 1 killed_retyped full
    agent_stop "$DATA"
    sql shop 'ALTER DATABASE shop RESET pgstrand.retell_bytes'
}

@test "a migration killed at every step" {
    workflow_sweep 1 1 killed_migration
}

@test "a seal of each type killed at every step and typed again" {
    agent_start "$DATA"
    workflow_sweep 1 1 killed_again incremental
    workflow_sweep 1 1 killed_again differential
    workflow_sweep 1 1 killed_again full
    agent_stop "$DATA"
}

@test "a drill killed at every step" {
    workflow_sweep 1 1 killed_drill
}

# The shop's chain, for a machine that takes its node over.
takeover_begin() {
    [ ! -e "$HARNESS/key" ] || return 0
    pgstrand identity --data "$DATA" --json | jq -r .recovery_key >"$HARNESS/key"
    pgstrand seal --data "$DATA" --quiet >/dev/null
    pgstrand vault add --data "$DATA" safe "file://$HARNESS/safe" --backup-type full-device >/dev/null
    pgstrand ship --data "$DATA" safe >/dev/null
}

killed_take_over() {
    local id new=$HARNESS/new
    local args=(--data "$new" --from "file://$HARNESS/safe" --target "$(conninfo "$target")" --as same --recovery-key "$HARNESS/key")
    rm -rf "$new"
    restoreflow_prepare fresh
    workflow_killed "$1" restore "${args[@]}" || return 1
    for id in $(workflow_open "$new" '' 2>/dev/null); do
        pgstrand workflow resume "$id" --data "$new" --quiet >/dev/null 2>"$HARNESS/resumed" ||
            grep -q 'say --as same with --recovery-key' "$HARNESS/resumed" || complain "$(<"$HARNESS/resumed")" || return 1
    done
    # Killed before the hand-over was signed: then nothing had begun.
    pgstrand identity --data "$new" --quiet >/dev/null 2>&1 || pgstrand restore "${args[@]}" --quiet || return 1
    [ "$(pgstrand identity --data "$new" --json | jq -r .node)" = "$(pgstrand identity --data "$DATA" --json | jq -r .node)" ] || return 1
    assert_same_tables "$(conninfo shop)" "$(conninfo "$target")"
}

@test "a node that is taken over: killed at every step" {
    takeover_begin
    workflow_sweep 1 1 killed_take_over
}

# Each time a node that was just taken over begins to capture.
killed_heir() {
    local new=$HARNESS/new
    rm -rf "$new"
    restoreflow_prepare fresh
    pgstrand restore --data "$new" --from "file://$HARNESS/safe" --target "$(conninfo "$target")" --as same --recovery-key "$HARNESS/key" --quiet || return 1
    workflow_killed "$1" init --data "$new" || return 1
    pgstrand init --data "$new" --quiet >/dev/null || return 1
    pgstrand verify --data "$new" >/dev/null || return 1
    pgstrand snapshots --data "$new" --json | jq -e 'map(.taken_over) == [false, false, true]' >/dev/null || complain 'the chain does not go on' || return 1
    pgstrand uninstall --data "$new" --yes >/dev/null
}

@test "init of a node that was taken over: killed at every step" {
    takeover_begin
    workflow_sweep 3 1 killed_heir
}

killed_init() {
    local id new=$HARNESS/first
    rm -rf "$new"
    restoreflow_prepare replace
    workflow_killed "$1" init --data "$new" --source "$(conninfo "$target")" || return 1
    for id in $(workflow_open "$new" '' 2>/dev/null); do
        pgstrand workflow resume "$id" --data "$new" --quiet >/dev/null || return 1
    done
    pgstrand init --data "$new" --source "$(conninfo "$target")" --quiet >/dev/null || return 1
    [ "$(pgstrand workflow list --data "$new" --json | jq -c 'map([.name, .status])')" = '[["init","COMPLETED"]]' ] || return 1
    pgstrand verify --data "$new" >/dev/null || return 1
    pgstrand uninstall --data "$new" --yes >/dev/null
}

@test "init killed at every step" {
    workflow_sweep 2 1 killed_init
}

@test "restores, merge and drill, each write of the catalogue failing once" {
    local kind
    for kind in fresh parallel replace merge drill; do
        crash_places fail catalog.mdb "killed_$kind"
    done
}

@test "seals, each write of the catalogue failing once" {
    local kind
    agent_start "$DATA"
    for kind in incremental differential full; do
        crash_places fail catalog.mdb "killed_$kind"
    done
    agent_stop "$DATA"
}

again_incremental() {
    killed_again incremental "$1"
}

again_differential() {
    killed_again differential "$1"
}

again_full() {
    killed_again full "$1"
}

@test "seals, each write of the catalogue failing once, and typed again: none is made twice" {
    local kind
    agent_start "$DATA"
    for kind in incremental differential full; do
        crash_places fail catalog.mdb "again_$kind"
    done
    agent_stop "$DATA"
}
