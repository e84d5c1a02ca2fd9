# Staying alive: whatever ends an incarnation is named, and a new one goes on with what differs.

setup_file() {
    load ../lib/cluster
    load ../lib/pgstrand
    harness_begin
    cluster_new one wal_sender_timeout=2s
}

teardown_file() {
    load ../lib/cluster
    harness_end
}

setup() {
    load ../lib/cluster
    load ../lib/pgstrand
    DB=shop$BATS_TEST_NUMBER
    DATA=$HARNESS/data$BATS_TEST_NUMBER
}

teardown() {
    local data
    for data in "$HARNESS"/data*; do
        if [ -d "$data" ] && agent_running "$data"; then
            agent_kill9 "$data"
        fi
    done
    # A slot that nobody reads would hold the WAL of the tests that follow.
    sql postgres "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active" >/dev/null || true
}

shop() {
    sql "$DB" "$1"
}

# Tables of all kinds: with a key, without one, with values that lie beside the row, with a key of two columns.
shop_new() {
    database_new "$DB"
    shop "CREATE TABLE item (id int PRIMARY KEY, name text, note text);
          CREATE TABLE visit (place text, at int);
          CREATE TABLE stock (shop int, item int, count numeric, PRIMARY KEY (shop, item));
          CREATE TABLE quiet (id int PRIMARY KEY, v text);
          ALTER TABLE item ALTER note SET STORAGE EXTERNAL;
          INSERT INTO item SELECT g, 'item ' || g, repeat(md5(g::text), 100) FROM generate_series(1, 200) g;
          INSERT INTO visit SELECT 'p' || g % 5, g % 3 FROM generate_series(1, 300) g;
          INSERT INTO stock SELECT g % 7, g, g * 1.5 FROM generate_series(1, 100) g;
          INSERT INTO quiet SELECT g, E'tab\t\\ and ''' || g FROM generate_series(1, 50) g"
    pgstrand init --source "$(conninfo "$DB")" --data "$DATA" --quiet "$@" >/dev/null
    agent_start "$DATA"
    shop "UPDATE item SET name = 'captured' WHERE id <= 20; DELETE FROM visit WHERE ctid IN (SELECT ctid FROM visit LIMIT 10);
          INSERT INTO stock VALUES (99, 1, NULL)"
    caught_up
}

caught_up() {
    pgstrand wait --data "$DATA" --timeout 60 >/dev/null
}

# 6 changes of item (of one only the short column), 4 of visit, 2 of stock.
change_unseen() {
    shop "UPDATE item SET name = 'unseen' WHERE id = 3; INSERT INTO item VALUES (1001, NULL, ''), (1002, E'a\nb\\\\', 'x');
          DELETE FROM item WHERE id IN (7, 8); UPDATE item SET id = 2000 WHERE id = 9;
          UPDATE item SET id = 9 WHERE id = 2000;
          UPDATE item SET note = repeat('n', 3000) WHERE id = 11;
          INSERT INTO visit VALUES ('p1', 1), ('p1', 1), (NULL, NULL);
          DELETE FROM visit WHERE ctid = (SELECT min(ctid) FROM visit WHERE place = 'p2');
          UPDATE stock SET count = -1 WHERE shop = 99; DELETE FROM stock WHERE item = 50"
}

slot_name() {
    pgstrand status --data "$DATA" --json | jq -r .slot_name
}

slot_drop() {
    sql postgres "SELECT pg_drop_replication_slot('$(slot_name)')" >/dev/null
}

incarnation() {
    pgstrand identity --data "$DATA" --json | jq -r .incarnation
}

healthy() {
    pgstrand status --data "$DATA" --json | jq -e .healthy
}

full_count() {
    pgstrand snapshots --data "$DATA" --json | jq '[.[] | select(.type == "full")] | length'
}

# Restores what the chain says now, and at an older seq when a dump of that state is given.
assert_restores() {
    database_new "back_$DB"
    pgstrand restore --data "$DATA" --quiet --target "$(conninfo "back_$DB")" "$@" >/dev/null
}

assert_as_source() {
    assert_restores
    assert_same_tables "$(conninfo "$DB")" "$(conninfo "back_$DB")"
    database_drop "back_$DB"
}

# The actions of the newest incarnation's first commit, without the message that begins it.
difference() {
    pgstrand log --data "$DATA" --json | jq -s '(map(select(.kind == "MESSAGE" and .prefix == "pgstrand.incarnation")) | last.lsn) as $at
        | [.[] | select(.lsn == $at and .kind != "MESSAGE")]'
}

