# Prepared transactions: captured when they are committed, whatever happens between PREPARE and then; never when rolled back.

load ../lib/onecluster
cluster_settings=(logical_decoding_work_mem=64kB)

setup_file() {
    onecluster_begin
    export DATA=$HARNESS/data
    database_new shop
    sql shop "CREATE TABLE t (id int PRIMARY KEY, v text)"
    sql shop "BEGIN; INSERT INTO t VALUES (-1, 'prepared before init'); PREPARE TRANSACTION 'early'"
    # The slot waits for a transaction that was there before, and says for which; as soon as it is decided, init goes on.
    pgstrand init --yes --no-progress --data "$DATA" --source "$(conninfo shop)" >"$HARNESS/init.words" 2>&1 3>&- &
    local init=$!
    wait_for 60 grep -q 'prepared transaction early in shop' "$HARNESS/init.words"
    sql shop "COMMIT PREPARED 'early'"
    wait "$init"
    agent_start "$DATA"
}

assert_restored() {
    pgstrand wait --data "$DATA" --timeout 60 >/dev/null
    database_again r
    pgstrand restore --data "$DATA" --target "$(conninfo r)" --no-progress >/dev/null
    assert_same_tables "$(conninfo shop)" "$(conninfo r)"
}

creates() {
    pgstrand log --data "$DATA" --json | jq -r 'select(.kind == "CREATE") | .new.id'
}

@test "init waits for a prepared transaction, names it, and has its rows in the base" {
    grep -q "prepared transaction early in shop" "$HARNESS/init.words"
    assert_restored
    [ "$(sql r 'SELECT count(*) FROM t')" = 1 ]
}

@test "prepared and committed; prepared and rolled back; others commit between" {
    sql shop "BEGIN; INSERT INTO t VALUES (1, 'kept'); UPDATE t SET v = 'changed' WHERE id = -1; PREPARE TRANSACTION 'a'"
    sql shop "BEGIN; INSERT INTO t VALUES (2, 'gone'); PREPARE TRANSACTION 'b'"
    sql shop "INSERT INTO t VALUES (3, 'between')"
    pgstrand wait --data "$DATA" --timeout 60 >/dev/null
    [ "$(creates | paste -sd' ')" = 3 ]
    sql shop "ROLLBACK PREPARED 'b'"
    sql shop "COMMIT PREPARED 'a'"
    assert_restored
    [ "$(creates | paste -sd' ')" = "3 1" ] # the order of the commits
}

@test "prepared, then the agent is stopped and killed, committed while it is away and after it is back" {
    sql shop "BEGIN; INSERT INTO t VALUES (10, 'over a stop'); PREPARE TRANSACTION 'c'"
    sql shop "BEGIN; INSERT INTO t VALUES (11, 'over a kill'); PREPARE TRANSACTION 'd'"
    sql shop "BEGIN; INSERT INTO t VALUES (12, 'gone'); PREPARE TRANSACTION 'e'"
    sql shop "INSERT INTO t VALUES (13, 'between'); CHECKPOINT"
    pgstrand wait --data "$DATA" --timeout 60 >/dev/null
    agent_stop "$DATA"
    sql shop "COMMIT PREPARED 'c'"
    agent_start "$DATA"
    pgstrand wait --data "$DATA" --timeout 60 >/dev/null
    agent_kill9 "$DATA"
    sql shop "ROLLBACK PREPARED 'e'"
    agent_start "$DATA"
    sql shop "COMMIT PREPARED 'd'"
    assert_restored
    [ "$(creates | tail -n 3 | paste -sd' ')" = "13 10 11" ]
}

@test "prepared, and the server crashes before it is committed" {
    sql shop "BEGIN; INSERT INTO t VALUES (20, 'over a crash'); PREPARE TRANSACTION 'f'"
    cluster_crash
    cluster_start
    sql shop "COMMIT PREPARED 'f'"
    assert_restored
    [ "$(creates | grep -cx 20)" -eq 1 ]
}

@test "streamed and prepared, parts rolled back; one committed, one not" {
    local name
    for name in g h; do
        sql shop "BEGIN; INSERT INTO t SELECT g + ascii('$name') * 100000, '$name kept' FROM generate_series(1, 4000) g;
            SAVEPOINT s; INSERT INTO t SELECT g + ascii('$name') * 100000 + 50000, 'gone' FROM generate_series(1, 4000) g;
            ROLLBACK TO s; DELETE FROM t WHERE id = ascii('$name') * 100000 + 1; PREPARE TRANSACTION '$name'"
    done
    sql shop "COMMIT PREPARED 'g'; "
    sql shop "ROLLBACK PREPARED 'h'"
    assert_restored
    [ "$(sql r "SELECT count(*) FROM t WHERE v = 'g kept'")" = 3999 ]
    [ "$(sql shop 'SELECT sum(stream_txns) > 0 FROM pg_stat_replication_slots')" = t ]
    [ -z "$(ls "$DATA/spool")" ]
    [ "$(pgstrand log --data "$DATA" --json | grep -c gone)" -eq 0 ]
}
