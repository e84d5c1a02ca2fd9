# pgstrand: the programs under test, and comparisons of databases. Source it after cluster.bash.
#
#   pgstrand ARGS...                   the built command
#   jq ARGS...                         gojq, unless its objects have to keep their order: `command jq`; -e fails where nothing comes in
#   agent_start DATA [OPTIONS]         starts the agent and waits until it captures (--no-wait before DATA: does not)
#   agent_stop DATA                    SIGTERM; returns the agent's exit code
#   agent_kill9 DATA                   SIGKILL, at once
#   agent_running DATA
#   schema_kept DATA                   of the last change of the schema that the agent has told of, the schema is kept
#   wait_for SECONDS COMMAND...        polls until the command succeeds; at least a minute: no machine is too slow for a test
#   nap SECONDS                        a pause without a process of its own
#   refute COMMAND...                  must fail (a bare "! command" in the middle of a bats test is not looked at by bats)
#   expect_exit CODE PATTERN COMMAND   must end with this code and one line on stderr that has PATTERN (extended regexp)
#   private_memory_of PID              waits until the process ends; its largest RssAnon, in kB
#   memory_is_its_own                  not under a sanitizer, which keeps a map of all memory, and what was freed
#   dump_tables CONNINFO FOLDER [TABLES...]        one file a table: its rows as COPY text, sorted
#   assert_same_dumps WANTED_FOLDER GOT_FOLDER
#   assert_same_tables SOURCE TARGET [TABLES...]   both are connection strings
#   assert_same_schema SOURCE TARGET
#
# Table names are qualified and quoted as PostgreSQL would print them: public."menuItems". One may go on with a condition,
# public."printJobs" WHERE status = 'COMPLETED'.

PGSTRAND_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
PGSTRAND_BUILD=${PGSTRAND_BUILD:-$PGSTRAND_ROOT/build/release}
export PGSTRAND_ROOT PGSTRAND_BUILD

pgstrand() {
    "$PGSTRAND_BUILD/pgstrand" "$@"
}

# Debian's jq reads its own library anew each time, 45 ms of processor; some two thousand times that was a tenth of all tests.
# With -e nothing is no answer, as behind a command that failed: gojq says so by itself, but not where -s makes a list of it, since
# all(...) holds of an empty one. Options may stand before and behind the filter; of short ones several may be in one word.
jq() {
    local slurps=no asks=no filter='' i args=("$@")
    for ((i = 0; i < $#; i++)); do
        case ${args[i]} in
        --slurp) slurps=yes ;;
        --exit-status) asks=yes ;;
        --arg | --argjson | --slurpfile | --rawfile) i=$((i + 2)) ;;
        --indent) i=$((i + 1)) ;;
        --from-file) filter=none ;;
        -[!-]*)
            [[ ${args[i]} != *f* ]] || filter=none
            [[ ${args[i]} != *s* ]] || slurps=yes
            [[ ${args[i]} != *e* ]] || asks=yes
            ;;
        --*) ;;
        *) filter=${filter:-$i} ;;
        esac
    done
    if [ "$slurps$asks" = yesyes ]; then
        [ "$filter" != none ] || complain 'jq: a filter from a file with -s and -e: all(...) would hold of nothing' || return 2
        args[filter]='if . == [] then error("nothing came in") else . end | '${args[filter]}
    fi
    gojq "${args[@]}"
}

private_memory_of() {
    local pid=$1 most=0 now
    while now=$(awk '/^RssAnon/ { print $2 }' "/proc/$pid/status" 2>/dev/null) && [ -n "$now" ]; do
        [ "$now" -le "$most" ] || most=$now
        nap 0.02
    done
    echo "$most"
}

memory_is_its_own() {
    [[ $PGSTRAND_BUILD != */asan && $PGSTRAND_BUILD != */tsan ]]
}

# A pipe that nobody writes to.
nap() {
    [ -n "${nap_pipe:-}" ] || exec {nap_pipe}<> <(:)
    read -rt "$1" -u "$nap_pipe" || true
}

