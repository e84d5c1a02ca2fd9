#!/usr/bin/env bash
# A base and changes since, restored in one go, against pg_restore -j2 of the base followed by native logical apply of the
# changes: a subscription that was made without copying rows, to a slot as old as the base.
#
#   tests/bench/restore/changes.sh [--runs N] [--rows N] [--times N] [--batch N]
#
# rows: of the base (default 100000). times: how often each is updated in the update-heavy case (default 20). batch: changes of one
# transaction in the mixed case (default 500, as in the update-heavy one; 10: a sale with its lines, which native apply takes longer for).
#
# mixed: per row of the base one new row and an update, every tenth row is deleted. Its limit is meant for changes whose native apply
# takes at least 5 times what pg_restore of the base takes: whether it does is printed, and is part of the result. update-heavy: every
# row is changed --times times. The target is a cluster of its own, so that the source's WAL holds the changes only.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
options_of changes.sh "runs=3 rows=100000 times=20 batch=500" "$@"

# Statements of one transaction of STEP rows each, with N from 0 in steps: each STEP COUNT STATEMENT.
each() {
    local step=$1 count=$2 from
    shift 2
    for ((from = 0; from < count; from += step)); do
        printf "${*}\n" $((from + 1)) $((from + step))
    done
}
changes_mixed() {
    each "$batch" "$rows" "INSERT INTO item SELECT n + $rows, n %% 1000, md5(n::text), now(), n FROM generate_series(%d, %d) n;"
    each "$batch" "$rows" "UPDATE item SET quantity = quantity + 1, changed = now() WHERE id BETWEEN %d AND %d;"
    each $((batch * 10)) "$rows" "DELETE FROM item WHERE id BETWEEN %d AND %d AND id %% 10 = 0;"
}
changes_update() {
    local i
    for ((i = 0; i < times; i++)); do
        each 500 "$rows" "UPDATE item SET quantity = quantity + 1, changed = now() WHERE id BETWEEN %d AND %d;"
    done
}

# The base, its dump and a slot of the same age; then the changes, captured and sealed.
prepare() {
    local db=$1 data=$HARNESS/$1
    database_new "$db"
    sql "$db" "CREATE TABLE item (id bigint PRIMARY KEY, kind int NOT NULL, name text, changed timestamptz, quantity bigint)"
    sql "$db" "CREATE TABLE finished (done bool PRIMARY KEY)"
    sql "$db" "INSERT INTO item SELECT n, n % 1000, md5(n::text), now(), 0 FROM generate_series(1, $rows) n"
    sql "$db" 'CREATE INDEX ON item (kind)'
    sql "$db" 'VACUUM ANALYZE'
    "$PG_DUMP" -Fc -d "$(conninfo "$db")" -f "$HARNESS/$db.dump"
    sql "$db" 'CREATE PUBLICATION native FOR TABLE item, finished'
    sql "$db" "SELECT pg_create_logical_replication_slot('native_$db', 'pgoutput')" >/dev/null
    install "$data" "$db" >/dev/null 2>&1
    agent_start "$data"
    "changes_$db" >"$HARNESS/changes.sql"
    sql_file "$db" "$HARNESS/changes.sql" -o /dev/null
    sql "$db" 'INSERT INTO finished VALUES (true)'
    pgstrand wait --data "$data" --timeout 120 >/dev/null
    pgstrand seal --data "$data" --no-progress >/dev/null
    agent_stop "$data"
}

# Looks every 10 ms in one session.
wait_finished() {
    "$PSQL" -X -q -d "$1" -c "DO \$\$ BEGIN
        WHILE NOT EXISTS (SELECT FROM finished) LOOP COMMIT; PERFORM pg_sleep(0.01); END LOOP; END \$\$"
}
apply() {
    local db=$1 target=$2 source
    source="$(on bench conninfo "$db")"
    sql "$target" "CREATE SUBSCRIPTION native CONNECTION '$source' PUBLICATION native
        WITH (create_slot = false, slot_name = 'copied', copy_data = false)" 2>/dev/null
    wait_finished "$(conninfo "$target")"
}
theirs() {
    on target "$(pg_client pg_restore)" -j 2 -d "$(on target conninfo "$2")" "$HARNESS/$1.dump"
}
ours() {
    pgstrand restore --data "$HARNESS/$1" --target "$(on target conninfo "$2")" --no-progress
}
compare_rows() {
    local sum="SELECT count(*), sum(hashtextextended(i::text, 0)) FROM item i"
    [ "$(on target sql "$1" "$sum")" = "$(on bench sql "$3" "$sum")" ] && [ "$(on target sql "$2" "$sum")" = "$(on bench sql "$3" "$sum")" ] || {
        echo "changes.sh: the rows of $1 and $2 are not those of $3" >&2
        exit 1
    }
}

measure() {
    local db=$1 name=$2 limit=$3 i mine=() base=() applied=() both=()
    prepare "$db"
    for ((i = 0; i < runs; i++)); do
        on target target_new "ours_$db$i"
        on target target_new "theirs_$db$i"
        sync
        mine+=("$(seconds_of ours "$db" "ours_$db$i")")
        on bench sql "$db" "SELECT pg_copy_logical_replication_slot('native_$db', 'copied')" >/dev/null
        base+=("$(seconds_of theirs "$db" "theirs_$db$i")")
        applied+=("$(on target seconds_of apply "$db" "theirs_$db$i")")
        both+=("$(awk -v a="${base[-1]}" -v b="${applied[-1]}" 'BEGIN { print a + b }')")
        compare_rows "ours_$db$i" "theirs_$db$i" "$db"
        on target sql "theirs_$db$i" 'DROP SUBSCRIPTION native' 2>/dev/null
    done
    row "$name" "$(median "${mine[@]}")" "$(median "${both[@]}")" "$limit" s
    echo "<!-- $name: pgstrand ${mine[*]}; pg_restore -j2 ${base[*]}, native apply ${applied[*]} -->"
    row "  5 times its pg_restore, native apply alone" "$(awk -v b="$(median "${base[@]}")" 'BEGIN { print 5 * b }')" "$(median "${applied[@]}")" 1.00 s
}

bench_begin max_wal_size=16GB
cluster_new target fsync=on shared_buffers=256MB max_wal_size=16GB
export CLUSTER=bench
table_head "base and changes, $rows rows" pgstrand "restore+apply"
measure mixed "mixed changes" 0.25
measure update "every row changed $times times" 0.10
exit "$bench_failed"
