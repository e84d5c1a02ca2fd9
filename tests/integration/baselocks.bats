# A base and what others do meanwhile: locks that it waits for inside a COPY, in a circle, or with a table rewritten behind it; a
# connection or a snapshot that is lost; statements that are cancelled.

load ../lib/onecluster
load ../lib/gated

setup() {
    untraced
    DB=locks$BATS_TEST_NUMBER
    DATA=$HARNESS/data$BATS_TEST_NUMBER
}

teardown() {
    session_end gate
    session_end holder
    ! agent_running "$DATA" || agent_kill9 "$DATA"
    # A slot that nobody reads would hold the WAL of the tests that follow.
    sql postgres "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active" >/dev/null || true
}

# gated_new "TABLE...": a database with the gate's type, in which a COPY of these tables waits at the gate; its SQL, its configuration
# besides tiers and seals.
gated_new() {
    local table
    database_new "$DB"
    sql "$DB" "$(gate_sql); $2; ALTER DATABASE $DB SET log_statement = 'all'; ALTER DATABASE $DB SET pgstrand.retell_bytes = 0"
    {
        echo '[tiers]'
        for table in $1; do
            printf "business = %s where g = 'in'\ntransient = %s\n" "$table" "$table"
        done
        printf '[seal]\ninterval = 0\nactions = 0\nbytes = 0\n%s\n' "$3"
    } >"$HARNESS/$DB.conf"
    session_open gate "$DB"
    session_open holder "$DB"
    : >"$(cluster_folder)/log"
}

init_gated() {
    pgstrand init --data "$DATA" --source "$(conninfo "$DB")" --config "$HARNESS/$DB.conf" --no-wal-limit --quiet "$@"
}

# begins PROGRAM...: in the background, its pid in $begun.
begins() {
    "$@" >/dev/null 2>"$HARNESS/begun" 3>&- &
    begun=$!
}

assert_begun_done() {
    wait "$begun" || complain "$(<"$HARNESS/begun")"
}

server_says() {
    grep -q "$1" "$(cluster_folder)/log"
}

# How often a table of this name was copied.
copies() {
    grep -c "statement: .*COPY .*\"$1\".* TO STDOUT" "$(cluster_folder)/log" || true
}

copied_again() {
    [ "$(copies "$1")" -gt 1 ]
}

waits_for_index() {
    [ "$(sql "$DB" "SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation WHERE NOT granted AND relkind = 'i'")" -gt 0 ]
}

# restored_as_source TABLES...: as for assert_same_tables
restored_as_source() {
    pgstrand wait --data "$DATA" --timeout 60 >/dev/null
    database_again "back_$DB"
    wait_for 60 pgstrand restore --data "$DATA" --target "$(conninfo "back_$DB")" --quiet # not before every base is there
    assert_same_tables "$(conninfo "$DB")" "$(conninfo "back_$DB")" "$@"
}

types_of_chain() {
    pgstrand snapshots --data "$DATA" --json | jq -r '[.[] | .type] | join(" ")'
}

# Of tables' bases that the agent has made.
based() {
    pgstrand snapshots --data "$DATA" --json | jq '[.[] | select(.type == "incremental" and .rows > 0)] | length'
}

based_anew() {
    [ "$(based)" -gt "${1:-0}" ]
}

# What it waits for, behind a transaction that is older than its slot.
slot_cancelled() {
    [ "$(sql "$DB" "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE backend_type = 'walsender' AND wait_event_type = 'Lock'")" -gt 0 ]
}

waiters_cancelled() {
    [ "$(sql "$DB" "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE application_name = 'pgstrand' AND datname = '$DB'
        AND wait_event_type = 'Lock'")" -gt 0 ]
}

waits_again() {
    waits_for_lock "$DB" && server_says "$1"
}