complain() {
    printf '%s\n' "$@" >&2
    return 1
}

# Sets $agent_place: what is known of the agent of a data directory is in files of this name with .pid, .log, and .rc.PID: its end is
# noted some time after it, perhaps when the next one runs already.
agent_know() {
    agent_place=${1%/}
    agent_place=$HARNESS/agents/${agent_place//\//_}
}

agent_start() {
    local wait=yes
    if [ "$1" = --no-wait ]; then
        wait=no
        shift
    fi
    local data=$1 agent_place
    shift
    agent_know "$data"
    rm -f "$agent_place".rc* "$agent_place.pid"
    # A subshell of its own stays with it, so that its exit code is known to whoever asks. Descriptor 3 belongs to bats.
    # setsid: Ctrl-C on the terminal is for the caller, who stops the agent in his own order.
    (
        setsid "$PGSTRAND_BUILD/pgstrand-agent" --data "$data" "$@" >>"$agent_place.log" 2>&1 </dev/null &
        pid=$!
        echo "$pid" >"$agent_place.pid.new"
        mv "$agent_place.pid.new" "$agent_place.pid"
        code=0
        wait "$pid" || code=$?
        echo "$code" >"$agent_place.new.$pid"
        mv "$agent_place.new.$pid" "$agent_place.rc.$pid"
    ) 3>&- >/dev/null 2>&1 </dev/null &
    wait_for 5 test -s "$agent_place.pid" || return 1
    [ "$wait" = yes ] || return 0
    if ! pgstrand wait --data "$data" --timeout 60 >/dev/null 2>"$agent_place.log.wait"; then
        complain "the agent of $data does not capture: $(<"$agent_place.log.wait")" "$(tail -n 20 "$agent_place.log")"
    fi
}

agent_pid() {
    local agent_place
    agent_know "$1"
    cat "$agent_place.pid"
}

agent_running() {
    local agent_place
    agent_know "$1"
    [ -s "$agent_place.pid" ] && [ ! -e "$(agent_end)" ] && kill -0 "$(<"$agent_place.pid")" 2>/dev/null
}

# Where the exit code of the newest one will be.
agent_end() {
    echo "$agent_place.rc.$(<"$agent_place.pid")"
}

agent_exit_code() {
    local agent_place
    agent_know "$1"
    wait_for "${2:-60}" test -s "$(agent_end)" || complain "the agent of $1 did not end" || return 1
    cat "$(agent_end)"
}

agent_stop() {
    kill -TERM "$(agent_pid "$1")" 2>/dev/null || true
    local code
    # An agent gives a snapshot in progress a minute before it stops without it.
    code=$(agent_exit_code "$1" 90) || return 1
    return "$code"
}

agent_kill9() {
    local agent_place
    agent_know "$1"
    kill -KILL "$(<"$agent_place.pid")"
    wait_for 10 test -s "$(agent_end)"
}

agent_log() {
    local agent_place
    agent_know "$1"
    cat "$agent_place.log"
}

schema_kept() {
    agent_log "$1" | grep -E 'the schema changed at seq|the changed schema is kept' | tail -n 1 | grep -q kept
}

# Pauses twice as long as the last look took, so that looking takes a third of a processor at most.
wait_for() {
    local wait_limit=$((SECONDS + ($1 < 60 ? 60 : $1))) wait_began wait_pause
    shift
    while :; do
        wait_began=${EPOCHREALTIME//[!0-9]/}
        ! "$@" >/dev/null 2>&1 || return 0
        if [ "$SECONDS" -ge "$wait_limit" ]; then
            complain "gave up waiting for: $*"
            return 1
        fi
        wait_pause=$((2 * (${EPOCHREALTIME//[!0-9]/} - wait_began)))
        wait_pause=$((wait_pause < 20000 ? 20000 : wait_pause > 200000 ? 200000 : wait_pause))
        printf -v wait_pause '0.%06d' "$wait_pause"
        nap "$wait_pause"
    done
}

refute() {
    if "$@" >/dev/null 2>&1; then
        complain "should have failed: $*"
    fi
}

expect_exit() {
    local wanted=$1 pattern=$2 code=0 words lines
    shift 2
    words=$(mktemp "$HARNESS/stderr.XXXXXX")
    "$@" >/dev/null 2>"$words" </dev/null || code=$?
    # What says that a fault was asked for is no word about it.
    [ -z "${PGSTRAND_IO_FAULT:-}" ] || sed -i '/PGSTRAND_IO_FAULT is set/d' "$words"
    lines=$(wc -l <"$words")
    if [ "$code" -ne "$wanted" ] || [ "$lines" -ne 1 ] || ! grep -Eq -- "$pattern" "$words"; then
        complain "$*" "ended with $code, wanted $wanted; wanted one line with '$pattern', got $lines:" "$(<"$words")"
        return 1
    fi
    rm -f "$words"
}

# pgstrand's own schema is no part of what is compared. Partitioned roots and views have no rows of their own.
user_tables() {
    "$PSQL" -X -q -A -t -v ON_ERROR_STOP=1 -d "$1" -c "
        SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pgstrand')
          AND n.nspname NOT LIKE 'pg\\_%'
        ORDER BY 1"
}

# One session for all tables. The settings are those under which pgstrand reads values, so that text is comparable. The server
# sorts: rows of equal text are equal in the file, too.
dump_tables() {
    local source=$1 folder=$2 table name
    shift 2
    [ $# -gt 0 ] || mapfile -t tables < <(user_tables "$source")
    [ $# -eq 0 ] || local tables=("$@")
    rm -rf "$folder"
    mkdir -p "$folder"
    {
        echo "SET datestyle = ISO; SET intervalstyle = postgres; SET extra_float_digits = 3; SET timezone = 'UTC';"
        echo "SET bytea_output = hex; SET lc_monetary = 'C'; SET client_encoding = 'UTF8';"
        echo "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"
        for table in "${tables[@]}"; do
            name=${table%% WHERE *}
            echo "COPY (SELECT * FROM ONLY $name AS dumped_row ${table#"$name"} ORDER BY dumped_row::text COLLATE \"C\") TO STDOUT" \
                "\\g '$folder/${name//[\"\'\\\/]/}'"
        done
        echo "COMMIT;"
    } | "$PSQL" -X -q -v ON_ERROR_STOP=1 -d "$source"
}

assert_same_dumps() {
    local report
    report=$(diff -rq "$1" "$2") || {
        local first
        first=$(LC_ALL=C diff -r "$1" "$2" | cut -c 1-200 | head -n 12)
        complain "$(wc -l <<<"$report") tables differ (< is wanted, > is what is there):" "$(head -n 10 <<<"$report")" "$first"
    }
}

assert_same_tables() {
    local source=$1 target=$2 place
    shift 2
    place=$(mktemp -d "$HARNESS/compare.XXXXXX")
    dump_tables "$source" "$place/wanted" "$@" || return 1
    dump_tables "$target" "$place/got" "$@" || return 1
    assert_same_dumps "$place/wanted" "$place/got" || return 1
    rm -rf "$place"
}

# pgstrand's own objects are no part of a schema, in a captured database and after it was uninstalled.
schema_text() {
    "$PG_DUMP" -s -N pgstrand --no-publications -d "$1" |
        grep -Ev '^--|restrict|EVENT TRIGGER pgstrand_|EXECUTE FUNCTION pgstrand\.on_' | cat -s
}

assert_same_schema() {
    local place
    place=$(mktemp -d "$HARNESS/schema.XXXXXX")
    schema_text "$1" >"$place/wanted" || return 1
    schema_text "$2" >"$place/got" || return 1
    [ -s "$place/wanted" ] && [ -s "$place/got" ] || complain "pg_dump gave no schema" || return 1
    diff -u "$place/wanted" "$place/got" | head -n 40 >"$place/difference"
    [ ! -s "$place/difference" ] || complain "the schemas differ:" "$(<"$place/difference")" || return 1
    rm -rf "$place"
}
