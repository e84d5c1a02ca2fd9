# Capture against a real server: nothing lost, nothing doubled, whatever is killed; and staying alive.

load ../lib/onecluster
# A small decoding memory streams every transaction of some size.
cluster_settings=(logical_decoding_work_mem=64kB)

setup_file() {
    onecluster_begin
    database_new check
    sql check 'CREATE TABLE log (seq bigint PRIMARY KEY, j jsonb NOT NULL)'
}

setup() {
    untraced
    PGBENCH=$(pg_client pgbench)
    DB=shop$BATS_TEST_NUMBER
    DATA=$HARNESS/data$BATS_TEST_NUMBER
}

# The slot of a test that is over must not hold WAL or be in the way of the next one.
teardown() {
    agent_running "$DATA" && agent_kill9 "$DATA"
    sql postgres "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots
                  WHERE database = '$DB' AND NOT active" >/dev/null || true
    mountpoint -q "$HARNESS/small" 2>/dev/null && umount "$HARNESS/small"
    true
}

init() {
    pgstrand init --yes --no-progress --data "$DATA" --source "$(conninfo "$DB")" "$@" >/dev/null 2>"$HARNESS/init.log" ||
        complain "init failed: $(<"$HARNESS/init.log")"
}

shop() {
    sql "$DB" "$1"
}

caught_up() {
    pgstrand wait --data "$DATA" --timeout 60 >/dev/null
}

# The whole log into check.log. The control characters cannot be in JSON.
load_log() {
    pgstrand log --data "$DATA" --json >"$HARNESS/log.json"
    sql check 'TRUNCATE log'
    "$PSQL" -X -q -v ON_ERROR_STOP=1 -d "$(conninfo check)" <<SQL_END
CREATE TEMP TABLE line (n bigserial, t text);
\copy line (t) FROM '$HARNESS/log.json' WITH (FORMAT csv, DELIMITER E'\x02', QUOTE E'\x01')
INSERT INTO log SELECT (t::jsonb ->> 'seq')::bigint, t::jsonb FROM line;
SQL_END
    [ "$(sql check 'SELECT count(*) = coalesce(max(seq), 0) AND min(seq) = 1 FROM log')" = t ] ||
        complain "the log has gaps: $(sql check 'SELECT count(*), min(seq), max(seq) FROM log')"
}

# What the log says a table holds, for a table that was empty at first: keyed by its first column.
logged_state() {
    sql check "SELECT DISTINCT ON (key) key || '|' || coalesce(j -> 'new' ->> '$3', '') AS row
               FROM (SELECT seq, j, coalesce(j -> 'new' ->> '$2', j -> 'old' ->> '$2') AS key FROM log
                     WHERE j ->> 'table' = '$1') rows
               ORDER BY key, seq DESC" >"$HARNESS/state"
    grep -v '|$' "$HARNESS/state" | LC_ALL=C sort
}

source_state() {
    shop "SELECT $2 || '|' || $3 FROM $1" | LC_ALL=C sort
}

assert_state() {
    diff <(source_state "$1" "$2" "$3") <(logged_state "$1" "$2" "$3") >"$HARNESS/difference" ||
        complain "$1 differs (< source, > log):" "$(head -5 "$HARNESS/difference")"
}

