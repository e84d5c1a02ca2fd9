# PostgreSQL's own regression suite on a captured database: the application's statements never fail because of pgstrand,
# in every isolation level. The suite is fetched (lib/regress.bash); where that cannot be had, these tests are skipped.

setup_file() {
    load ../lib/cluster
    load ../lib/pgstrand
    load ../lib/regress
    harness_begin
    regress_sources || {
        export NO_SUITE=yes
        return 0
    }
    regress_begin
}

teardown_file() {
    load ../lib/cluster
    harness_end
}

setup() {
    load ../lib/cluster
    load ../lib/pgstrand
    load ../lib/regress
    [ -z "${NO_SUITE:-}" ] || skip "the regression suite's source cannot be fetched here"
    DATA=$HARNESS/data$BATS_TEST_NUMBER
}

teardown() {
    [ -z "${NO_SUITE:-}" ] || return 0
    agent_running "$DATA" && agent_kill9 "$DATA"
    local name
    for name in plain captured; do
        [ ! -d "$(cluster_folder $name)" ] || cluster_remove $name
    done
}

# Room for SERIALIZABLE: where its lock tables are too small the server itself fails transactions at random.
suite_cluster() {
    cluster_new "$1" max_connections=400 max_pred_locks_per_transaction=1000
    cluster_set default_transaction_isolation "$2"
    regress_database regression
}

# Errors of the suite under an isolation level, without pgstrand and with it.
compare_errors() {
    suite_cluster plain "$1"
    regress_run regression "$HARNESS/plain"
    cluster_remove plain
    suite_cluster captured "$1"
    pgstrand init --yes --no-progress --data "$DATA" --source "$(conninfo regression)" >/dev/null 2>"$HARNESS/init.log" ||
        complain "init failed: $(<"$HARNESS/init.log")"
    regress_run regression "$HARNESS/captured"
    # The suite fails thousands of statements on purpose, and some triggers of it really ran.
    [ "$(regress_errors "$HARNESS/plain" | wc -l)" -gt 4000 ]
    [ "$(sql regression 'SELECT count(*) FROM pgstrand.ddl')" -gt 5000 ]
    LC_ALL=C comm -13 <(regress_errors "$HARNESS/plain" | LC_ALL=C sort) \
        <(regress_errors "$HARNESS/captured" | LC_ALL=C sort) >"$HARNESS/new-errors"
    [ ! -s "$HARNESS/new-errors" ] || complain "errors that only a captured database has:" "$(<"$HARNESS/new-errors")"
}

# Every table that can lose a row has something that tells its rows apart.
assert_identities() {
    local without
    without=$(sql regression "SELECT oid::regclass FROM pg_class
        WHERE relkind = 'r' AND relreplident <> 'f' AND pg_relation_is_publishable(oid)
          AND pg_get_replica_identity_index(oid) IS NULL AND relnamespace <> 'pgstrand'::regnamespace")
    [ -z "$without" ] || complain "tables without a usable replica identity: $without"
}

@test "read committed: no application error that a run without pgstrand does not have" {
    compare_errors 'read committed'
    assert_identities
}

@test "repeatable read: no application error that a run without pgstrand does not have" {
    compare_errors 'repeatable read'
    assert_identities
}

@test "serializable: no application error that a run without pgstrand does not have" {
    compare_errors serializable
    assert_identities
}
