# pgstrand: the programs under test, and comparisons of databases. Source it after cluster.bash.
#
#   pgstrand ARGS...                   the built command
#   agent_start DATA [OPTIONS]         starts the agent and waits until it captures (--no-wait before DATA: does not)
#   agent_stop DATA                    SIGTERM; returns the agent's exit code
#   agent_kill9 DATA                   SIGKILL, at once
#   agent_running DATA
#   wait_for SECONDS COMMAND...        polls until the command succeeds
#   refute COMMAND...                  must fail (a bare "! command" in the middle of a bats test is not looked at by bats)
#   expect_exit CODE PATTERN COMMAND   must end with this code and one line on stderr that has PATTERN (extended regexp)
#   private_memory_of PID              waits until the process ends; its largest RssAnon, in kB
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

private_memory_of() {
    local pid=$1 most=0 now
    while now=$(awk '/^RssAnon/ { print $2 }' "/proc/$pid/status" 2>/dev/null) && [ -n "$now" ]; do
        [ "$now" -le "$most" ] || most=$now
        sleep 0.02
    done
    echo "$most"
}

complain() {
    printf '%s\n' "$@" >&2
    return 1
}

# The pid file of the agent of a data directory.
agent_file() {
    local name=${1%/}
    echo "$HARNESS/agents/${name//\//_}.$2"
}

agent_start() {
    local wait=yes
    if [ "$1" = --no-wait ]; then
        wait=no
        shift
    fi
    local data=$1
    shift
    local pid log rc
    pid=$(agent_file "$data" pid)
    log=$(agent_file "$data" log)
    rc=$(agent_file "$data" rc)
    rm -f "$rc" "$pid"
    # A subshell of its own stays with it, so that its exit code is known to whoever asks. Descriptor 3 belongs to bats.
    # setsid: Ctrl-C on the terminal is for the caller, who stops the agent in his own order.
    (
        setsid "$PGSTRAND_BUILD/pgstrand-agent" --data "$data" "$@" >>"$log" 2>&1 </dev/null &
        echo $! >"$pid.new"
        mv "$pid.new" "$pid"
        code=0
        wait $! || code=$?
        echo "$code" >"$rc.new"
        mv "$rc.new" "$rc"
    ) 3>&- >/dev/null 2>&1 </dev/null &
    wait_for 5 test -s "$pid" || return 1
    [ "$wait" = yes ] || return 0
    if ! pgstrand wait --data "$data" --timeout 60 >/dev/null 2>"$log.wait"; then
        complain "the agent of $data does not capture: $(<"$log.wait")" "$(tail -n 20 "$log")"
    fi
}

agent_pid() {
    cat "$(agent_file "$1" pid)"
}

agent_running() {
    local pid
    pid=$(agent_file "$1" pid)
    [ -s "$pid" ] && [ ! -e "$(agent_file "$1" rc)" ] && kill -0 "$(<"$pid")" 2>/dev/null
}

agent_exit_code() {
    local rc
    rc=$(agent_file "$1" rc)
    wait_for "${2:-60}" test -s "$rc" || complain "the agent of $1 did not end" || return 1
    cat "$rc"
}

agent_stop() {
    kill -TERM "$(agent_pid "$1")" 2>/dev/null || true
    local code
    # An agent gives a snapshot in progress a minute before it stops without it.
    code=$(agent_exit_code "$1" 90) || return 1
    return "$code"
}

agent_kill9() {
    kill -KILL "$(agent_pid "$1")"
    wait_for 10 test -s "$(agent_file "$1" rc)"
}

agent_log() {
    cat "$(agent_file "$1" log)"
}

wait_for() {
    local limit=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        if [ "$SECONDS" -ge "$limit" ]; then
            complain "gave up waiting for: $*"
            return 1
        fi
        sleep 0.1
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

# One session for all tables. The settings are those under which pgstrand reads values, so that text is comparable.
dump_tables() {
    local source=$1 folder=$2 table file
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
            file=${table%% WHERE *}
            echo "COPY (SELECT * FROM ONLY $table) TO STDOUT \\g |LC_ALL=C sort > '$folder/${file//[\"\'\\\/]/}'"
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
