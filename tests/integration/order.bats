# Order and duplicates go by commit. The cases in which others have lost or doubled changes, each by name.

load ../lib/onecluster
cluster_settings=(logical_decoding_work_mem=64kB max_prepared_transactions=5 checkpoint_timeout=1h)

setup() {
    untraced
    DB=shop$BATS_TEST_NUMBER
    DATA=$HARNESS/data$BATS_TEST_NUMBER
    database_new "$DB"
    sql "$DB" 'CREATE TABLE t (id int PRIMARY KEY, v text)'
    pgstrand init --yes --no-progress --data "$DATA" --source "$(conninfo "$DB")" >/dev/null 2>&1
    agent_start "$DATA"
}

teardown() {
    agent_running "$DATA" && agent_kill9 "$DATA"
    sql postgres "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = '$DB' AND NOT active" >/dev/null || true
}

restart_agent() {
    "agent_$1" "$DATA"
    agent_start "$DATA"
}

# "xid-rank:ids" of the log's commits in their order; ids as first-last (count).
logged_commits() {
    pgstrand log --data "$DATA" --json | jq -r 'select(.kind == "CREATE") | [.xid, .new.id] | @tsv' |
        awk '$1 != xid { if (xid) print first "-" last " " n; xid = $1; first = $2; n = 0 } { last = $2; n++ } END { print first "-" last " " n }'
}

dense() {
    pgstrand log --data "$DATA" --json | jq -e -s '[.[].seq] == [range(1; length + 1)]' >/dev/null
}

@test "pgcopydb issue 1044: overlapping transactions, a restart between their commits" {
    local how from=0
    for how in kill9 stop; do
        session_open a "$DB"
        session_open b "$DB"
        # Changes of the one lie between those of the other in the WAL; the one that began first commits last.
        say a "BEGIN; INSERT INTO t VALUES ($((from + 1)), 'a')"
        say b "BEGIN; INSERT INTO t VALUES ($((from + 11)), 'b')"
        say a "INSERT INTO t VALUES ($((from + 2)), 'a')"
        say b "INSERT INTO t VALUES ($((from + 12)), 'b'); COMMIT"
        pgstrand wait --data "$DATA" >/dev/null
        restart_agent "$how"
        say a "INSERT INTO t VALUES ($((from + 3)), 'a'); COMMIT"
        session_close a
        session_close b
        pgstrand wait --data "$DATA" >/dev/null
        from=$((from + 100))
    done
    dense
    [ "$(logged_commits)" = "11-12 2
1-3 3
111-112 2
101-103 3" ] || complain "$(logged_commits)"
}

@test "pgcopydb issue 1044, streamed and prepared: what was sent before the restart is sent again and counted once" {
    session_open a "$DB"
    session_open b "$DB"
    say a "BEGIN; INSERT INTO t SELECT g, repeat('a', 100) FROM generate_series(1, 2000) g"
    say b "BEGIN; INSERT INTO t SELECT g, repeat('b', 100) FROM generate_series(10001, 12000) g"
    say a "INSERT INTO t SELECT g, repeat('a', 100) FROM generate_series(2001, 4000) g"
    say b "PREPARE TRANSACTION 'b'"
    sql "$DB" "INSERT INTO t VALUES (0, 'between')"
    pgstrand wait --data "$DATA" >/dev/null
    [ -n "$(ls "$DATA/spool")" ] # both are under way
    restart_agent kill9
    say b "COMMIT PREPARED 'b'"
    pgstrand wait --data "$DATA" >/dev/null
    restart_agent kill9
    say a "COMMIT"
    session_close a
    session_close b
    pgstrand wait --data "$DATA" >/dev/null
    dense
    [ "$(logged_commits)" = "0-0 1
10001-12000 2000
1-4000 4000" ] || complain "$(logged_commits)"
    [ -z "$(ls "$DATA/spool")" ]
}

@test "a message outside transactions right before the commit of the one that sent it" {
    sql "$DB" "BEGIN; INSERT INTO t VALUES (1, 'x'); SELECT pg_logical_emit_message(false, 'note', 'now'); COMMIT" >/dev/null
    sql "$DB" "BEGIN; INSERT INTO t VALUES (2, 'x'); SELECT pg_logical_emit_message(false, 'note', 'now'), pg_logical_emit_message(false, 'note', 'again'); COMMIT" >/dev/null
    pgstrand wait --data "$DATA" >/dev/null
    restart_agent kill9
    pgstrand wait --data "$DATA" >/dev/null
    dense
    [ "$(pgstrand log --data "$DATA" --json | jq -r .kind | tr '\n' ' ')" = "MESSAGE CREATE MESSAGE MESSAGE CREATE " ]
}

@test "the server's slot is older than the log after its own crash: what it sends again is there once" {
    local from durable older wanted=
    confirmed() {
        [ "$(sql "$DB" "SELECT confirmed_flush_lsn >= '$durable' FROM pg_replication_slots WHERE database = '$DB'")" = t ]
    }
    # Sometimes nothing is sent again: a record of running transactions that comes between two confirmations lets the slot's
    # restart_lsn move, and then the server saves the slot with its newest position. Then once more.
    for from in 1 2001 4001 6001 8001 10001 12001 14001 16001; do
        sql "$DB" "CHECKPOINT"
        sql "$DB" "INSERT INTO t SELECT g, 'x' FROM generate_series($from, $((from + 999))) g"
        sql "$DB" "INSERT INTO t VALUES ($((from + 1000)), 'y')"
        pgstrand wait --data "$DATA" >/dev/null
        durable=$(pgstrand status --data "$DATA" --json | jq -r .durable_lsn)
        wait_for 10 confirmed
        agent_kill9 "$DATA"
        cluster_crash
        cluster_start
        older=$(sql "$DB" "SELECT confirmed_flush_lsn < '$durable' FROM pg_replication_slots WHERE database = '$DB'")
        sql "$DB" "INSERT INTO t VALUES ($((from + 1001)), 'z')"
        agent_start "$DATA"
        pgstrand wait --data "$DATA" >/dev/null
        dense
        wanted+="$from-$((from + 999)) 1000,$((from + 1000))-$((from + 1000)) 1,$((from + 1001))-$((from + 1001)) 1,"
        [ "$(logged_commits | tr '\n' ,)" = "$wanted" ] || complain "$(logged_commits)"
        [ "$older" = f ] || break
    done
    [ "$older" = t ] || complain "the slot has kept its position nine times: this test shows nothing"
}
