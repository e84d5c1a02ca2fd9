# powerloss: records what the programs do to their files, and cuts the power in the record. Source it after cluster.bash and
# pgstrand.bash; build target test_tools.
#
#   powerloss_record COMMAND...      runs it with the recorder preloaded; data and vault belong in $HARNESS/record
#   powerloss_run DB [COMMAND...]    a whole run to be cut, with COMMAND before its end: powerloss_more
#   powerloss_killed_run DB          the same with all programs killed again and again before they come through
#   powerloss_cut STEP [SEED] [synced]        see tests/powerloss/powerloss.c

powerloss_record() {
    mkdir -p "$HARNESS/record"
    local -x LD_PRELOAD=$PGSTRAND_BUILD/tools_of_tests/libiorecord.so
    local -x IORECORD_ROOT=$HARNESS/record IORECORD_FILE=$HARNESS/record.log
    "$@"
}

powerloss_cut() {
    local seed=${2:-$RANDOM}
    echo "seed $seed" >&2
    "$PGSTRAND_BUILD/tools_of_tests/powerloss" "$HARNESS/record.log" "$HARNESS/found" "$1" "$seed" "${@:3}" >"$HARNESS/cut" || return 1
    sed 's/^/# /' "$HARNESS/cut" >&3
}

# powerloss_promise sealed|shipped: what a command that ended well has promised; tests/powerloss/powerloss.c hears it.
powerloss_promise() {
    local links
    if [ "$1" = sealed ]; then
        links=$(powerloss_record pgstrand snapshots --data "$HARNESS/record/data" --json | jq length)
    else
        links=$(find "$HARNESS/record/vault" -name '*.commit' | wc -l)
    fi
    [ -e "$HARNESS/record/$1.$links" ] || powerloss_record touch "$HARNESS/record/$1.$links"
}

# init, an agent at work (with a streamed transaction), a seal, a FULL, ship, the agent killed and back, a clean stop.
powerloss_run() {
    local data=$HARNESS/record/data db=$1
    powerloss_record pgstrand init --yes --no-progress --data "$data" --source "$(conninfo "$db")" >/dev/null 2>&1 || return 1
    powerloss_promise sealed
    sed -i 's/^segment_bytes = .*/segment_bytes = 1 MiB/; s/^keep_bytes = .*/keep_bytes = 0/' "$data/pgstrand.conf"
    powerloss_record agent_start "$data" || return 1
    sql "$db" "INSERT INTO t SELECT g, 'a' FROM generate_series(1000, 1010) g; UPDATE t SET v = 'b' WHERE id < 20"
    sql "$db" "INSERT INTO t SELECT g, repeat('c', 200) FROM generate_series(2000, 8000) g; DELETE FROM t WHERE id > 7000"
    sql "$db" "BEGIN; INSERT INTO u VALUES (1), (1); SELECT pg_logical_emit_message(false, 'note', 'x'); COMMIT" >/dev/null
    pgstrand wait --data "$data" --timeout 60 >/dev/null || return 1
    powerloss_record pgstrand seal --data "$data" --quiet >/dev/null || return 1
    powerloss_promise sealed
    powerloss_record pgstrand vault add --data "$data" vault "$HARNESS/record/vault" --quiet >/dev/null || return 1
    powerloss_record pgstrand ship --data "$data" vault --quiet >/dev/null || return 1
    powerloss_promise shipped
    agent_kill9 "$data"
    powerloss_record agent_start "$data" || return 1
    sql "$db" "UPDATE t SET v = 'd' WHERE id % 2 = 0"
    pgstrand wait --data "$data" --timeout 60 >/dev/null || return 1
    powerloss_record pgstrand seal --data "$data" --type full --quiet >/dev/null || return 1
    powerloss_promise sealed
    sql "$db" "DELETE FROM u; TRUNCATE u; INSERT INTO t VALUES (1, 'last') ON CONFLICT DO NOTHING"
    pgstrand wait --data "$data" --timeout 60 >/dev/null || return 1
    [ $# -eq 1 ] || "${@:2}" || return 1
    agent_stop "$data" || return 1
    powerloss_promise sealed
    powerloss_record pgstrand ship --data "$data" vault --quiet >/dev/null || return 1
    powerloss_promise shipped
}

# Beside all that: a rewrite and the base of its table, a DIFFERENTIAL, a log that is trimmed, a lost slot and the incarnation after it.
powerloss_more() {
    local data=$HARNESS/record/data old
    sql shop "CREATE TABLE wide (id int PRIMARY KEY, n int, t text); INSERT INTO wide SELECT g, g, repeat(md5(g::text), 5) FROM generate_series(1, 12000) g"
    sql shop "ALTER TABLE wide ALTER n TYPE bigint USING n + id; UPDATE wide SET t = 'after' WHERE id < 5"
    based() {
        [ "$(pgstrand snapshots --data "$HARNESS/record/data" --json | jq '[.[] | select(.type == "incremental" and .rows > 0)] | length')" -gt 0 ]
    }
    wait_for 30 based || return 1
    powerloss_promise sealed
    sql shop "DELETE FROM wide WHERE id % 3 = 0"
    pgstrand wait --data "$data" --timeout 60 >/dev/null || return 1
    powerloss_record pgstrand seal --data "$data" --type differential --quiet >/dev/null || return 1
    powerloss_promise sealed
    wait_for 30 test ! -e "$data/log/seg-0000000000000001.mdb" || return 1
    old=$(pgstrand identity --data "$data" --json | jq -r .incarnation)
    agent_stop "$data" || return 1
    sql postgres "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = 'shop'" >/dev/null
    sql shop "UPDATE wide SET t = 'unseen' WHERE id = 7"
    powerloss_record agent_start "$data" || return 1
    [ "$(pgstrand identity --data "$data" --json | jq -r .incarnation)" != "$old" ] || return 1
    sql shop "INSERT INTO wide VALUES (20000, 1, 'seen')"
    pgstrand wait --data "$data" --timeout 60 >/dev/null
}

# powerloss_through ARGS...: pgstrand, killed after each call that changes something, at each place in the program once
# (store/io_place.h), until it comes through. What a killed one has done and not made durable the next one must not take for granted.
powerloss_through() {
    local code
    local -x PGSTRAND_IO_FAULT=killafter:1 PGSTRAND_IO_FAULT_PLACES=$HARNESS/places.$1
    while :; do
        code=0
        powerloss_record pgstrand "$@" --data "$HARNESS/record/data" --quiet >/dev/null 2>"$HARNESS/killed.err" || code=$?
        case $code in
        0) return ;;
        137) powerloss_kills=$((powerloss_kills + 1)) ;;
        *) complain "pgstrand $* ended with $code: $(<"$HARNESS/killed.err")" || return 1 ;;
        esac
    done
}

