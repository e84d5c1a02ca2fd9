# restoreflow: a small captured shop, and restores of it that are killed. Load it at the top of a bats file: it brings
# onecluster.bash and workflow.bash along, and the shop for the file.
#
#   restoreflow_shop                database shop, data directory $DATA, two kinds of changes in the log, the agent stopped
#   killed_fresh | killed_parallel | killed_replace | killed_merge FAULT      one restore into $target, for workflow_sweep
#   killed_migration FAULT          likewise into a schema that has a column more
#   killed_full | killed_incremental | killed_differential FAULT      one seal; the agent has to run
#   killed_again TYPE FAULT         one seal, typed again
#   killed_retyped TYPE FAULT       one seal behind a column that got another type; the agent has to run
#   killed_drill FAULT

source "${BASH_SOURCE[0]%/*}/onecluster.bash"
source "${BASH_SOURCE[0]%/*}/workflow.bash"

setup_file() {
    onecluster_begin
    restoreflow_shop
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
    database_again "$target"
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
    rows=none
    [ "$(tables_of "$target")" = 0 ] || rows=$(sql "$target" 'SELECT (SELECT count(*) FROM public.goods), (SELECT count(*) FROM public.sales)')
    case $mode:$rows in
    fresh:none | replace:1\|0 | merge:1\|0 | *:300\|800) ;;
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

# Into a schema that has a column more; killed it goes on, and the chain's columns are the source's.
killed_migration() {
    local id
    restoreflow_prepare replace
    sql "$target" "ALTER TABLE goods ADD COLUMN shelf text DEFAULT 'new'"
    workflow_killed "$1" restore --data "$DATA" --target "$(conninfo "$target")" --mode replace || return 1
    for id in $(workflow_open "$DATA"); do
        pgstrand workflow resume "$id" --data "$DATA" --quiet || return 1
    done
    [ "$(sql "$target" 'SELECT count(*) FROM goods')" = 300 ] || pgstrand restore --data "$DATA" --target "$(conninfo "$target")" --mode replace --quiet || return 1
    [ "$(sql "$target" "SELECT count(*), count(*) FILTER (WHERE shelf = 'new') FROM goods")" = '300|300' ] || complain 'not the new column' || return 1
    [ "$(sql "$target" "SELECT md5(string_agg(id || name || price, ' ' ORDER BY id)) FROM goods")" = \
        "$(sql shop "SELECT md5(string_agg(id || name || price, ' ' ORDER BY id)) FROM goods")" ]
}

# killed_seal TYPE FAULT: what is open or has failed is gone on from, and the chain has one more of the type, not two.
killed_seal() {
    local before id
    before=$(pgstrand snapshots --data "$DATA" --json | jq length)
    sql shop "UPDATE goods SET price = price + 1 WHERE id = 1"
    pgstrand wait --data "$DATA" >/dev/null || return 1
    workflow_killed "$2" seal --data "$DATA" --type "$1" || return 1
    for id in $(workflow_left "$DATA" "seal $1"); do
        pgstrand workflow resume "$id" --data "$DATA" --quiet || return 1
        [ "$(pgstrand snapshots --data "$DATA" --json | jq "[.[$before:][] | select(.type == \"$1\")] | length")" = 1 ] ||
            complain "not one $1" || return 1
    done
    [ -z "$(workflow_open "$DATA")" ] || complain 'a workflow is left open' || return 1
    pgstrand verify --data "$DATA" >/dev/null
}

# killed_again TYPE FAULT: the same command typed again finishes it: one of the type, not two, and nothing is left to seal.
killed_again() {
    local before
    workflow_whole=no
    before=$(pgstrand snapshots --data "$DATA" --json | jq length)
    sql shop "UPDATE goods SET price = price + 1 WHERE id = 1"
    pgstrand wait --data "$DATA" >/dev/null || return 1
    workflow_killed "$2" seal --data "$DATA" --type "$1" || return 1
    # Whole but for its last words: then it is another one. What has failed has ended, too.
    [ "$workflow_whole" = no ] && { [[ $2 == fail* ]] || [ -n "$(workflow_open "$DATA")" ]; } || return 0
    pgstrand seal --data "$DATA" --type "$1" --quiet >/dev/null || return 1
    [ "$(pgstrand snapshots --data "$DATA" --json | jq "[.[$before:][] | select(.type == \"$1\")] | length")" = 1 ] ||
        complain "not one $1" || return 1
    [ -z "$(workflow_open "$DATA")" ] || complain 'a workflow is left open' || return 1
    pgstrand verify --data "$DATA" >/dev/null
}

# killed_retyped TYPE FAULT: with a new version of the schema on its way into the chain. What is open is gone on from, and what the chain
# brings back is what the shop has.
killed_retyped() {
    local id was
    was=$(sql shop "SELECT format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = 'goods'::regclass AND attname = 'price'")
    case $was in
    numeric) sql shop 'ALTER TABLE goods ALTER price TYPE double precision USING price + 1' ;;
    *) sql shop 'ALTER TABLE goods ALTER price TYPE numeric USING price::numeric + 1' ;;
    esac
    sql shop 'UPDATE goods SET price = price + 1 WHERE id = 1'
    pgstrand wait --data "$DATA" --timeout 60 >/dev/null || return 1
    workflow_killed "$2" seal --data "$DATA" --type "$1" || return 1
    # the agent has its own where the table needs a base
    for id in $(pgstrand workflow list --data "$DATA" --json | jq -r '.[] | select(.name == "seal '"$1"'" and (.running | not) and
        (.status == "PENDING" or .status == "IN_PROGRESS")) | .uuid'); do
        pgstrand workflow resume "$id" --data "$DATA" --quiet || return 1
    done
    # Killed before there was a record: then nothing had begun.
    [ "$workflow_whole" = yes ] || pgstrand seal --data "$DATA" --quiet >/dev/null || return 1
    pgstrand verify --data "$DATA" >/dev/null || return 1
    restoreflow_prepare fresh
    # refused until the agent has taken that base
    wait_for 60 pgstrand restore --data "$DATA" --target "$(conninfo "$target")" --quiet || return 1
    assert_same_tables "$(conninfo shop)" "$(conninfo "$target")"
}

killed_full() {
    killed_seal full "$1"
}

killed_incremental() {
    killed_seal incremental "$1"
}

killed_differential() {
    killed_seal differential "$1"
}

# A drill that was killed is cancelled by the next one, and leaves no database.
killed_drill() {
    workflow_killed "$1" drill --data "$DATA" || return 1
    pgstrand drill --data "$DATA" --quiet >/dev/null || return 1
    [ -z "$(workflow_open "$DATA")" ] || complain 'a workflow is left open' || return 1
    [ "$(sql postgres "SELECT count(*) FROM pg_database WHERE datname LIKE 'pgstrand_drill%'")" = 0 ] || complain 'a scratch database is left'
}
