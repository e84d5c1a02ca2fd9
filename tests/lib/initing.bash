# initing: what the tests of init share. Load it at the top of a bats file: it brings onecluster.bash along.
#
#   $DB, $DATA        a database name and a data directory that the test may use; what init made of them goes after it
#   shop              makes database $DB with some rows
#   init ARGS...      init of $DB into $DATA
#   slots             how many slots the current cluster has
#   nothing_made      no data directory, and nothing of pgstrand's in $DB and its cluster

source "${BASH_SOURCE[0]%/*}/onecluster.bash"

setup() {
    untraced
    DATA=$BATS_TEST_TMPDIR/data
    DB=db$BATS_TEST_NUMBER
}

# Slots and limits are the cluster's: each test gives back what it took.
teardown() {
    pgstrand uninstall --data "$DATA" --yes >/dev/null 2>&1 || true
    CLUSTER=one sql postgres "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active" >/dev/null || true
}

init() {
    pgstrand init --data "$DATA" --source "$(conninfo "$DB")" --no-progress "$@"
}

shop() {
    database_new "$DB"
    sql "$DB" "
        CREATE TABLE item (id int PRIMARY KEY, name text);
        CREATE TABLE sale (id serial PRIMARY KEY, item int REFERENCES item, at timestamptz DEFAULT now());
        CREATE TABLE journal (line text, n int);
        INSERT INTO item SELECT g, 'item ' || g FROM generate_series(1, 200) g;
        INSERT INTO sale (item) SELECT g % 200 + 1 FROM generate_series(1, 1000) g;
        INSERT INTO journal SELECT 'line', g % 7 FROM generate_series(1, 100) g"
}

slots() {
    sql postgres "SELECT count(*) FROM pg_replication_slots"
}

nothing_made() {
    [ ! -e "$DATA" ] || complain 'there is a data directory' || return 1
    [ "$(sql "$DB" "SELECT (SELECT count(*) FROM pg_namespace WHERE nspname = 'pgstrand'), (SELECT count(*) FROM pg_publication),
        (SELECT count(*) FROM pg_event_trigger), (SELECT count(*) FROM pg_replication_slots WHERE database = current_database()),
        (SELECT count(*) FROM pg_class WHERE relkind = 'r' AND oid >= 16384 AND relreplident = 'f')")" = '0|0|0|0|0' ] ||
        complain "something was made in $DB"
}
