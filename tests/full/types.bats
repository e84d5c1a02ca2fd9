# Values at the limits: 500 MB in one, more than PostgreSQL can send, and ten million rows in one transaction.

load ../lib/onecluster
cluster_settings=(max_wal_size=8GB wal_sender_timeout=60s)

setup() {
    untraced
    DB=shop$BATS_TEST_NUMBER
    DATA=$HARNESS/data$BATS_TEST_NUMBER
    database_new "$DB"
}

teardown() {
    agent_running "$DATA" && agent_kill9 "$DATA"
    sql postgres "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = '$DB' AND NOT active" >/dev/null || true
    database_drop "$DB" 2>/dev/null
    database_drop r 2>/dev/null
}

init() {
    pgstrand init --yes --no-progress --data "$DATA" --source "$(conninfo "$DB")" "$@" >/dev/null 2>&1
}

# The largest RssAnon of the agent, in kB, in a file: until the agent ends.
watch_memory() {
    local pid most=0 now
    pid=$(agent_pid "$DATA")
    while now=$(awk '/^RssAnon/ { print $2 }' "/proc/$pid/status" 2>/dev/null) && [ -n "$now" ]; do
        [ "$now" -le "$most" ] || most=$now && echo "$most" >"$HARNESS/most"
        sleep 0.05
    done
}

sums="SELECT id, length(v), length(b), md5(v), md5(b) FROM t ORDER BY id"

@test "a value of 500 MB: in the base, and captured; the restore holds both" {
    sql "$DB" "CREATE TABLE t (id int PRIMARY KEY, v text, b bytea, note text);
        ALTER TABLE t ALTER v SET STORAGE EXTERNAL, ALTER b SET STORAGE EXTERNAL;
        INSERT INTO t VALUES (1, repeat('0123456789', 50000000))"
    init
    agent_start "$DATA"
    watch_memory 3>&- &
    sql "$DB" "INSERT INTO t VALUES (2, repeat('abcdefghij', 50000000))"
    pgstrand wait --data "$DATA" --timeout 120 >/dev/null
    echo "# private memory: $(<"$HARNESS/most") kB" >&3
    [ "$(<"$HARNESS/most")" -le $((65536 + 3 * 500000000 / 1024)) ]
    # In transactions that are not streamed, too, and one after the other: never two of them at once.
    cluster_set logical_decoding_work_mem 2047MB
    sql "$DB" "INSERT INTO t VALUES (3, repeat('x', 500000000)); INSERT INTO t VALUES (4, repeat('y', 120000000)), (5, repeat('z', 120000000))"
    pgstrand wait --data "$DATA" --timeout 120 >/dev/null
    cluster_set logical_decoding_work_mem 64MB
    echo "# and not streamed: $(<"$HARNESS/most") kB" >&3
    [ "$(<"$HARNESS/most")" -le $((65536 + 3 * 500000000 / 1024)) ]
    # Sealing has one copy of what was not streamed: a reader of the log holds no page of it while it works.
    "$PGSTRAND_BUILD/pgstrand" seal --data "$DATA" --no-progress >/dev/null 2>&1 3>&- &
    local sealing=$! sealed
    sealed=$(private_memory_of $sealing)
    wait $sealing
    echo "# private memory of sealing: $sealed kB" >&3
    [ "$sealed" -le $((65536 + 500000000 / 1024)) ]
    sql "$DB" "UPDATE t SET note = 'left alone'"
    pgstrand wait --data "$DATA" --timeout 120 >/dev/null
    agent_kill9 "$DATA"
    database_new r
    pgstrand restore --data "$DATA" --target "$(conninfo r)" --no-progress >/dev/null
    diff <(sql "$DB" "$sums") <(sql r "$sums")
}

@test "a row that PostgreSQL cannot send: status says so, and init finds it" {
    sql "$DB" "CREATE TABLE t (id int PRIMARY KEY, v text, b bytea); ALTER TABLE t ALTER b SET STORAGE EXTERNAL"
    init
    agent_start "$DATA"
    sql "$DB" "INSERT INTO t VALUES (1, NULL, convert_to(repeat('0123456789', 56000000), 'UTF8'))"
    said() {
        pgstrand status --data "$DATA" --json | jq -e '.healthy == false and (.problems | any(contains("larger than 1 GB as text")))'
    }
    wait_for 60 said
    sleep 5 # it stays said, although each new connection looks well
    said
    agent_kill9 "$DATA"
    pgstrand uninstall --yes --data "$DATA" >/dev/null 2>&1
    expect_exit 11 'public.t has 1 rows of more than 1 GB' pgstrand init --yes --quiet --no-progress --data "$DATA.again" --source "$(conninfo "$DB")"
}

@test "ten million rows in one transaction: memory stays flat, the spool goes, the rows are equal" {
    sql "$DB" "CREATE TABLE t (id int PRIMARY KEY, v text)"
    init
    agent_start "$DATA"
    watch_memory 3>&- &
    sql "$DB" "BEGIN; INSERT INTO t SELECT g, 'row ' || g FROM generate_series(1, 9000000) g;
        SAVEPOINT a; INSERT INTO t SELECT g, 'gone' FROM generate_series(9000001, 10000000) g; ROLLBACK TO a;
        INSERT INTO t SELECT g, 'late ' || g FROM generate_series(9000001, 10000000) g; COMMIT"
    pgstrand wait --data "$DATA" --timeout 240 >/dev/null
    echo "# private memory: $(<"$HARNESS/most") kB" >&3
    [ "$(<"$HARNESS/most")" -lt 65536 ]
    [ -z "$(ls "$DATA/spool")" ]
    agent_kill9 "$DATA"
    database_new r
    pgstrand restore --data "$DATA" --target "$(conninfo r)" --no-progress >/dev/null
    local all="SELECT count(*), sum(id), sum(hashtext(v)), count(*) FILTER (WHERE v = 'gone') FROM t"
    [ "$(sql "$DB" "$all")" = "$(sql r "$all")" ]
}
