# crashpoints: kills a program at its n-th crash point (PGSTRAND_IO_FAULT: every write, fsync, rename, unlink and mkdir of ours and
# every commit of LMDB), for n in steps until a whole run completes. Source it after cluster.bash, pgstrand.bash and oracle.bash.
#
#   crash_sweep kill|killafter STEP FIRST COMMAND...    COMMAND kill:N runs once, and fails unless all is right afterwards; it
#                                       sets crash_whole=yes when nothing was killed. STEP 1 and FIRST 1: every one of them
#   crash_places kill|killafter|fail PATTERN COMMAND...    COMMAND kill:1[:PATTERN] again and again, each time killed at a place in
#                                       the program where it was not yet (store/io_place.h): a loop's first, second, fourth ... time.
#                                       For runs of seconds with hundreds of crash points; CRASH_EVERY=yes: all of them, as
#                                       crash_sweep. fail: the call fails (EIO), and the program has to end or go on in good order
#   crash_fresh NAME                    a database and data directory of its own for a sweep, with a short chain
#   crash_wide NAME                     the same with a table that is too large to be told to the log row by row
#   crash_verify DATA                   the chain holds together, and the links that came since the last call verify
#   crash_chain                         the same of $ORACLE_DATA, and its numbers are dense
#   crash_chain_end                     at a sweep's end: everything verifies, and no workflow is left open
#   crash_agent FAULT                   one run of the agent; the log equals the witness afterwards
#   crash_tables FAULT                  a new base of a table that a rewrite made necessary, sealed by the agent
#   crash_seal, crash_full, crash_differential, crash_ship, crash_restore FAULT      the same for the commands

# A sweep ends when a run is whole. CRASH_SECONDS=N ends it earlier: what it did not come to is named, and CRASH_FROM=N goes on there.
crash_sweep() {
    local action=$1 step=$2 first=$3 n began=$SECONDS
    shift 3
    crash_whole=no
    while [ "$first" -lt "${CRASH_FROM:-0}" ]; do
        first=$((first + step))
    done
    for ((n = first; ; n += step)); do
        if [ -n "${CRASH_SECONDS:-}" ] && [ $((SECONDS - began)) -ge "$CRASH_SECONDS" ]; then
            echo "# $* $action: right from $first to $((n - step)), then the time was up: CRASH_FROM=$n goes on" >&3
            return
        fi
        "$@" "$action:$n${crash_pattern:+:$crash_pattern}" || complain "$* $action:$n" || return 1
        [ "$crash_whole" = no ] || break
    done
    echo "# $* $action: killed at $(((n - first) / step)) points from $first on, whole at $n ($((SECONDS - began)) s)" >&3
    [ "$n" -gt "$first" ] || [ "$n" -le "${CRASH_FROM:-0}" ] || complain "$* was never killed"
}

