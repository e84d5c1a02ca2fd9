# Killed at crash points, some of them, drawn anew in each run; tests/full/crashpoints.bats takes every one.

load ../lib/onecluster
load ../lib/oracle
load ../lib/crashpoints
cluster_settings=(logical_decoding_work_mem=64kB)

setup_file() {
    onecluster_begin
    oracle_begin shop "$HARNESS/data"
    export ORACLE_DB ORACLE_DATA ORACLE_FILES
}

# some STEP COMMAND: every STEP-th of the crash points, from one that is drawn.
some() {
    crash_sweep kill "$1" $((RANDOM % $1 + 1)) "$2" || return 1
    crash_sweep killafter "$1" $((RANDOM % $1 + 1)) "$2"
}

@test "the agent killed at crash points: the log is what was committed" {
    some 31 crash_agent
}

@test "seal, ship and restore killed at crash points: all or nothing, and the next run completes" {
    agent_start "$ORACLE_DATA"
    some 17 crash_seal
    crash_sweep kill 131 $((RANDOM % 100 + 1)) crash_full
    crash_sweep killafter 29 $((RANDOM % 29 + 1)) crash_differential
    pgstrand vault add --data "$ORACLE_DATA" vault "$HARNESS/vault" >/dev/null
    crash_sweep killafter 149 $((RANDOM % 100 + 1)) crash_ship
    agent_stop "$ORACLE_DATA"
    some 3 crash_restore
}
