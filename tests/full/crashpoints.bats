# Killed at every crash point in turn, before it and after it, until a whole run completes; what has hundreds of them at each place
# in the program (lib/crashpoints.bash). And with each of their file operations failing once. What each sweep came to is printed.
# CRASH_SECONDS, CRASH_FROM and CRASH_SEEN run one in pieces.

load ../lib/onecluster
load ../lib/oracle
load ../lib/crashpoints
cluster_settings=(logical_decoding_work_mem=64kB)

teardown() {
    [ -z "${ORACLE_DATA:-}" ] || ! agent_running "$ORACLE_DATA" || agent_kill9 "$ORACLE_DATA"
}

@test "the agent killed before each crash point: the log is what was committed" {
    crash_fresh before
    crash_sweep kill 1 1 crash_agent
}

@test "the agent killed after each crash point: the log is what was committed" {
    crash_fresh after
    crash_sweep killafter 1 1 crash_agent
}

crash_init() {
    local data=$HARNESS/init slots="SELECT count(*) FROM pg_replication_slots WHERE database = 'small' AND slot_name LIKE 'pgstrand%'"
    crash_command "$1" init --yes --data "$data" --source "$(conninfo small)" || return 1
    pgstrand init --yes --quiet --data "$data" --source "$(conninfo small)" >/dev/null || return 1
    [ "$(sql postgres "$slots")" -eq 1 ] || complain "$(sql postgres "$slots") slots" || return 1
    [ "$(find "$data/snapshots" -name '*.commit' | wc -l)" -eq 1 ] || complain 'not one snapshot' || return 1
    [ -z "$(find "$data" -name '*.part')" ] || complain 'half a file' || return 1
    pgstrand verify --data "$data" >/dev/null || return 1
    pgstrand uninstall --data "$data" --yes --quiet >/dev/null 2>&1 || return 1
    [ "$(sql postgres "$slots")" -eq 0 ] || complain 'the slot is left' || return 1
    rm -rf "$data"
}

init_sweep() {
    database_new small
    sql small "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT g, 'v' FROM generate_series(1, 100) g; CREATE TABLE u (a int)"
    crash_places "$1" '' crash_init
    database_drop small
}

@test "init killed before each place: the next run finishes, with one slot and one snapshot" {
    init_sweep kill
}

@test "init killed after each place: the next run finishes, with one slot and one snapshot" {
    init_sweep killafter
}

@test "ship killed at each crash point: the vault verifies after the next run" {
    crash_fresh ship
    pgstrand vault add --data "$ORACLE_DATA" vault "$HARNESS/vault" >/dev/null
    crash_sweep kill 1 1 crash_ship
    crash_sweep killafter 1 1 crash_ship
}

@test "sealing killed at each crash point: the chain is whole, and the next seal goes on" {
    crash_fresh seal
    agent_start "$ORACLE_DATA"
    crash_sweep kill 1 1 crash_seal
    crash_sweep killafter 1 1 crash_seal
    crash_chain_end
}

@test "a DIFFERENTIAL killed at each crash point: the chain is whole, and the next seal goes on" {
    crash_fresh differential
    agent_start "$ORACLE_DATA"
    crash_sweep kill 1 1 crash_differential
    crash_sweep killafter 1 1 crash_differential
    crash_chain_end
}

@test "a FULL killed before each place: the chain is whole, and the next seal goes on" {
    crash_fresh full_before
    agent_start "$ORACLE_DATA"
    crash_places kill '' crash_full
    crash_chain_end
}

@test "a FULL killed after each place: the chain is whole, and the next seal goes on" {
    crash_fresh full_after
    agent_start "$ORACLE_DATA"
    crash_places killafter '' crash_full
    crash_chain_end
}

@test "a table's new base killed before each place: it is made by the next run, and no FULL" {
    crash_wide tables_before
    crash_places kill '' crash_tables
}

@test "a table's new base killed after each place: it is made by the next run, and no FULL" {
    crash_wide tables_after
    crash_places killafter '' crash_tables
}

@test "a restore killed at each crash point: the target is as it was, or whole" {
    crash_fresh restore
    crash_sweep kill 1 1 crash_restore
    crash_sweep killafter 1 1 crash_restore
}

@test "a restore that spills killed at each place that writes what it spills: the target is as it was, or whole" {
    crash_fresh spill
    agent_start "$ORACLE_DATA"
    oracle_sql "INSERT INTO acct SELECT g, 'o' || g, g, repeat(md5(g::text), 8) FROM generate_series(200000, 240000) g"
    oracle_sql "UPDATE acct SET balance = balance + 1 WHERE id >= 200000"
    pgstrand wait --data "$ORACLE_DATA" --timeout 120 >/dev/null
    pgstrand seal --data "$ORACLE_DATA" --quiet >/dev/null
    agent_stop "$ORACLE_DATA"
    sed -i 's/^memory = .*/memory = 16 MiB/' "$ORACLE_DATA/pgstrand.conf"
    database_again crash_target
    PGSTRAND_IO_FAULT=full:1:spool/restore- pgstrand restore --data "$ORACLE_DATA" --target "$(conninfo crash_target)" --quiet \
        2>"$HARNESS/crash.err" && return 1 # it does spill
    grep -q 'spool/restore-.*No space left' "$HARNESS/crash.err"
    crash_places kill spool/restore- crash_restore
    crash_places killafter spool/restore- crash_restore
    [ -z "$(ls "$ORACLE_DATA/spool")" ]
}

# ---- not killed, but a file operation fails ----

@test "each file operation of the agent fails once: the log is what was committed" {
    crash_fresh failing
    crash_places fail '' crash_agent
}

@test "each file operation of init fails once: the next run finishes" {
    init_sweep fail
}

@test "each file operation of a seal and a DIFFERENTIAL fails once: the chain is whole, and the next seal goes on" {
    crash_fresh failing_seals
    agent_start "$ORACLE_DATA"
    crash_places fail '' crash_seal
    crash_places fail '' crash_differential
    crash_chain_end
}

@test "each file operation of a FULL fails once: the chain is whole, and the next seal goes on" {
    crash_fresh failing_full
    agent_start "$ORACLE_DATA"
    crash_places fail '' crash_full
    crash_chain_end
}

@test "each file operation of a table's new base fails once: it is made by this run or the next, and no FULL" {
    crash_wide tables_failing
    crash_places fail '' crash_tables
}

@test "each file operation of ship and restore fails once: the next run completes" {
    crash_fresh failing_ship
    pgstrand vault add --data "$ORACLE_DATA" vault "$HARNESS/vault" >/dev/null
    crash_places fail '' crash_ship
    crash_places fail '' crash_restore
}
