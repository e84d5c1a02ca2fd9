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

# Every write of the spilled parts is a crash point: hundreds, of which some are drawn.
@test "a restore that spills killed at crash points of what it spills: the target is as it was, or whole" {
    agent_start "$ORACLE_DATA"
    oracle_sql "INSERT INTO acct SELECT g, 'o' || g, g, repeat(md5(g::text), 8) FROM generate_series(200000, 240000) g"
    oracle_sql "UPDATE acct SET balance = balance + 1 WHERE id >= 200000"
    pgstrand wait --data "$ORACLE_DATA" --timeout 120 >/dev/null
    pgstrand seal --data "$ORACLE_DATA" --quiet >/dev/null
    agent_stop "$ORACLE_DATA"
    sed -i 's/^memory = .*/memory = 16 MiB/' "$ORACLE_DATA/pgstrand.conf"
    database_new crash_target
    PGSTRAND_IO_FAULT=full:1:spool/restore- pgstrand restore --data "$ORACLE_DATA" --target "$(conninfo crash_target)" --quiet \
        2>"$HARNESS/crash.err" && return 1 # it does spill
    grep -q 'spool/restore-.*No space left' "$HARNESS/crash.err"
    crash_sample kill spool/restore- 8 crash_restore
    crash_sample killafter spool/restore- 8 crash_restore
    [ -z "$(ls "$ORACLE_DATA/spool")" ]
}