@test "who reindexes and alters a table that is copied does not fail: the COPY does, and is made again; an index's lock is waited for" {
    gated_new first "CREATE TABLE first (g gated, t text, pad text); ALTER TABLE first ALTER t SET STORAGE EXTERNAL, ALTER pad SET STORAGE PLAIN;
        INSERT INTO first SELECT 'in', repeat(md5(i::text), 100), repeat('p', 4000) FROM generate_series(1, 20) i;
        CREATE TABLE next (g gated, id int PRIMARY KEY); INSERT INTO next SELECT 'in', generate_series(1, 20)" $'[base]\njobs = 1'
    printf "[tiers]\nbusiness = first where g = 'in', next where id = '7'\ntransient = first, next\n[base]\njobs = 1\n" >"$HARNESS/$DB.conf"
    session_open second "$DB"
    gate_close
    begins init_gated
    wait_for 60 at_gate "$DB" 1
    # He never looks for deadlocks, and waits already when the COPY comes to its first long value: so it is the COPY that finds the
    # circle.
    say holder "SET deadlock_timeout = '1h'; BEGIN; REINDEX TABLE first"
    tell holder 'ALTER TABLE first ADD more int DEFAULT 5'
    wait_for 20 waits_for_table "$DB" first
    gate_open
    wait_for 60 server_says 'deadlock detected'
    told holder
    # A query's indexes are wanted before its first row.
    say second 'BEGIN; REINDEX INDEX next_pkey'
    say holder COMMIT
    wait_for 60 waits_for_index
    # Longer than a turn: by then nothing else is in hand.
    sql "$DB" "SET lock_timeout = '30s'; ALTER TABLE first ADD again int" >/dev/null
    say second COMMIT
    session_close second
    assert_begun_done
    [ "$(grep -c 'deadlock detected' "$(cluster_folder)/log")" -eq 1 ]
    [ "$(copies first)" -eq 2 ]
    agent_start "$DATA"
    restored_as_source public.first "public.next WHERE id = 7"
    agent_stop "$DATA"
}

# The agent takes bases of tables first and next, which were rewritten; it stands at the gate in first, and the log is empty from here on.
agent_bases_at_gate() {
    gated_new first "CREATE TABLE first (g gated, t text); INSERT INTO first SELECT 'in', md5(i::text) FROM generate_series(1, 2000) i;
        CREATE TABLE next (id int PRIMARY KEY, n int); INSERT INTO next SELECT i, i FROM generate_series(1, 20) i; CREATE SEQUENCE numbers" \
        $'[base]\njobs = 1'
    init_gated >/dev/null
    agent_start "$DATA"
    gate_close
    sql "$DB" "BEGIN; ALTER TABLE first ALTER t TYPE text USING upper(t); ALTER TABLE next ALTER n TYPE int USING n * 2; COMMIT" >/dev/null
    wait_for 60 at_gate "$DB" 1
    : >"$(cluster_folder)/log"
}

@test "a base gives way to an ALTER that rewrites a table of its: it is taken again, and no FULL is made; nor when it is cancelled" {
    local before
    agent_bases_at_gate
    sql "$DB" "SET lock_timeout = '30s'; ALTER TABLE next ALTER n TYPE int USING n + 1" >/dev/null
    gate_open
    wait_for 60 based_anew
    [ "$(copies next)" -ge 2 ] # the first time it looked empty
    restored_as_source
    before=$(based)
    say holder 'BEGIN; SELECT pg_current_xact_id()'
    sql "$DB" "ALTER TABLE next ALTER n TYPE int USING n + 2" >/dev/null
    wait_for 60 slot_cancelled
    say holder COMMIT
    wait_for 60 based_anew "$before"
    agent_log "$DATA" | grep -q 'cannot make a new base: .*canceling statement'
    restored_as_source
    # What a DIFFERENTIAL asks for is asked for again, too.
    pgstrand seal --data "$DATA" --quiet >/dev/null
    : >"$(cluster_folder)/log"
    say holder 'BEGIN; DROP SEQUENCE numbers'
    begins pgstrand seal --data "$DATA" --type differential --quiet
    wait_for 60 waits_for_lock "$DB"
    wait_for 60 waiters_cancelled
    wait_for 60 waits_again 'canceling statement'
    say holder ROLLBACK
    assert_begun_done
    refute grep -q 'without the sequences' "$HARNESS/begun"
    [ "$(types_of_chain | tr ' ' '\n' | grep -c full)" -eq 1 ]
    agent_stop "$DATA"
}

# loses_snapshot: the base that stands at the gate copies what it has there, then waits for table next; its snapshot's connection ends.
# The one that comes after has some seconds to get that table: from here on, as soon as it is known that one comes.
loses_snapshot() {
    local held lost
    lost=$(snapshots_lost)
    held=$(sql "$DB" "SELECT pid FROM pg_stat_activity WHERE backend_type = 'walsender' AND query LIKE 'CREATE_REPLICATION_SLOT%'")
    tell holder 'BEGIN; LOCK TABLE next'
    told holder
    sql "$DB" "SELECT pg_terminate_backend($held)" >/dev/null
    gate_open
    wait_for 60 lost_another "$lost"
    say holder COMMIT
}