# A run that comes to no new place is whole. CRASH_SECONDS ends it earlier, too; where it was is in a file of the folder CRASH_SEEN,
# from which the next one goes on. CRASH_SHARE=K/N: every N-th of the places, K from 0: most sweeps wait more than they work, so that
# N of them at once, each in a bats of its own, are hardly slower than one.
crash_places() {
    local action=$1 pattern=$2 n began=$SECONDS
    shift 2
    if [ "${CRASH_EVERY:-no}" = yes ] && [ "$action" != fail ]; then
        crash_pattern=$pattern crash_sweep "$action" 1 1 "$@"
        return
    fi
    local -x PGSTRAND_IO_FAULT_SHARE=${CRASH_SHARE:-} PGSTRAND_IO_FAULT_PLACES=${CRASH_SEEN:-$HARNESS}/places.$1.$action
    [ -z "${CRASH_SHARE:-}" ] || PGSTRAND_IO_FAULT_PLACES+=.${CRASH_SHARE%/*}
    touch "$PGSTRAND_IO_FAULT_PLACES"
    for ((n = $(wc -l <"$PGSTRAND_IO_FAULT_PLACES"); ; n++)); do
        if [ -n "${CRASH_SECONDS:-}" ] && [ $((SECONDS - began)) -ge "$CRASH_SECONDS" ]; then
            echo "# $* $action: right at $n places, then the time was up: CRASH_SEEN goes on" >&3
            return
        fi
        crash_whole=no
        "$@" "$action:1${pattern:+:$pattern}" || complain "$* $action, place $((n + 1)): $(tail -n 1 "$PGSTRAND_IO_FAULT_PLACES")" || return 1
        [ "$(wc -l <"$PGSTRAND_IO_FAULT_PLACES")" -gt "$n" ] || break
    done
    echo "# $* $action: at $n places, then whole ($((SECONDS - began)) s)" >&3
    [ "$crash_whole" = yes ] && { [ "$n" -gt 0 ] || [ -n "${CRASH_SHARE:-}" ]; } || complain "$* $action: not whole after $n places"
}

# crash_ended CODE FAULT WHAT LOG: how a program may end that is killed, or whose file operation fails; sets crash_whole.
crash_ended() {
    case $1:$2 in
    0:*) crash_whole=yes ;;
    137:kill*) ;;
    12:fail*) grep -q 'Input/output error' "$4" || complain "$3 does not say why it failed:" "$(tail -n 3 "$4")" || return 1 ;;
    *) complain "$3 ended with $1:" "$(tail -n 3 "$4")" || return 1 ;;
    esac
}

# Two links behind the base: what a sweep takes grows with the chain.
crash_fresh() {
    rm -f "$HARNESS/crash.links" "$HARNESS/crash.links.seen"
    oracle_begin "$1" "$HARNESS/$1" || return 1
    agent_start "$ORACLE_DATA" || return 1
    crash_work || return 1
    pgstrand seal --data "$ORACLE_DATA" --quiet >/dev/null || return 1
    crash_work || return 1
    pgstrand seal --data "$ORACLE_DATA" --quiet >/dev/null || return 1
    agent_stop "$ORACLE_DATA"
}

# What one run of the agent sees: rows, a streamed transaction that spools, another that is rolled back, a message, a TRUNCATE.
crash_work() {
    oracle_sql "INSERT INTO journal (session, what) VALUES (1, 'a'), (1, 'b'); UPDATE doc SET n = n + 1 WHERE id < 5"
    oracle_sql "BEGIN; INSERT INTO acct SELECT g, 'x', g, NULL FROM generate_series(5000, 5600) g; SAVEPOINT a;
                UPDATE acct SET balance = 0 WHERE id >= 5000; ROLLBACK TO a; DELETE FROM acct WHERE id >= 5000; COMMIT"
    oracle_sql "BEGIN; INSERT INTO bag VALUES (1, 'b1'); SELECT pg_logical_emit_message(false, 'note', 'x'); COMMIT; TRUNCATE pile" >/dev/null
}

# Dead, or done with all that was committed.
crash_agent_settled() {
    ! agent_running "$ORACLE_DATA" || pgstrand wait --data "$ORACLE_DATA" --timeout 2
}

crash_agent() {
    PGSTRAND_IO_FAULT=$1 agent_start --no-wait "$ORACLE_DATA" || return 1
    crash_work || return 1
    wait_for 30 crash_agent_settled || return 1
    if agent_running "$ORACLE_DATA"; then # now it seals, and may die of that
        kill -TERM "$(agent_pid "$ORACLE_DATA")" 2>/dev/null || true
    fi
    local code
    code=$(agent_exit_code "$ORACLE_DATA") || return 1
    agent_log "$ORACLE_DATA" >"$HARNESS/crash.log"
    crash_ended "$code" "$1" 'the agent' "$HARNESS/crash.log" || return 1
    agent_start "$ORACLE_DATA" || return 1
    pgstrand wait --data "$ORACLE_DATA" --timeout 60 >/dev/null || return 1
    agent_stop "$ORACLE_DATA" || return 1
    oracle_witness && oracle_check_log && oracle_forget || return 1
    [ -z "$(find "$ORACLE_DATA" -name '*.part')" ] || complain "half a file: $(find "$ORACLE_DATA" -name '*.part')"
}

crash_bases() {
    pgstrand snapshots --data "$ORACLE_DATA" --json | jq '[.[] | select(.type == "incremental" and .rows > 0)] | length'
}

crash_fulls() {
    jq '[.[] | select(.type == "full")] | length' "$HARNESS/crash.links"
}

crash_has_base() {
    [ "$(crash_bases)" -gt "$1" ] && pgstrand status --data "$ORACLE_DATA" --json | jq -e .healthy
}

crash_tables_settled() {
    ! agent_running "$ORACLE_DATA" || crash_has_base "$1"
}

crash_same_restored() {
    database_again crash_target
    pgstrand restore --data "$ORACLE_DATA" --target "$(conninfo crash_target)" --quiet "${@:2}" >/dev/null || return 1
    oracle_rows "$(conninfo crash_target)" >"$ORACLE_FILES/restored"
    oracle_same_rows "$1" "$ORACLE_FILES/restored" 'restored'
}

# The last that the running agent sees before it is stopped: what a restore is compared with now, and at $crash_seq later.
crash_tables_rest() {
    oracle_sql "DELETE FROM wide WHERE id = (SELECT max(id) FROM wide); UPDATE wide SET t = 'before ' || id WHERE id % 100 = 0"
    crash_seq=$(pgstrand wait --data "$ORACLE_DATA" --timeout 60) && agent_stop "$ORACLE_DATA" || return 1
    oracle_rows "$(conninfo "$ORACLE_DB")" >"$ORACLE_FILES/before"
}

crash_wide() {
    crash_fresh "$1" || return 1
    # Wide enough to be no small rewrite, which is told to the log row by row.
    oracle_sql "CREATE TABLE wide (id int PRIMARY KEY, n bigint, t text); INSERT INTO wide SELECT g, g, repeat(md5(g::text), 5) FROM generate_series(1, 12000) g"
    agent_start "$ORACLE_DATA" || return 1
    wait_for 30 eval "pgstrand status --data '$ORACLE_DATA' --json | jq -e .healthy" || return 1
    crash_tables_rest && crash_chain || return 1
    crash_rounds=0
}

# The rewrite's values are in no stream. Killed while the agent keeps the schema's new version, copies the table and seals: the
# next run has a base of it, no FULL; what is there now is restored, and, each fourth time, what came before the rewrite.
crash_tables() {
    local bases fulls code published seq=$crash_seq
    bases=$(jq '[.[] | select(.type == "incremental" and .rows > 0)] | length' "$HARNESS/crash.links")
    fulls=$(crash_fulls)
    PGSTRAND_IO_FAULT=$1 agent_start --no-wait "$ORACLE_DATA" || return 1
    oracle_sql "ALTER TABLE wide ALTER n TYPE bigint USING n + id; UPDATE wide SET t = 'after' WHERE id < 5"
    wait_for 60 crash_tables_settled "$bases" || complain "$(agent_log "$ORACLE_DATA" | tail -n 12)" "$(pgstrand status --data "$ORACLE_DATA")" || return 1
    kill -TERM "$(agent_pid "$ORACLE_DATA")" 2>/dev/null || true
    code=$(agent_exit_code "$ORACLE_DATA") || return 1
    agent_log "$ORACLE_DATA" >"$HARNESS/crash.log"
    crash_ended "$code" "$1" 'the agent' "$HARNESS/crash.log" || return 1
    crash_chain || return 1
    published=$(crash_bases)
    agent_start "$ORACLE_DATA" || return 1
    wait_for 60 crash_has_base "$bases" || return 1
    mv "$ORACLE_FILES/before" "$ORACLE_FILES/earlier"
    crash_tables_rest && crash_chain || return 1
    [ "$(crash_fulls)" -eq "$fulls" ] || complain 'a FULL was made' || return 1
    # One that was there when the agent was killed heals: none is made for it a second time.
    [ "$code" -ne 137 ] || [ "$published" -eq "$bases" ] || [ "$(crash_bases)" -eq "$published" ] ||
        complain "$(crash_bases) bases behind $bases, $published when it was killed" || return 1
    [ -z "$(find "$ORACLE_DATA" -name '*.part')" ] && [ -z "$(ls "$ORACLE_DATA/base")" ] ||
        complain "left: $(find "$ORACLE_DATA" -name '*.part') $(ls "$ORACLE_DATA/base")" || return 1
    [ "$(sql postgres "SELECT count(*) FROM pg_replication_slots WHERE slot_name LIKE 'pgstrand%table%'")" -eq 0 ] || return 1
    crash_same_restored "$ORACLE_FILES/before" || return 1
    [ $((crash_rounds++ % 4)) -ne 0 ] || crash_same_restored "$ORACLE_FILES/earlier" --to-seq "$seq"
}

# crash_command FAULT ARGS...: runs pgstrand with the fault; sets crash_whole.
crash_command() {
    local fault=$1 code=0
    shift
    PGSTRAND_IO_FAULT=$fault pgstrand "$@" --quiet >/dev/null 2>"$HARNESS/crash.err" || code=$?
    crash_ended "$code" "$fault" "pgstrand $*" "$HARNESS/crash.err"
}

# What was verified is not verified again at each of a hundred points: a chain grows with them. The list is in crash.links.
crash_verify() {
    local links=$HARNESS/crash.links
    touch "$links.seen"
    pgstrand snapshots --data "$1" --json >"$links" || return 1
    jq -r '.[].uuid' "$links" | grep -vxF -f "$links.seen" >"$links.new" || true
    # shellcheck disable=SC2046
    [ ! -s "$links.new" ] || pgstrand verify --data "$1" $(<"$links.new") >/dev/null || return 1
    cat "$links.new" >>"$links.seen"
}

crash_chain() {
    crash_verify "$ORACLE_DATA" || return 1
    jq -e 'map(.number) == [range(0; length)]' "$HARNESS/crash.links" >/dev/null ||
        complain "numbers: $(jq -c 'map(.number)' "$HARNESS/crash.links")"
}

crash_workflows_open() {
    pgstrand workflow list --data "$ORACLE_DATA" --json | jq '[.[] | select(.status == "PENDING" or .status == "IN_PROGRESS")] | length'
}

# A FULL or DIFFERENTIAL that was killed waits for somebody to go on with it: an agent does when it starts.
crash_chain_end() {
    agent_stop "$ORACLE_DATA" && agent_start "$ORACLE_DATA" || return 1
    wait_for 60 eval '[ "$(crash_workflows_open)" -eq 0 ]' && agent_stop "$ORACLE_DATA" || return 1
    crash_chain && pgstrand verify --data "$ORACLE_DATA" >/dev/null
}

# Killed while it seals: the chain is whole as it is, the next seal goes on, no number is left out, and nothing half is there.
crash_sealed() {
    local type=$1 fault=$2 seq
    oracle_sql "INSERT INTO journal (session, what) VALUES (2, 'sealed')"
    seq=$(pgstrand wait --data "$ORACLE_DATA") || return 1
    crash_command "$fault" seal --data "$ORACLE_DATA" --type "$type" || return 1
    crash_chain || return 1
    pgstrand seal --data "$ORACLE_DATA" --quiet >/dev/null && crash_chain || return 1
    [ "$(jq '.[-1].last_seq' "$HARNESS/crash.links")" -ge "$seq" ] || complain "nothing was sealed" || return 1
    [ -z "$(find "$ORACLE_DATA/snapshots" -name '*.part')" ] || complain "half a file is left" || return 1
    [ "$type" != incremental ] || [ "$(crash_workflows_open)" -eq 0 ] || complain 'a workflow is left open'
}

crash_seal() {
    crash_sealed incremental "$1"
}

crash_full() {
    crash_sealed full "$1"
}

crash_differential() {
    crash_sealed differential "$1"
}

# Killed while it ships: what is in the vault verifies or is not there yet, and the next run completes it.
crash_ship() {
    rm -rf "$HARNESS/vault"
    crash_command "$1" ship --data "$ORACLE_DATA" vault || return 1
    pgstrand ship --data "$ORACLE_DATA" vault --quiet >/dev/null || return 1
    pgstrand verify --from "$HARNESS/vault" >/dev/null || return 1
    [ -z "$(find "$HARNESS/vault" -name '*.part')" ] || complain "half a file is left in the vault"
}

# Killed while it restores: the target is as it was, or whole; the next run makes it whole.
crash_restore() {
    local target=crash_target tables
    database_again "$target"
    crash_command "$1" restore --data "$ORACLE_DATA" --target "$(conninfo "$target")" || return 1
    tables=$(sql "$target" "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace")
    if [ "$tables" -eq 0 ]; then
        pgstrand restore --data "$ORACLE_DATA" --target "$(conninfo "$target")" --quiet >/dev/null || return 1
    fi
    oracle_rows "$(conninfo "$ORACLE_DB")" >"$ORACLE_FILES/wanted"
    oracle_rows "$(conninfo "$target")" >"$ORACLE_FILES/restored"
    oracle_same_rows "$ORACLE_FILES/wanted" "$ORACLE_FILES/restored" "restored"
}
