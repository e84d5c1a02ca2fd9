# Long operations killed before and after every write of the catalogue: gone on from they end the same.

bats_require_minimum_version 1.5.0

load ../lib/restoreflow

setup() {
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

@test "a drill killed at every step" {
    workflow_sweep 1 1 killed_drill
}