# powerloss_agent_through DB ROWS: the same for an agent that captures so many rows each time. Who only reads is recorded, too: LMDB
# makes a lock file where there is none yet.
powerloss_agent_through() {
    local data=$HARNESS/record/data db=$1
    local -x PGSTRAND_IO_FAULT_PLACES=$HARNESS/places.agent
    settled() {
        ! agent_running "$data" || powerloss_record pgstrand wait --data "$data" --timeout 1
    }
    while :; do
        PGSTRAND_IO_FAULT=killafter:1 powerloss_record agent_start --no-wait "$data" || return 1
        sql "$db" "UPDATE t SET v = CASE WHEN v LIKE 'x%' THEN 'y' ELSE 'x' END || repeat('z', 300) WHERE id <= $2"
        wait_for 30 settled || return 1
        if agent_running "$data"; then # without the fault from here on
            agent_kill9 "$data"
            PGSTRAND_IO_FAULT='' powerloss_record agent_start "$data"
            return
        fi
        [ "$(agent_exit_code "$data")" -eq 137 ] || complain "$(agent_log "$data" | tail -n 3)" || return 1
        powerloss_kills=$((powerloss_kills + 1))
    done
}

# init, agent, seals, ship and prune, each killed again and again before it comes through; with $powerloss_kills.
powerloss_killed_run() {
    local data=$HARNESS/record/data db=$1
    powerloss_kills=0
    mkdir -p "$HARNESS/record"
    printf '[log]\nsegment_bytes = 1 MiB\nkeep_bytes = 0\n' >"$HARNESS/conf"
    powerloss_through init --yes --source "$(conninfo "$db")" --config "$HARNESS/conf" || return 1
    powerloss_promise sealed
    powerloss_agent_through "$db" 50 || return 1
    agent_kill9 "$data"
    powerloss_agent_through "$db" 3000 || return 1 # more than a segment
    powerloss_through seal || return 1
    powerloss_promise sealed
    powerloss_record pgstrand vault add --data "$data" vault "$HARNESS/record/vault" --quiet >/dev/null || return 1
    powerloss_through ship vault || return 1
    powerloss_promise shipped
    powerloss_agent_again "$db" || return 1
    rm -f "$HARNESS/places.seal"
    powerloss_through seal --type full || return 1
    powerloss_promise sealed
    powerloss_agent_again "$db" || return 1
    agent_kill9 "$data"
    rm -f "$HARNESS/places.ship"
    powerloss_through ship vault || return 1
    powerloss_promise shipped
}

# An agent that is killed once it has all.
powerloss_agent_again() {
    local data=$HARNESS/record/data
    agent_kill9 "$data"
    powerloss_record agent_start "$data" || return 1
    sql "$1" "UPDATE t SET v = repeat('w', 200)"
    powerloss_record pgstrand wait --data "$data" --timeout 60 >/dev/null
}
