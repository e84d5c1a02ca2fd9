# Ctrl-C, at any time: exit 130, one line, and nothing half-way: no part of a file, no database, no table in the target.

load ../lib/onecluster

setup_file() {
    onecluster_begin
    export DATA=$HARNESS/data
    database_new source
    sql source "CREATE TABLE many (id int PRIMARY KEY, a text, b text);
        INSERT INTO many SELECT i, md5(i::text), md5((i + 1)::text) FROM generate_series(1, 120000) i;
        CREATE INDEX ON many (a); CREATE INDEX ON many (b); CREATE SEQUENCE numbers"
}

# interrupted SECONDS ARGS...: SIGINT to that process alone. It may have been quicker than we: then it is done, exit 0. On a busy machine
# it may not yet have come to where it takes the signal, and dies of it without a word: then once more, later.
interrupted() {
    local code pause=$1 try
    shift
    for try in 1 2 3 4 5 6 7 8; do
        code=0
        timeout --foreground --preserve-status -s INT "$pause" "$PGSTRAND_BUILD/pgstrand" "$@" --data "$DATA" --quiet \
            >/dev/null 2>"$HARNESS/err" || code=$?
        [ "$code" -ne 0 ] || return 0
        [ "$code" -ne 130 ] || [ -s "$HARNESS/err" ] || { pause=$((try / 2)).$((try % 2 * 5)) && continue; }
        break
    done
    [ "$code" -eq 130 ] && [ "$(<"$HARNESS/err")" = 'pgstrand: interrupted' ] ||
        complain "after $pause s: exit $code" "$(<"$HARNESS/err")" || return 1
    cut=$((${cut:-0} + 1))
}

# The agent may be writing its index of rows at any time.
parts() {
    find "$DATA" "$HARNESS/vault" -name '*.part' -not -path "$DATA/index/*" 2>/dev/null
}

# At once: the agent's next seal would tidy up what one of ours has left.
no_parts() {
    [ -z "$(parts)" ] || complain "$(parts)" "$(<"$HARNESS/err")"
}

@test "init interrupted: nothing is published, and the next run finishes" {
    for pause in 0.1 0.2 0.4; do
        interrupted "$pause" init --source "$(conninfo source)"
        no_parts
    done
    [ "$cut" -ge 1 ]
    pgstrand init --data "$DATA" --source "$(conninfo source)" --quiet >/dev/null
    [ "$(sql source 'SELECT count(*) FROM pg_replication_slots')" -eq 1 ]
    [ "$(find "$DATA/snapshots" -name '*.commit' | wc -l)" -eq 1 ]
    pgstrand verify --data "$DATA" >/dev/null
}

@test "seal and ship interrupted: no part of a file, a whole chain, and the next run goes on" {
    agent_start "$DATA"
    sql source "UPDATE many SET a = b"
    pgstrand wait --data "$DATA" --timeout 60 >/dev/null
    pgstrand vault add --data "$DATA" vault "$HARNESS/vault" >/dev/null
    for pause in 0.05 0.1 0.2; do
        interrupted "$pause" seal --type full --no-wait
        no_parts
        interrupted "$pause" ship vault
        no_parts
    done
    [ "$cut" -ge 1 ]
    pgstrand seal --data "$DATA" >/dev/null
    pgstrand ship --data "$DATA" vault >/dev/null
    pgstrand verify --data "$DATA" >/dev/null
    pgstrand verify --from "$HARNESS/vault" >/dev/null
}

@test "restore interrupted: the target stays empty, and no database is left beside it" {
    database_new target
    for jobs in 1 2; do
        for pause in 0.2 0.5; do
            interrupted "$pause" restore --target "$(conninfo target)" --jobs "$jobs" --drop-old
            [ "$(sql postgres "SELECT count(*) FROM pg_database WHERE datname LIKE '%pgstrand%'")" -eq 0 ]
            if [ -s "$HARNESS/err" ]; then
                [ "$(sql target "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace")" -eq 0 ]
            else # it was quicker
                database_again target
            fi
        done
    done
    [ "$cut" -ge 1 ]
    pgstrand restore --data "$DATA" --target "$(conninfo target)" --quiet
    assert_same_tables "$(conninfo source)" "$(conninfo target)"
}