# pgbench's history has no key: every row of it must be in the log exactly once, and every balance must be right.
assert_pgbench() {
    load_log
    diff <(shop "SELECT tid, bid, aid, delta, mtime FROM pgbench_history" | LC_ALL=C sort) \
        <(sql check "SELECT j -> 'new' ->> 'tid', j -> 'new' ->> 'bid', j -> 'new' ->> 'aid', j -> 'new' ->> 'delta',
                            j -> 'new' ->> 'mtime' FROM log
                     WHERE j ->> 'table' = 'public.pgbench_history' AND j ->> 'kind' = 'CREATE'" | LC_ALL=C sort) \
        >"$HARNESS/difference" ||
        complain "$(wc -l <"$HARNESS/difference") rows of history differ (< source, > log)" "$(head -5 "$HARNESS/difference")"
    # An UPDATE's value is that of the last one in the log: also the order is right.
    diff <(shop "SELECT aid || '|' || abalance FROM pgbench_accounts WHERE abalance <> 0" | LC_ALL=C sort) \
        <(sql check "SELECT aid || '|' || balance FROM (SELECT DISTINCT ON (j -> 'new' ->> 'aid') j -> 'new' ->> 'aid' AS aid,
                            j -> 'new' ->> 'abalance' AS balance FROM log
                     WHERE j ->> 'table' = 'public.pgbench_accounts' ORDER BY j -> 'new' ->> 'aid', seq DESC) last
                     WHERE balance <> '0'" | LC_ALL=C sort) >"$HARNESS/difference" ||
        complain "balances differ (< source, > log)" "$(head -5 "$HARNESS/difference")"
}

pgbench_ready() {
    database_new "$DB"
    "$PGBENCH" -i -q -s 1 "$(conninfo "$DB")" >/dev/null 2>&1
    init
}

# Some clients work for so many seconds; failures of theirs (the server is killed) do not matter. Not as fast as they can: what they
# have done is compared row by row.
pgbench_run() {
    "$PGBENCH" -n -c 3 -R 400 -T "$1" "$(conninfo "$DB")" >/dev/null 2>&1 3>&- || true
}

pgbench_gone() {
    [ "$(sql postgres "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgbench'")" -eq 0 ]
}

connections() {
    agent_log "$DATA" | grep -c 'connected, capturing'
}

@test "an agent without init, and a second agent, are refused" {
    expect_exit 10 'pgstrand init' "$PGSTRAND_BUILD/pgstrand-agent" --data "$DATA"
    expect_exit 2 'no option' "$PGSTRAND_BUILD/pgstrand-agent" --nonsense
    database_new "$DB"
    shop 'CREATE TABLE t (id int PRIMARY KEY)'
    init
    agent_start "$DATA"
    "$PGSTRAND_BUILD/pgstrand-agent" --data "$DATA" >"$HARNESS/second.log" 2>&1 && complain "two agents run" && return 1
    grep -q 'another pgstrand-agent' "$HARNESS/second.log"
    agent_running "$DATA"
    agent_stop "$DATA"
}

@test "changes of all kinds arrive once and in order, and a clean stop seals them" {
    database_new "$DB"
    shop 'CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE multi (a int, b text)'
    init
    agent_start "$DATA"
    shop "INSERT INTO t SELECT g, 'v' || g FROM generate_series(1, 100) g"
    shop "UPDATE t SET v = 'changed' WHERE id % 3 = 0; DELETE FROM t WHERE id % 7 = 0; UPDATE t SET id = id + 1000 WHERE id > 90"
    shop "INSERT INTO multi VALUES (1, 'x'), (1, 'x'); DELETE FROM multi WHERE ctid = '(0,1)'; TRUNCATE multi"
    shop "BEGIN; SELECT pgstrand.set_context('ann', 's1'); INSERT INTO t VALUES (5000, 'by ann'); COMMIT"
    shop "SELECT pg_logical_emit_message(false, 'note', 'outside'), pg_logical_emit_message(true, 'note', 'inside')"
    caught_up
    load_log
    [ "$(sql check "SELECT j ->> 'user' FROM log WHERE j -> 'new' ->> 'id' = '5000'")" = ann ]
    [ "$(sql check "SELECT count(*) FROM log WHERE j ->> 'kind' = 'MESSAGE'")" = 2 ]
    [ "$(sql check "SELECT count(*) FROM log WHERE j ->> 'kind' = 'TRUNCATE'")" = 1 ]
    [ "$(sql check "SELECT count(*) FROM log WHERE j ->> 'table' = 'public.multi' AND j ->> 'kind' = 'DELETE'")" = 1 ]
    sql check "DELETE FROM log WHERE j ->> 'kind' = 'UPDATE' AND j -> 'old' ->> 'id' <> j -> 'new' ->> 'id'"
    agent_stop "$DATA"
    pgstrand snapshots --data "$DATA" --json | grep -q incremental
}

@test "the agent is killed ten times under load: nothing is lost, nothing doubled" {
    pgbench_ready
    "$PGBENCH" -n -c 3 -R 300 -T 250 "$(conninfo "$DB")" >/dev/null 2>&1 3>&- &
    local load=$!
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        agent_start --no-wait "$DATA"
        sleep "$((RANDOM % 2)).$((RANDOM % 10))"
        agent_kill9 "$DATA"
    done
    kill "$load" # what a backend is about to commit is committed
    wait "$load" || true
    wait_for 20 pgbench_gone
    agent_start "$DATA"
    caught_up
    [ "$(shop 'SELECT count(*) > 1000 FROM pgbench_history')" = t ]
    assert_pgbench
    agent_stop "$DATA"
}

@test "the server is stopped hard under load and comes back: capture goes on by itself" {
    pgbench_ready
    agent_start "$DATA"
    for _ in 1 2 3; do
        pgbench_run 3 3>&- &
        local load=$!
        sleep 1.5
        cluster_crash
        wait $load
        cluster_start
    done
    pgbench_run 1
    caught_up
    agent_running "$DATA"
    assert_pgbench
    agent_stop "$DATA"
}

@test "streamed transactions: interleaved, with savepoints rolled back, some aborted" {
    database_new "$DB"
    shop 'CREATE TABLE t (id int PRIMARY KEY, v text)'
    init
    agent_start "$DATA"
    local worker workers=()
    for worker in 1 2 3; do
        shop "BEGIN;
              INSERT INTO t SELECT $worker * 1000000 + g, 'kept ' || g FROM generate_series(1, 5000) g;
              SAVEPOINT a; INSERT INTO t SELECT $worker * 1000000 + 10000 + g, 'gone' FROM generate_series(1, 5000) g;
              SAVEPOINT b; UPDATE t SET v = 'gone too' WHERE id > $worker * 1000000 AND id < ($worker + 1) * 1000000;
              ROLLBACK TO b; SELECT pg_sleep(0.3); ROLLBACK TO a;
              SAVEPOINT c; INSERT INTO t SELECT $worker * 1000000 + 20000 + g, 'kept c' FROM generate_series(1, 5000) g;
              SAVEPOINT d; DELETE FROM t WHERE id > $worker * 1000000 AND id < $worker * 1000000 + 100;
              RELEASE d; RELEASE c; INSERT INTO t VALUES ($worker * 1000000 + 30000, 'last');
              $([ $worker = 2 ] && echo ROLLBACK || echo COMMIT)" >/dev/null 3>&- &
        workers+=($!)
    done
    wait "${workers[@]}"
    # A thousand subtransactions, each second one rolled back, one inside the other.
    shop "DO \$\$ BEGIN FOR i IN 1..1000 LOOP
              BEGIN
                  INSERT INTO t SELECT i * 100 + g, 'loop' FROM generate_series(1, 20) g;
                  BEGIN
                      UPDATE t SET v = 'inner' WHERE id = i * 100 + 1;
                      IF i % 3 = 0 THEN RAISE 'inner'; END IF;
                  EXCEPTION WHEN OTHERS THEN NULL;
                  END;
                  IF i % 2 = 0 THEN RAISE 'outer'; END IF;
              EXCEPTION WHEN OTHERS THEN NULL;
              END;
          END LOOP; END \$\$"
    caught_up
    load_log
    [ "$(shop 'SELECT count(*) FROM t')" = 29804 ]
    assert_state public.t id v
    [ "$(sql check "SELECT count(*) FROM log WHERE j::text LIKE '%gone%'")" = 0 ]
    [ "$(shop "SELECT sum(stream_count) > 0 FROM pg_stat_replication_slots s JOIN pg_replication_slots USING (slot_name)
               WHERE database = '$DB'")" = t ]
    [ -z "$(ls "$DATA/spool")" ]
    agent_stop "$DATA"
}

private_memory() {
    awk '/RssAnon/ {print $2}' "/proc/$(agent_pid "$DATA")/status"
}

@test "a long streamed transaction: memory stays flat, the connection stays, transient rows never reach the disk" {
    database_new "$DB"
    cluster_set wal_sender_timeout 3s # that a status update is missed shows
    shop 'CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE carts (id int PRIMARY KEY, v text)'
    printf '[source]\nconninfo = %s\n[tiers]\ntransient = carts\n' "$(conninfo "$DB")" >"$HARNESS/tiers.conf"
    init --config "$HARNESS/tiers.conf"
    agent_start "$DATA"
    shop "BEGIN; INSERT INTO carts SELECT g, 'never-' || 'written' FROM generate_series(1, 20000) g;
          INSERT INTO t SELECT g, 'row ' || g FROM generate_series(1, 300000) g; COMMIT" 3>&- &
    local load=$! most=0 now
    while kill -0 $load 2>/dev/null; do
        now=$(private_memory)
        [ "$now" -le "$most" ] || most=$now
        refute grep -rqs never-written "$DATA"
        nap 0.3
    done
    wait $load
    until pgstrand wait --data "$DATA" --timeout 1 >/dev/null 2>&1; do
        now=$(private_memory)
        [ "$now" -le "$most" ] || most=$now
    done
    echo "private memory: $most kB" >&2
    [ "$most" -lt 65536 ] || refute memory_is_its_own
    refute grep -rqs never-written "$DATA"
    [ "$(connections)" -eq 1 ]
    [ "$(pgstrand log --data "$DATA" --json | wc -l)" = 300000 ]
    agent_stop "$DATA"
    cluster_set wal_sender_timeout 60s
}

slot_lag() {
    sql postgres "SELECT pg_current_wal_lsn() - confirmed_flush_lsn FROM pg_replication_slots WHERE database = '$DB'"
}

slot_follows() {
    [ "$(slot_lag)" -lt 1000000 ]
}

@test "an idle database beside a busy one holds no WAL" {
    database_new "$DB"
    shop 'CREATE TABLE t (id int PRIMARY KEY)'
    init
    agent_start "$DATA"
    sql check 'CREATE TABLE busy (v text)'
    for _ in 1 2 3; do
        sql check "INSERT INTO busy SELECT repeat('x', 1000) FROM generate_series(1, 5000)"
        sleep 0.5
    done
    wait_for 10 slot_follows
    # A checkpoint writes down which transactions run: from there on decoding can begin.
    local busy
    busy=$(sql postgres 'SELECT pg_current_wal_lsn()')
    holds_nothing() {
        sql postgres CHECKPOINT
        [ "$(sql postgres "SELECT restart_lsn > '$busy' FROM pg_replication_slots WHERE database = '$DB'")" = t ]
    }
    wait_for 20 holds_nothing
    [ "$(connections)" -eq 1 ]
    agent_stop "$DATA"
    sql check 'DROP TABLE busy'
}

@test "a fast shutdown of the server does not wait for the agent" {
    database_new "$DB"
    shop 'CREATE TABLE t (id int PRIMARY KEY)'
    init
    agent_start "$DATA"
    shop 'INSERT INTO t SELECT generate_series(1, 1000)'
    local began=$SECONDS
    cluster_stop fast
    [ $((SECONDS - began)) -lt 40 ] # it would wait for wal_sender_timeout, a minute
    cluster_start
    shop 'INSERT INTO t VALUES (5000)'
    caught_up
    load_log
    [ "$(sql check 'SELECT count(*) FROM log')" = 1001 ]
    agent_stop "$DATA"
}

free_room() {
    df --output=avail -k "$HARNESS/small" | tail -n 1
}

waits_for_room() {
    agent_log "$DATA" | grep -Eqi 'no space|full'
}

@test "stopped while a new base of a table waits behind an old transaction: it ends at once, and the next start takes it" {
    database_new "$DB"
    shop 'CREATE TABLE item (id int PRIMARY KEY); INSERT INTO item VALUES (1)'
    init
    agent_start "$DATA"
    session_open holder "$DB"
    say holder 'BEGIN; SELECT txid_current()'
    shop 'SET pgstrand.retell_bytes = 0; ALTER TABLE item ADD rewritten timestamptz DEFAULT clock_timestamp()'
    waits() {
        [ "$(shop "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CREATE_REPLICATION_SLOT%' AND state = 'active'")" -eq 1 ]
    }
    wait_for 20 waits
    # It says for whom, and gives up after a while: the locks that it holds must not be in the way for long.
    says() {
        agent_log "$DATA" | grep -q "$1"
    }
    wait_for 10 says 'the replication slot waits for transactions that are older: pid'
    wait_for 15 says 'cannot make replication slot .*lock timeout'
    wait_for 20 waits
    began=$SECONDS
    agent_stop "$DATA"
    [ $((SECONDS - began)) -lt 40 ] || complain "the agent took $((SECONDS - began)) s to stop" # it gives a snapshot in progress a minute
    [ "$(pgstrand snapshots --data "$DATA" --json | jq '[.[] | select(.type == "full")] | length')" -eq 1 ]
    session_close holder
    agent_start "$DATA"
    healed() {
        pgstrand status --data "$DATA" --json | jq -e '.healthy'
    }
    wait_for 40 healed
    [ "$(pgstrand snapshots --data "$DATA" --json | jq '.[-1].rows')" -eq 1 ]
}

@test "a FULL sealed by hand heals a change of the schema: the agent makes no second one" {
    database_new "$DB"
    shop 'CREATE TABLE item (id int PRIMARY KEY); INSERT INTO item VALUES (1); CREATE TABLE other (id int PRIMARY KEY)'
    init
    agent_start "$DATA"
    # What the agent makes of it waits for a table, so that the problem stays to be seen.
    session_open holder "$DB"
    say holder 'BEGIN; LOCK TABLE other'
    shop 'ALTER TABLE item ADD rewritten timestamptz DEFAULT clock_timestamp()'
    broken() {
        pgstrand status --data "$DATA" --json | jq -e '.problems | any(contains("schema changed"))'
    }
    wait_for 60 broken
    session_close holder
    pgstrand seal --data "$DATA" --type full >/dev/null
    pgstrand status --data "$DATA" --json | jq -e '.problems | any(contains("schema changed")) | not'
    sleep 4
    [ "$(pgstrand snapshots --data "$DATA" --json | jq '[.[] | select(.type == "full")] | length')" -eq 2 ]
}

@test "a full disk: nothing is confirmed, the connection stays, and it goes on when there is room" {
    [ "$(id -u)" -eq 0 ] || skip 'needs root to mount a small tmpfs'
    mkdir -p "$HARNESS/small"
    mount -t tmpfs -o size=48m tmpfs "$HARNESS/small"
    DATA=$HARNESS/small/data
    database_new "$DB"
    cluster_set wal_sender_timeout 3s
    shop 'CREATE TABLE t (id int PRIMARY KEY, v text)'
    init
    agent_start "$DATA"
    dd if=/dev/zero of="$HARNESS/small/filler" bs=1k count=$(($(free_room) - 3000)) 2>/dev/null
    for part in 1 2 3 4 5; do
        shop "INSERT INTO t SELECT $part * 10000 + g, repeat('x', 500) FROM generate_series(1, 3000) g"
    done
    wait_for 20 waits_for_room
    sleep 4 # longer than wal_sender_timeout
    agent_running "$DATA"
    [ "$(shop "SELECT count(*) FROM pg_replication_slots WHERE database = '$DB' AND active")" = 1 ]
    [ "$(slot_lag)" -gt 100000 ]
    cluster_set wal_sender_timeout 60s
    rm "$HARNESS/small/filler"
    wait_for 60 pgstrand wait --data "$DATA" --timeout 1
    load_log
    assert_state public.t id v
    agent_stop "$DATA"
}

connected_twice() {
    [ "$(connections)" -eq 2 ]
}

@test "a terminated walsender is nothing; the publication cannot be renamed" {
    database_new "$DB"
    shop 'CREATE TABLE t (id int PRIMARY KEY)'
    init
    agent_start "$DATA"
    sql postgres "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = '$DB'" >/dev/null
    wait_for 20 connected_twice # it comes back from that
    caught_up
    # The event trigger refuses this to everybody; a superuser may still set it aside (heal.bats).
    refute shop "ALTER PUBLICATION $(shop 'SELECT pubname FROM pg_publication') RENAME TO other"
    agent_stop "$DATA"
}
