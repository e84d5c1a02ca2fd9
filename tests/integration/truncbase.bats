# What happens between a base's snapshot and the reading of its tables: a TRUNCATE, after which PostgreSQL shows the table empty though
# the snapshot is older; changes of the schema, which wait for the base as little as can be; large tables, in pieces.

load ../lib/onecluster

setup_file() {
    onecluster_begin
    export DATA=$HARNESS/data
}

# whole DB DATA: what the running agent has of it restores to what is there; then it is away.
whole() {
    pgstrand wait --data "$2" --timeout 60 >/dev/null
    agent_stop "$2"
    database_new "$1_restored"
    pgstrand restore --data "$2" --target "$(conninfo "$1_restored")" --quiet >/dev/null
    assert_same_tables "$(conninfo "$1")" "$(conninfo "$1_restored")"
    pgstrand uninstall --data "$2" --yes >/dev/null
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
    whole split "$data"
}

# captured NAME SQL SETTINGS: a database of this name, made by the SQL, and the configuration that its init is to have. Large tables
# come first and are written slowly.
captured() {
    database_new "$1"
    sql "$1" "$2"
    printf '%s\n' "$3" >"$HARNESS/$1.conf"
    slowly=slow:400:.rows
}

@test "a base that waits for a table holds nobody up at those that it has copied" {
    local data=$HARNESS/gate init
    captured gate "CREATE TABLE first (id int PRIMARY KEY, t text); INSERT INTO first SELECT i, md5(i::text) FROM generate_series(1, 20000) i;
        CREATE TABLE next (id int PRIMARY KEY); INSERT INTO next SELECT generate_series(1, 20)" $'[base]\njobs = 1'
    session_open holder gate
    PGSTRAND_IO_FAULT=slow:1000:.rows pgstrand init --data "$data" --source "$(conninfo gate)" --config "$HARNESS/gate.conf" --no-wal-limit --quiet \
        >/dev/null 2>"$HARNESS/init" 3>&- &
    init=$!
    wait_for 20 eval "ls '$data'/base/*.rows*"
    say holder 'BEGIN; ALTER TABLE next ADD more int DEFAULT 5'
    wait_for 20 waits_for_lock gate
    sleep 1.2 # deadlock_timeout: whoever began to wait first has looked by then
    # So it is this one that would be told of a deadlock.
    say holder "ALTER TABLE first ADD more int DEFAULT 6; UPDATE next SET more = 7 WHERE id = 1"
    wait_for 5 waits_for_lock gate # as before: between two of its waits it asks for its snapshot again
    say holder COMMIT
    session_close holder
    wait "$init" || complain "$(<"$HARNESS/init")"
    agent_start "$data"
    whole gate "$data"
}

# another_snapshot DB PID: does another connection hold one?
another_snapshot() {
    [ "$(sql "$1" "SELECT count(*) FROM pg_stat_replication WHERE application_name = 'pgstrand' AND pid <> $2")" -eq 1 ]
}

@test "a COPY that meets a lock midway waits there, and its snapshot, lost while it waits for a table, is taken again" {
    local data=$HARNESS/midway slowly init held
    captured midway "CREATE TABLE first (id int PRIMARY KEY, t text); ALTER TABLE first ALTER t SET STORAGE EXTERNAL;
        INSERT INTO first SELECT i, (SELECT string_agg(md5(i || ' ' || j), '') FROM generate_series(1, 200) j) FROM generate_series(1, 400) i;
        CREATE TABLE next (id int PRIMARY KEY); INSERT INTO next SELECT generate_series(1, 20);
        ALTER DATABASE midway SET log_statement = 'all'" $'[base]\njobs = 1'
    session_open holder midway
    PGSTRAND_IO_FAULT=$slowly pgstrand init --data "$data" --source "$(conninfo midway)" --config "$HARNESS/midway.conf" --no-wal-limit --quiet \
        >/dev/null 2>"$HARNESS/init" 3>&- &
    init=$!
    wait_for 20 eval "ls '$data'/base/*.rows*"
    say holder 'BEGIN; REINDEX TABLE first'
    wait_for 20 waits_for_lock midway
    sleep 1.2 # longer than a turn
    say holder 'COMMIT; BEGIN; LOCK TABLE next'
    wait_for 20 waits_for_lock midway
    held=$(sql midway "SELECT pid FROM pg_stat_replication WHERE application_name = 'pgstrand'")
    sql midway "SELECT pg_terminate_backend($held)" >/dev/null
    # Where the server was not asked for it meanwhile, it would not be missed.
    wait_for 20 another_snapshot midway "$held"
    say holder COMMIT
    session_close holder
    wait "$init" || complain "$(<"$HARNESS/init")"
    # What was whole before is kept.
    grep 'COPY .*first.* TO STDOUT' "$(cluster_folder)/log" >"$HARNESS/copies" || true
    [ "$(wc -l <"$HARNESS/copies")" -eq 1 ] || complain "$(<"$HARNESS/copies")"
    agent_start "$data"
    whole midway "$data"
}

# Of tables' bases that the agent has made.
tables_based() {
    [ "$(pgstrand snapshots --data "$1" --json | jq '[.[] | select(.type == "incremental" and .rows > 0)] | length')" -gt 0 ]
}

@test "tables that wait for their new base can be altered meanwhile" {
    local data=$HARNESS/lane slowly
    captured lane "ALTER DATABASE lane SET pgstrand.retell_bytes = 0;
        CREATE TABLE first (id int PRIMARY KEY, t text); INSERT INTO first SELECT i, md5(i::text) FROM generate_series(1, 20000) i;
        CREATE TABLE next (id int PRIMARY KEY, n int); INSERT INTO next SELECT i, i FROM generate_series(1, 20) i" \
        $'[base]\njobs = 1\n[seal]\ninterval = 0\nactions = 0\nbytes = 0'
    pgstrand init --data "$data" --source "$(conninfo lane)" --config "$HARNESS/lane.conf" --no-wal-limit --quiet >/dev/null
    PGSTRAND_IO_FAULT=$slowly agent_start "$data"
    sql lane "BEGIN; ALTER TABLE first ALTER t TYPE text USING upper(t); ALTER TABLE next ALTER n TYPE int USING n * 2; COMMIT" >/dev/null
    wait_for 60 eval "ls '$data'/base/*.rows*"
    # The second one's lock is had since before the snapshot, and whoever comes to read it stands behind us.
    sql lane "SET lock_timeout = '15s'; ALTER TABLE next ADD more int DEFAULT 5; UPDATE next SET more = 7 WHERE id = 1"
    wait_for 60 tables_based "$data"
    whole lane "$data"
}
