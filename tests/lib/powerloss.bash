# powerloss: records what the programs do to their files, and cuts the power in the record. Source it after cluster.bash and
# pgstrand.bash; build target test_tools.
#
#   powerloss_record COMMAND...      runs it with the recorder preloaded; data and vault belong in $HARNESS/record
#   powerloss_cut STEP [SEED]        see tests/powerloss/powerloss.c

powerloss_record() {
    mkdir -p "$HARNESS/record"
    local -x LD_PRELOAD=$PGSTRAND_BUILD/tools_of_tests/libiorecord.so
    local -x IORECORD_ROOT=$HARNESS/record IORECORD_FILE=$HARNESS/record.log
    "$@"
}

powerloss_cut() {
    local seed=${2:-$RANDOM}
    echo "seed $seed" >&2
    "$PGSTRAND_BUILD/tools_of_tests/powerloss" "$HARNESS/record.log" "$HARNESS/found" "$1" "$seed" >&2
}

# init, an agent at work (with a streamed transaction), a seal, a FULL, ship, the agent killed and back, a clean stop.
powerloss_run() {
    local data=$HARNESS/record/data db=$1
    powerloss_record pgstrand init --yes --no-progress --data "$data" --source "$(conninfo "$db")" >/dev/null 2>&1 || return 1
    sed -i 's/^segment_bytes = .*/segment_bytes = 1 MiB/' "$data/pgstrand.conf"
    powerloss_record agent_start "$data" || return 1
    sql "$db" "INSERT INTO t SELECT g, 'a' FROM generate_series(1000, 1010) g; UPDATE t SET v = 'b' WHERE id < 20"
    sql "$db" "INSERT INTO t SELECT g, repeat('c', 200) FROM generate_series(2000, 8000) g; DELETE FROM t WHERE id > 7000"
    sql "$db" "BEGIN; INSERT INTO u VALUES (1), (1); SELECT pg_logical_emit_message(false, 'note', 'x'); COMMIT" >/dev/null
    pgstrand wait --data "$data" --timeout 60 >/dev/null || return 1
    powerloss_record pgstrand seal --data "$data" --quiet >/dev/null || return 1
    powerloss_record pgstrand vault add --data "$data" vault "$HARNESS/record/vault" --quiet >/dev/null || return 1
    powerloss_record pgstrand ship --data "$data" vault --quiet >/dev/null || return 1
    agent_kill9 "$data"
    powerloss_record agent_start "$data" || return 1
    sql "$db" "UPDATE t SET v = 'd' WHERE id % 2 = 0"
    pgstrand wait --data "$data" --timeout 60 >/dev/null || return 1
    powerloss_record pgstrand seal --data "$data" --type full --quiet >/dev/null || return 1
    sql "$db" "DELETE FROM u; TRUNCATE u; INSERT INTO t VALUES (1, 'last') ON CONFLICT DO NOTHING"
    pgstrand wait --data "$data" --timeout 60 >/dev/null || return 1
    agent_stop "$data" || return 1
    powerloss_record pgstrand ship --data "$data" vault --quiet >/dev/null
}