@test "a dropped slot: the chain goes on with what differs, and nothing else" {
    shop_new
    agent_stop "$DATA"
    dump_tables "$(conninfo "$DB")" "$HARNESS/before"
    local seq old
    seq=$(pgstrand snapshots --data "$DATA" --json | jq '.[-1].last_seq')
    old=$(incarnation)
    slot_drop
    change_unseen
    pgstrand status --data "$DATA" --json >"$HARNESS/status.json" || true
    jq -e '.problems | any(contains("does not exist on the server"))' "$HARNESS/status.json"
    agent_start "$DATA"
    [ "$(incarnation)" != "$old" ]
    agent_log "$DATA" | grep -q 'replication slot .* is gone: changes since .* are lost; a new incarnation is being begun'
    difference | jq -c '.[] | [.kind, .table]' >&2
    [ "$(difference | jq 'length')" -eq 12 ]
    [ "$(difference | jq '[.[] | select(.table == "public.quiet")] | length')" -eq 0 ]
    shop "INSERT INTO item VALUES (3000, 'after', ''); UPDATE visit SET at = 77 WHERE place IS NULL"
    caught_up
    healthy
    [ "$(full_count)" -eq 1 ]
    assert_as_source
    # The state before the loss is still there, and so is each LSN of both incarnations.
    assert_restores --to-seq "$seq"
    dump_tables "$(conninfo "back_$DB")" "$HARNESS/after"
    assert_same_dumps "$HARNESS/before" "$HARNESS/after"
    database_drop "back_$DB"
    pgstrand verify --data "$DATA" >/dev/null
    # What is sealed by now, from a vault that has both incarnations.
    agent_stop "$DATA"
    pgstrand vault add copy "file://$HARNESS/vault1" --backup-type full-device --data "$DATA" >/dev/null
    pgstrand ship copy --data "$DATA" --quiet >/dev/null
    rm -rf "$HARNESS/vault1.one"
    assert_restores --from "file://$HARNESS/vault1" --as same
    assert_same_tables "$(conninfo "$DB")" "$(conninfo "back_$DB")"
}

slot_state() {
    sql postgres "SELECT wal_status FROM pg_replication_slots WHERE slot_name = '$(slot_name)'"
}

slot_is_lost() {
    sql postgres 'SELECT pg_switch_wal(); CHECKPOINT' >/dev/null
    [ "$(slot_state)" = lost ]
}

@test "a slot invalidated by max_slot_wal_keep_size, warned about before" {
    shop_new
    agent_stop "$DATA"
    cluster_set max_slot_wal_keep_size 64MB
    near() {
        shop "INSERT INTO visit SELECT repeat('x', 1000), 1 FROM generate_series(1, 4000)"
        pgstrand status --data "$DATA" --json | jq -e '.problems | any(contains("near its WAL limit"))'
    }
    wait_for 30 near
    change_unseen
    cluster_set max_slot_wal_keep_size 1MB
    wait_for 30 slot_is_lost
    pgstrand status --data "$DATA" --json >"$HARNESS/status.json" || true
    jq -e '.slot == "lost" and (.problems | any(contains("has removed WAL it needed")))' "$HARNESS/status.json"
    agent_start "$DATA"
    cluster_set max_slot_wal_keep_size 1GB
    agent_log "$DATA" | grep -q 'was invalidated'
    [ "$(slot_state)" = reserved ]
    healthy
    [ "$(full_count)" -eq 1 ]
    assert_as_source
}

@test "the publication dropped, and a slot that somebody else moved on, under a running agent" {
    shop_new
    local publication old
    publication=$(shop 'SELECT pubname FROM pg_publication')
    old=$(incarnation)
    shop "ALTER EVENT TRIGGER pgstrand_command_end DISABLE; ALTER EVENT TRIGGER pgstrand_sql_drop DISABLE;
          DROP PUBLICATION $publication"
    change_unseen
    renewed() {
        [ "$(incarnation)" != "$old" ]
    }
    wait_for 30 renewed
    wait_for 30 healthy
    agent_log "$DATA" | grep -q 'publication .* is gone from database'
    [ "$(shop 'SELECT pubname FROM pg_publication')" = "$publication" ]
    [ "$(shop "SELECT count(*) > 2 AND bool_and(evtenabled = 'A') FROM pg_event_trigger WHERE evtname LIKE 'pgstrand%'")" = t ]
    assert_as_source
    # The other way to lose changes without a word.
    agent_stop "$DATA"
    old=$(incarnation)
    shop "UPDATE item SET name = 'skipped' WHERE id BETWEEN 30 AND 40"
    sql "$DB" "SELECT pg_replication_slot_advance('$(slot_name)', pg_current_wal_lsn())" >/dev/null
    agent_start "$DATA"
    renewed
    [ "$(difference | jq 'length')" -eq 11 ]
    assert_as_source
}

@test "the schema changed while nobody watched: a FULL follows, and what came before stays" {
    shop_new
    agent_stop "$DATA"
    slot_drop
    change_unseen
    shop "ALTER TABLE quiet ADD w int DEFAULT 4; CREATE TABLE made (id int PRIMARY KEY); INSERT INTO made VALUES (1); DROP TABLE stock"
    agent_start "$DATA"
    full_made() {
        [ "$(full_count)" -eq 2 ]
    }
    wait_for 40 full_made
    wait_for 10 healthy
    shop "INSERT INTO made VALUES (2)"
    caught_up
    assert_as_source
}