@test "the agent stopped while one of its threads waits for a server that does not answer: the last changes are sealed all the same" {
    local seq pid waker
    agent_stop "$DATA"
    session_open holder source
    say holder 'BEGIN; LOCK TABLE pgstrand.rule'
    agent_start "$DATA"
    sql source 'UPDATE many SET a = NULL WHERE id = 1'
    seq=$(pgstrand wait --data "$DATA")
    wait_for 20 waits_for_lock source
    pid=$(lock_waiters source)
    kill -STOP "$pid"
    { sleep 2; kill -CONT "$pid"; } 3>&- &
    waker=$!
    agent_stop "$DATA"
    wait "$waker"
    session_close holder
    agent_log "$DATA" | tail -n 1 | grep -q ' stopped$' || complain "$(agent_log "$DATA" | tail -n 3)"
    [ "$(pgstrand snapshots --data "$DATA" --json | jq '.[-1].last_seq')" -eq "$seq" ]
}

@test "the agent stopped while it seals by schedule: that snapshot is finished, where stopping itself seals nothing" {
    local before
    ! agent_running "$DATA" || agent_stop "$DATA"
    before=$(pgstrand snapshots --data "$DATA" --json | jq '.[-1].last_seq')
    sed -i '/^\[seal\]/,/^\[/ { s/^actions = .*/actions = 1/; s/^on_stop = .*/on_stop = no/ }' "$DATA/pgstrand.conf"
    PGSTRAND_IO_FAULT=slow:400:.snap agent_start "$DATA"
    sql source 'UPDATE many SET a = NULL WHERE id = 2'
    # Each change is sealed by itself, and its first write lasts 400 ms: whoever has missed one looks for the next.
    seals() {
        [ -n "$(find "$DATA/snapshots" -name "*.part")" ] || { sql source 'UPDATE many SET a = NULL WHERE id = 2' && return 1; }
    }
    wait_for 60 seals
    agent_stop "$DATA"
    agent_log "$DATA" | tail -n 1 | grep -q ' stopped$' || complain "$(agent_log "$DATA" | tail -n 3)"
    [ "$(pgstrand snapshots --data "$DATA" --json | jq '.[-1].last_seq')" -gt "$before" ]
    no_parts
}

# What it asks the server for is cancelled, since it may wait for ever; here it waits for a sequence that somebody is about to drop.
@test "the agent stopped while its seal by schedule asks the server: it asks again, or does without the sequences" {
    local before stopper how said
    sealed_seq() {
        pgstrand snapshots --data "$DATA" --json | jq '.[-1].last_seq'
    }
    for how in again without; do
        ! agent_running "$DATA" || agent_stop "$DATA"
        before=$(sealed_seq)
        session_open holder source
        say holder 'BEGIN; DROP SEQUENCE numbers'
        agent_start "$DATA"
        sql source 'UPDATE many SET a = NULL WHERE id = 3'
        wait_for 30 waits_for_lock source
        : >"$(cluster_folder)/log"
        agent_stop "$DATA" 3>&- &
        stopper=$!
        wait_for 30 grep -q 'canceling statement due to user request' "$(cluster_folder)/log"
        [ "$how" = without ] || session_close holder
        wait "$stopper"
        [ "$how" = again ] || session_close holder
        agent_log "$DATA" | tail -n 1 | grep -q ' stopped$' || complain "$(agent_log "$DATA" | tail -n 3)"
        [ "$(sealed_seq)" -gt "$before" ]
        said=$(agent_log "$DATA" | grep -q "sealing without the sequences' values: .*canceling statement" && echo without || echo again)
        # On a machine that stood still meanwhile it was cancelled three times, and does without.
        [ "$said" = "$how" ] || { [ "$how" = again ] && [ "$(grep -c 'canceling statement due to user request' "$(cluster_folder)/log")" -ge 3 ]; } ||
            complain "$said, not $how"
        no_parts
    done
}
