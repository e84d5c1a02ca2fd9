# Killed at every crash point in turn, before it and after it, until a whole run completes.

setup_file() {
    load ../lib/cluster
    load ../lib/pgstrand
    load ../lib/oracle
    harness_begin
    cluster_new one logical_decoding_work_mem=64kB
    oracle_begin shop "$HARNESS/data"
    export ORACLE_DB ORACLE_DATA ORACLE_FILES
}

teardown_file() {
    load ../lib/cluster
    harness_end
}

setup() {
    load ../lib/cluster
    load ../lib/pgstrand
    load ../lib/oracle
    load ../lib/crashpoints
}

@test "the agent killed before each crash point: the log is what was committed (1 of 2)" {
    crash_sweep kill 2 1 crash_agent
}

@test "the agent killed before each crash point: the log is what was committed (2 of 2)" {
    crash_sweep kill 2 2 crash_agent
}

@test "the agent killed after each crash point: the log is what was committed (1 of 2)" {
    crash_sweep killafter 2 1 crash_agent
}

@test "the agent killed after each crash point: the log is what was committed (2 of 2)" {
    crash_sweep killafter 2 2 crash_agent
}

@test "init killed at each crash point: the next run finishes, with one slot and one snapshot" {
    crash_init() {
        local data=$HARNESS/init slots="SELECT count(*) FROM pg_replication_slots WHERE database = 'small' AND slot_name LIKE 'pgstrand%'"
        crash_command "$1" init --yes --data "$data" --source "$(conninfo small)" || return 1
        pgstrand init --yes --quiet --data "$data" --source "$(conninfo small)" >/dev/null || return 1
        [ "$(sql postgres "$slots")" -eq 1 ] || complain "$(sql postgres "$slots") slots" || return 1
        [ "$(find "$data/snapshots" -name '*.commit' | wc -l)" -eq 1 ] || complain 'not one snapshot' || return 1
        [ -z "$(find "$data" -name '*.part')" ] || complain 'half a file' || return 1
        pgstrand verify --data "$data" >/dev/null || return 1
        pgstrand uninstall --data "$data" --yes --quiet >/dev/null 2>&1 || return 1
        rm -rf "$data"
    }
    database_new small
    sql small "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT g, 'v' FROM generate_series(1, 100) g; CREATE TABLE u (a int)"
    crash_sweep kill 1 1 crash_init
    crash_sweep killafter 1 1 crash_init
    database_drop small
}

@test "ship killed at each crash point: the vault verifies after the next run" {
    pgstrand vault add --data "$ORACLE_DATA" vault "$HARNESS/vault" >/dev/null
    crash_sweep kill 3 1 crash_ship
    crash_sweep killafter 3 2 crash_ship
}

@test "sealing killed at each crash point: the chain is whole, and the next seal goes on" {
    agent_start "$ORACLE_DATA"
    crash_sweep kill 1 1 crash_seal
    crash_sweep killafter 1 1 crash_seal
    crash_sweep kill 1 1 crash_differential
    agent_stop "$ORACLE_DATA"
}

@test "a FULL killed at each crash point: the chain is whole, and the next seal goes on" {
    agent_start "$ORACLE_DATA"
    crash_sweep kill 2 1 crash_full
    crash_sweep killafter 2 2 crash_full
    agent_stop "$ORACLE_DATA"
}
