# A TRUNCATE that is committed between a base's snapshot and the reading of the table's rows: PostgreSQL shows the table empty then,
# though the snapshot is older.

load ../lib/onecluster

setup_file() {
    onecluster_begin
    export DATA=$HARNESS/data
}

# Behind the large table's rows, which come first and are written slowly.
truncate_in_between() {
    wait_for 20 eval "ls '$DATA'/base/*.rows"
    sql "$1" "TRUNCATE bag; INSERT INTO bag VALUES (-1)"
}

@test "a TRUNCATE while a FULL is made: every seq before and after it is what the source held" {
    database_new shop
    sql shop "CREATE TABLE large (id int PRIMARY KEY, t text); INSERT INTO large SELECT i, md5(i::text) FROM generate_series(1, 20000) i;
        CREATE TABLE bag (n int); INSERT INTO bag SELECT generate_series(1, 50)"
    printf '[base]\njobs = 1\n' >"$HARNESS/start.conf"
    pgstrand init --data "$DATA" --source "$(conninfo shop)" --config "$HARNESS/start.conf" >/dev/null
    agent_start "$DATA"
    local before after sealing seq
    sql shop 'INSERT INTO bag VALUES (51)'
    before=$(pgstrand wait --data "$DATA" --timeout 60)
    PGSTRAND_IO_FAULT=slow:300:.rows pgstrand seal --data "$DATA" --type full --quiet >/dev/null 2>"$HARNESS/sealed" 3>&- &
    sealing=$!
    truncate_in_between shop
    wait "$sealing" || complain "$(<"$HARNESS/sealed")"
    after=$(pgstrand wait --data "$DATA" --timeout 60)
    agent_stop "$DATA"
    for seq in "$before" "$after"; do
        database_new "at$seq"
        pgstrand restore --data "$DATA" --target "$(conninfo "at$seq")" --to-seq "$seq" >/dev/null
    done
    [ "$(sql "at$before" 'SELECT count(*), max(n) FROM bag')" = '51|51' ]
    [ "$(sql "at$after" 'SELECT count(*), max(n) FROM bag')" = '1|-1' ]
    pgstrand verify --data "$DATA" >/dev/null
    pgstrand uninstall --data "$DATA" --yes >/dev/null
}

@test "a large table is copied in ranges of pages by several connections, all under one snapshot" {
    local data=$HARNESS/split
    database_new split
    # A row a page: the smallest table that is large.
    sql split "CREATE TABLE wide (id int PRIMARY KEY, n int, pad text); ALTER TABLE wide ALTER pad SET STORAGE PLAIN;
        INSERT INTO wide SELECT i, 0, repeat('x', 5000) FROM generate_series(1, 8500) i; ANALYZE wide; ALTER DATABASE split SET log_statement = 'all'"
    (while [ ! -e "$HARNESS/enough" ]; do
        sql split "UPDATE wide SET n = n + 1 WHERE id % 97 = 5; DELETE FROM wide WHERE id = (SELECT max(id) FROM wide); INSERT INTO wide SELECT min(id) - 1, 0, 'new' FROM wide"
    done) >/dev/null 2>&1 3>&- &
    local load=$!
    pgstrand init --data "$data" --source "$(conninfo split)" --jobs 3 --no-wal-limit --quiet >/dev/null
    touch "$HARNESS/enough"
    wait "$load"
    [ "$(grep -c 'COPY (SELECT .*ctid' "$(cluster_folder)/log")" -ge 2 ]
    agent_start "$data"
    pgstrand wait --data "$data" --timeout 60 >/dev/null
    database_new r
    pgstrand restore --data "$data" --target "$(conninfo r)" --quiet >/dev/null
    assert_same_tables "$(conninfo split)" "$(conninfo r)"
    agent_stop "$data"
    pgstrand uninstall --data "$data" --yes >/dev/null
}