snapshots_lost() {
    grep -c 'ERROR: .*snapshot' "$(cluster_folder)/log" || true
}

lost_another() {
    [ "$(snapshots_lost)" -gt "$1" ]
}

@test "a snapshot lost in the middle of a table's base, and of a FULL: it is taken again" {
    agent_bases_at_gate
    loses_snapshot
    wait_for 60 based_anew
    [ "$(copies first)" -eq 1 ] # since the log was emptied: by the base that came after
    refute grep -q full <<<"$(types_of_chain | cut -d' ' -f2-)"
    restored_as_source
    gate_close
    begins pgstrand seal --data "$DATA" --type full --quiet
    wait_for 60 at_gate "$DB" 1
    loses_snapshot
    assert_begun_done
    [ "$(types_of_chain | tr ' ' '\n' | grep -c full)" -eq 2 ]
    restored_as_source
    agent_stop "$DATA"
}

@test "one connection of a base fails: the others do not wait for what they wait for" {
    gated_new 'first second' "CREATE TABLE first (g gated, t text); INSERT INTO first SELECT 'in', md5(i::text) FROM generate_series(1, 2000) i;
        CREATE TABLE second (g gated, t text); INSERT INTO second SELECT 'in', md5(i::text) FROM generate_series(1, 1000) i"
    gate_close
    begins init_gated --jobs 2
    wait_for 60 at_gate "$DB" 2
    sql "$DB" "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%COPY%second%' AND pid <> pg_backend_pid()" >/dev/null
    # Init begins again by itself, and the other one has not waited for as long as it may.
    wait_for 60 copied_again first
    server_says 'canceling statement due to user request'
    refute server_says 'canceling statement due to lock timeout'
    gate_open
    assert_begun_done
}

# Behind the snapshot, while the first table is copied: two tables change their names, a column its place, another one its name, a
# label of an enum type its own.
@test "tables, columns and labels that are renamed behind a base's snapshot: no rows of another one are taken for theirs" {
    gated_new first "CREATE TABLE first (g gated, t text); INSERT INTO first SELECT 'in', md5(i::text) FROM generate_series(1, 2000) i;
        CREATE TABLE price (id int PRIMARY KEY, n int); INSERT INTO price SELECT i, i FROM generate_series(1, 20) i;
        CREATE TABLE price_new (id int PRIMARY KEY, n int); INSERT INTO price_new SELECT i, -i FROM generate_series(1, 20) i;
        CREATE TABLE pair (id int PRIMARY KEY, a int, b int); INSERT INTO pair VALUES (1, 10, 20);
        CREATE TABLE plain (id int PRIMARY KEY, a int); INSERT INTO plain VALUES (1, 30);
        CREATE TYPE mood AS ENUM ('fine', 'bad'); CREATE TABLE felt (id int PRIMARY KEY, m mood[]); INSERT INTO felt VALUES (1, '{fine,bad}')" $'[base]\njobs = 1'
    gate_close
    begins init_gated
    wait_for 60 at_gate "$DB" 1
    sql "$DB" "BEGIN; ALTER TABLE price RENAME TO price_old; ALTER TABLE price_new RENAME TO price; ALTER TABLE price_old RENAME TO price_new; COMMIT;
        BEGIN; ALTER TABLE pair RENAME a TO c; ALTER TABLE pair RENAME b TO a; ALTER TABLE pair RENAME c TO b; COMMIT" >/dev/null
    gate_open
    assert_begun_done
    agent_start "$DATA"
    restored_as_source
    gate_close
    begins pgstrand seal --data "$DATA" --type full --quiet
    wait_for 60 at_gate "$DB" 1
    sql "$DB" "ALTER TABLE plain RENAME a TO z" >/dev/null
    gate_open
    assert_begun_done
    restored_as_source
    gate_close
    begins pgstrand seal --data "$DATA" --type full --quiet
    wait_for 60 at_gate "$DB" 1
    sql "$DB" "ALTER TYPE mood RENAME VALUE 'fine' TO 'good'" >/dev/null # one of an array's elements
    gate_open
    assert_begun_done
    database_again "back_$DB"
    pgstrand restore --data "$DATA" --target "$(conninfo "back_$DB")" --quiet --to-snapshot \
        "$(pgstrand snapshots --data "$DATA" --json | jq -r '[.[] | select(.type == "full")][-1].uuid')"
    assert_same_tables "$(conninfo "$DB")" "$(conninfo "back_$DB")"
    agent_stop "$DATA"
}
