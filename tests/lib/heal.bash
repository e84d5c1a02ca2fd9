# heal: a database of tables of all kinds, changes that nobody captures, and what is asked after a healing. Source it after
# cluster.bash and pgstrand.bash; $DB and $DATA are the test's.
#
#   shop_new [OPTIONS]    database, init, agent, some changes
#   change_unseen         12 actions' worth of changes
#   assert_as_source      a restore of the latest state equals the database

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

slot_state() {
    sql postgres "SELECT wal_status FROM pg_replication_slots WHERE slot_name = '$(slot_name)'"
}

problem() {
    pgstrand status --data "$DATA" --json | jq -e --arg text "$1" '.problems | any(ascii_downcase | contains($text))'
}

renewed() {
    [ "$(incarnation)" != "$1" ]
}
