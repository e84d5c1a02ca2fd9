# restoreflow: a small captured shop, and restores of it that are killed. Load it at the top of a bats file: it brings cluster.bash,
# pgstrand.bash and workflow.bash along, and the shop for the file.
#
#   restoreflow_shop                database shop, data directory $DATA, two kinds of changes in the log, the agent stopped
#   killed_fresh | killed_parallel | killed_replace | killed_merge FAULT      one restore into $target, for workflow_sweep

source "${BASH_SOURCE[0]%/*}/cluster.bash"
source "${BASH_SOURCE[0]%/*}/pgstrand.bash"
source "${BASH_SOURCE[0]%/*}/workflow.bash"

setup_file() {
    harness_begin
    cluster_new one
    restoreflow_shop
}

teardown_file() {
    harness_end
}

restoreflow_shop() {
    export DATA=$HARNESS/data
    database_new shop
    sql shop "
        CREATE TABLE goods (id int PRIMARY KEY, name text NOT NULL, price numeric);
        CREATE TABLE sales (id int PRIMARY KEY, goods int REFERENCES goods, at timestamptz DEFAULT now());
        INSERT INTO goods SELECT i, 'article ' || i, i * 1.5 FROM generate_series(1, 300) i;
        INSERT INTO sales (id, goods) SELECT i, i % 300 + 1 FROM generate_series(1, 900) i"
    pgstrand init --data "$DATA" --source "$(conninfo shop)" --quiet >/dev/null
    sed -i 's/^retry_first = .*/retry_first = 50ms/' "$DATA/pgstrand.conf"
    agent_start "$DATA"
    sql shop "UPDATE goods SET price = price + 1 WHERE id % 3 = 0; DELETE FROM sales WHERE id > 800"
    pgstrand wait --data "$DATA" --timeout 60 >/dev/null
    agent_stop "$DATA"
}

tables_of() {
    sql "$1" "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
}

# The target before the restore.
restoreflow_prepare() {
    database_drop "$target"
    database_new "$target"
    [ "$1" = fresh ] || sql "$target" "
        CREATE TABLE goods (id int PRIMARY KEY, name text NOT NULL, price numeric);
        CREATE TABLE sales (id int PRIMARY KEY, goods int REFERENCES goods, at timestamptz DEFAULT now());
        INSERT INTO goods VALUES (7, 'mine', 0)"
}

# killed_restore MODE FAULT: the target is as it was or whole; resuming makes it whole, and a second time changes nothing.
killed_restore() {
    local mode=$1 fault=$2 rows id
    shift 2
    restoreflow_prepare "$mode"
    workflow_killed "$fault" restore --data "$DATA" --target "$(conninfo "$target")" --mode "$mode" $extra || return 1
    rows=$(sql "$target" "SELECT coalesce((SELECT sum(n_live_tup) FROM pg_stat_user_tables), 0) * 0")
    [ "$(tables_of "$target")" = 0 ] || rows=$(sql "$target" 'SELECT count(*) FROM public.goods')
    case $rows in
    0 | 1 | 300) ;;
    *) complain "half a restore: $rows rows" || return 1 ;;
    esac
    for id in $(workflow_open "$DATA"); do
        pgstrand workflow resume "$id" --data "$DATA" --quiet || return 1
    done
    [ -z "$(workflow_open "$DATA")" ] || complain 'a workflow is left open' || return 1
    # Killed before there was a record: then nothing had begun.
    [ "$(tables_of "$target")" != 0 ] && [ "$(sql "$target" 'SELECT count(*) FROM goods')" = 300 ] ||
        pgstrand restore --data "$DATA" --target "$(conninfo "$target")" --mode "$mode" --quiet || return 1
    assert_same_tables "$(conninfo shop)" "$(conninfo "$target")" || return 1
    [ "$(sql postgres "SELECT count(*) FROM pg_database WHERE datname LIKE '%pgstrand%'")" = 0 ]
}

killed_fresh() {
    extra='' killed_restore fresh "$@"
}

killed_parallel() {
    extra='--jobs 2 --drop-old' killed_restore fresh "$@"
}

killed_replace() {
    extra='' killed_restore replace "$@"
}

killed_merge() {
    extra='--conflicts replace --newer replace' killed_restore merge "$@"
}
