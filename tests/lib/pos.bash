# pos: the point-of-sale example in tests. Source it after cluster.bash and pgstrand.bash.
#
#   pos_load DB [SCALE]            makes the database with schema and first rows
#   pos_work DB [OPTIONS]          runs the workload (see workload.sh --help)
#   pos_tables TIER...             the tables of these tiers, one a line, as dump_tables takes them; of printJobs only the
#                                  completed rows are business
#   pos_dump CONNINFO FOLDER TIER...
#   pos_assert_same SOURCE TARGET TIER...      both are connection strings
#   pos_rows CONNINFO TIER...      how many rows the tables of these tiers have together
#   pos_captured [INIT OPTIONS]    in setup_file: a harness, a cluster, database shop with the example captured in $DATA; the agent runs.
#                                  `shop_more`, if there is such a function, makes more of the database before that
#   pos_shipped BUSINESS FULL      ships to two new vaults of these names: one for any device, one with the device's own rows

POS=$PGSTRAND_ROOT/deploy/examples/pos

pos_load() {
    database_new "$1"
    sql_file "$1" "$POS/schema.sql" -1
    sql_file "$1" "$POS/seed.sql" -1 -v scale="${2:-1}"
}

pos_work() {
    local db=$1
    shift
    "$POS/workload.sh" --db "$(conninfo "$db")" "$@" >/dev/null
}

pos_tables() {
    local tier
    for tier in "$@"; do
        awk -F '\t' -v tier="$tier" 'NR > 1 && $2 == tier {
            rows = $1 == "printJobs" ? " WHERE status = $$COMPLETED$$" : ""
            printf "public.\"%s\"%s\n", $1, rows
        }' "$POS/tables.tsv"
    done
}

pos_dump() {
    local source=$1 folder=$2 tables
    shift 2
    mapfile -t tables < <(pos_tables "$@")
    dump_tables "$source" "$folder" "${tables[@]}"
}

pos_assert_same() {
    local source=$1 target=$2 tables
    shift 2
    mapfile -t tables < <(pos_tables "$@")
    assert_same_tables "$source" "$target" "${tables[@]}"
}

pos_rows() {
    local source=$1 union='SELECT 0::bigint AS n' table
    shift
    while read -r table; do
        union+=" UNION ALL SELECT count(*) FROM $table"
    done < <(pos_tables "$@")
    "$PSQL" -X -A -t -d "$source" -c "SELECT sum(n) FROM ($union) q"
}

pos_captured() {
    harness_begin
    export DATA=$HARNESS/data
    cluster_new one
    pos_load shop
    ! declare -F shop_more >/dev/null || shop_more
    pgstrand init --data "$DATA" --source "$(conninfo shop)" --config "$POS/pgstrand.conf" "$@" >"$HARNESS/init.out"
    agent_start "$DATA"
}

pos_shipped() {
    local vault
    pgstrand vault add --data "$DATA" "$1" "file://$HARNESS/$1" >/dev/null
    pgstrand vault add --data "$DATA" "$2" "file://$HARNESS/$2" --backup-type full-device >/dev/null
    for vault in "$@"; do
        pgstrand ship --data "$DATA" "$vault" >/dev/null
    done
}
