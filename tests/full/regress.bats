# PostgreSQL's own regression suite on a captured database: all that it changes is in the log and comes back from a restore, and
# the application's statements never fail because of pgstrand, in every isolation level. The suite is fetched (lib/regress.bash); where that cannot be had, these tests are skipped.

load ../lib/onecluster
load ../lib/regress
load ../lib/oracle

setup_file() {
    harness_begin
    regress_sources || {
        export NO_SUITE=yes
        return 0
    }
    regress_begin
}

setup() {
    untraced
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

# A table's rows with its columns by name. pg_dump gives the columns of inheritance children another order than they have when
# a parent's column came later: a restore from any dump has that order.
rows_by_name() {
    local folder=$2
    mkdir "$folder"
    {
        echo "SET timezone = 'UTC'; SET extra_float_digits = 3;"
        "$PSQL" -X -q -A -t -v ON_ERROR_STOP=1 -v folder="$folder" -d "$1" <<'SQL_END'
SELECT format('\copy (SELECT %s FROM ONLY %I.%I) TO PROGRAM ''LC_ALL=C sort > %s/%s''',
              (SELECT string_agg(quote_ident(attname), ', ' ORDER BY attname) FROM pg_attribute
               WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped),
              n.nspname, c.relname, :'folder', md5(n.nspname || '.' || c.relname))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pgstrand')
  AND n.nspname NOT LIKE 'pg\_%';
SQL_END
    } >"$folder.sql"
    "$PSQL" -X -q -v ON_ERROR_STOP=1 -d "$1" -f "$folder.sql"
}

# Without pgstrand's own objects, comments and the order of columns.
schema_lines() {
    "$PG_DUMP" -s -N pgstrand --no-publications -d "$1" | grep -v -e '^--' -e pgstrand -e restrict -e '^$' |
        sed 's/,$//' | LC_ALL=C sort
}

# What the witness decodes and the log has not: rows of materialized views, which CREATE ... AS and REFRESH ... CONCURRENTLY write,
# before 18 columns that are generated, and partitioned tables in a TRUNCATE of their partitions; pgoutput leaves all three out,
# whatever publication there is, and a restore has them from what they are made of. A column that was generated once is not
# compared where it was not, either. By name: what EXPLAIN ANALYZE CREATE MATERIALIZED VIEW makes, which is no command for event
# triggers, and three tables whose values are no UTF-8: the log has them, JSON cannot show them.
witness_alone() {
    sql regression "
        WITH o AS (SELECT DISTINCT jsonb_array_elements(objects::jsonb) AS o FROM pgstrand.ddl),
             named AS (SELECT replace(o ->> 'identity', '\"', '') AS name, o FROM o)
        SELECT name FROM named WHERE o ->> 'type' = 'materialized view'
        UNION SELECT name || E'\t*' FROM named WHERE o ->> 'kind' = 'p'
        UNION SELECT name || E'\t' || (c ->> 'name') FROM named, jsonb_array_elements(CASE jsonb_typeof(o -> 'columns') WHEN 'array'
                  THEN o -> 'columns' ELSE '[]' END) c WHERE c ->> 'generated' <> ''"
    printf '%s\n' matview_schema.mv_withdata2 public.regress_encoding public.toast_3b_utf8 public.toast_4b_utf8
}

healthy() {
    pgstrand status --data "$DATA" --json | jq -e .healthy
}

# Not decoded by anybody, so in no log: unlogged and temporary tables. The first are not compared.
@test "the suite runs while the agent captures: the log is what was decoded, and restored every table's rows and the schema are equal" {
    suite_cluster captured 'read committed'
    oracle_watch regression "$DATA"
    pgstrand init --yes --no-progress --data "$DATA" --source "$(conninfo regression)" >/dev/null 2>&1
    agent_start "$DATA"
    regress_run regression "$HARNESS/captured"
    pgstrand wait --data "$DATA" --timeout 120 >/dev/null
    wait_for 120 healthy
    # Changes after the last change of the schema come from the log, not from a base.
    sql regression "UPDATE tenk1 SET two = two + 1 WHERE unique1 < 1000; DELETE FROM onek WHERE unique1 % 10 = 0;
                    INSERT INTO person SELECT 'x' || g, g, point(g, g) FROM generate_series(1, 100) g"
    pgstrand wait --data "$DATA" --timeout 60 >/dev/null
    pgstrand seal --data "$DATA" >/dev/null
    agent_stop "$DATA"
    oracle_witness
    oracle_end
    witness_alone >"$ORACLE_FILES/leave"
    [ "$(wc -l <"$ORACLE_FILES/leave")" -gt 10 ]
    oracle_check_log
    echo "# $(wc -l <"$ORACLE_FILES/witness") changes decoded, $(oracle_last_seq) actions in the log" >&3
    [ "$(wc -l <"$ORACLE_FILES/witness")" -gt 100000 ]
    database_new target
    pgstrand restore --data "$DATA" --target "$(conninfo target)" >/dev/null
    schema_lines "$(conninfo regression)" >"$HARNESS/wanted"
    schema_lines "$(conninfo target)" >"$HARNESS/got"
    [ "$(wc -l <"$HARNESS/wanted")" -gt 5000 ]
    diff "$HARNESS/wanted" "$HARNESS/got" || complain 'the schemas differ'
    rows_by_name "$(conninfo regression)" "$HARNESS/rows.wanted"
    rows_by_name "$(conninfo target)" "$HARNESS/rows.got"
    [ "$(find "$HARNESS/rows.wanted" -type f | wc -l)" -gt 400 ]
    diff -rq "$HARNESS/rows.wanted" "$HARNESS/rows.got" || complain 'rows differ'
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
