# The long tests: many kills under the shop's load with sealing in between, and a history larger than the memory of a restore.

load ../lib/onecluster
load ../lib/pos
cluster_settings=(logical_decoding_work_mem=256kB max_wal_size=4GB)

setup() {
    untraced
    DATA=$HARNESS/data$BATS_TEST_NUMBER
}

# Sets $load.
shop_works() {
    pos_work shop --seconds 8 --clients 3 --seed "$1" >"$HARNESS/work" 2>&1 3>&- &
    load=$!
}

@test "forty kills of the agent and four crashes of the server under load: every restore equals the source" {
    pos_load shop
    pgstrand init --yes --no-progress --data "$DATA" --source "$(conninfo shop)" --config "$POS/pgstrand.conf" >/dev/null 2>&1
    local round kill load orders seq=0 before
    for round in 1 2 3 4; do
        orders=$(sql shop 'SELECT count(*) FROM "businessOrders"')
        before=$seq
        shop_works "$round"
        for kill in 1 2 3 4 5 6 7 8 9 10; do
            agent_start --no-wait "$DATA"
            sleep "$((RANDOM % 2)).$((RANDOM % 10))"
            agent_kill9 "$DATA"
            [ "$kill" -eq 5 ] || continue
            cluster_crash
            wait "$load" || true # the crash ends its clients
            cluster_start
            shop_works "1$round"
        done
        wait "$load" || complain "a transaction of the application failed:" "$(cat "$HARNESS/work")"
        agent_start "$DATA"
        seq=$(pgstrand wait --data "$DATA" --timeout 120)
        [ "$(sql shop 'SELECT count(*) FROM "businessOrders"')" -gt "$orders" ] && [ "$seq" -gt $((before + 1000)) ] ||
            complain "nobody worked in the shop: $orders orders before, the log went from $before to $seq"
        echo "# round $round: the log went from seq $before to $seq" >&3
        pgstrand seal --data "$DATA" >/dev/null
        agent_kill9 "$DATA"
        database_new "round$round"
        pgstrand restore --data "$DATA" --target "$(conninfo "round$round")" >/dev/null
        pos_assert_same "$(conninfo shop)" "$(conninfo "round$round")" business audit device
        [ "$(pos_rows "$(conninfo "round$round")" transient)" -eq 0 ]
    done
    pgstrand verify --data "$DATA" >/dev/null
    sql postgres "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active" >/dev/null
}

@test "six million changes of two million rows: the fold spills, memory stays bounded, the rows are equal" {
    database_new large
    sql large "CREATE TABLE item (id bigint PRIMARY KEY, n int NOT NULL, note text);
               INSERT INTO item SELECT i, 0, md5(i::text) FROM generate_series(1, 2000000) i"
    pgstrand init --yes --no-progress --data "$DATA" --source "$(conninfo large)" >/dev/null 2>&1
    agent_start "$DATA"
    local round
    for round in 1 2 3; do
        sql large "UPDATE item SET n = n + $round, note = md5(note)"
    done
    sql large "UPDATE item SET id = id + 10000000 WHERE id % 10 = 0; DELETE FROM item WHERE id % 10 = 1"
    pgstrand wait --data "$DATA" --timeout 300 >/dev/null
    pgstrand seal --data "$DATA" >/dev/null
    agent_stop "$DATA"
    database_new rebuilt
    "$PGSTRAND_BUILD/pgstrand" restore --data "$DATA" --target "$(conninfo rebuilt)" >"$HARNESS/restore.out" 2>&1 3>&- &
    local restore=$!
    local most
    (
        # Its files have no names any more.
        until readlink "/proc/$restore/fd"/* 2>/dev/null | grep spool/restore- >"$HARNESS/spilled" || ! kill -0 "$restore" 2>/dev/null; do
            sleep 0.1
        done
    ) 3>&- &
    most=$(private_memory_of "$restore")
    wait "$restore" || complain "$(cat "$HARNESS/restore.out")"
    [ "$most" -lt $((256 * 1024)) ] || complain "the restore held $most kB of private memory"
    [ "$most" -gt 0 ] && [ -s "$HARNESS/spilled" ]
    echo "# $most kB of private memory" >&3
    assert_same_tables "$(conninfo large)" "$(conninfo rebuilt)" public.item
}
