#!/usr/bin/env bash
# pgstrand in one command: installs what is missing, builds, captures a database until Ctrl-C, showing what it does.
#
#   deploy/run.sh                      a shop of its own: a private PostgreSQL cluster with the point-of-sale example at work
#   deploy/run.sh --source CONNINFO    your database (libpq connection string; it needs wal_level = logical)
#   deploy/run.sh --tour               walks through the product with the example, compares every result, says what failed
#
#     --data DIR      where the agent keeps its log and snapshots (default with --source: what `pgstrand --help` says;
#                     otherwise a temporary folder that is removed at the end)
#     --rate N        transactions a second of the example's workload (default 25)
#     --seconds N     stop by itself after so long
#     --no-install    do not install packages        --no-build    use build/release as it is
#
# The private cluster listens on a socket in its own folder and on a loopback port; it is gone at the end. With --source
# the slot and the data directory stay, so that capture can go on; `pgstrand uninstall` removes all of it.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/deploy/lib/show.bash"
source "$root/tests/lib/cluster.bash"
source "$root/tests/lib/pgstrand.bash"

source_db=
data=
tour=no
rate=25
seconds=
install=yes
build=yes

usage_error() {
    echo "run.sh: $1; --help explains" >&2
    exit 2
}

while [ $# -gt 0 ]; do
    case "$1" in
    --source | --data | --rate | --seconds)
        [ $# -gt 1 ] || usage_error "$1 needs a value"
        case "$1" in
        --source) source_db=$2 ;;
        --data) data=$2 ;;
        --rate) rate=$2 ;;
        --seconds) seconds=$2 ;;
        esac
        shift
        ;;
    --tour) tour=yes ;;
    --no-install) install=no ;;
    --no-build) build=no ;;
    -h | --help)
        sed -n '2,/^set /s/^# \{0,1\}//p' "$0" | grep -v '^set '
        exit 0
        ;;
    *) usage_error "unknown option '$1'" ;;
    esac
    shift
done
[ "$tour" = no ] || [ -z "$source_db" ] || usage_error "--tour brings its own database; leave --source out"

prepare() {
    [ "$install" = no ] || "$root/deploy/install-deps.sh" --build
    if [ "$build" = yes ]; then
        [ -z "$(command -v ccache)" ] || export CMAKE_C_COMPILER_LAUNCHER=ccache
        echo "building (build/release)" >&2
        local log
        log=$(mktemp)
        (cd "$root" && cmake --preset release && cmake --build --preset release --target pgstrand --target pgstrand-agent) \
            >"$log" 2>&1 || {
            tail -n 20 "$log" >&2
            die "the build failed; the whole log is in $log"
        }
        rm -f "$log"
    fi
    [ -x "$PGSTRAND_BUILD/pgstrand" ] || die "$PGSTRAND_BUILD/pgstrand is missing; run without --no-build"
}

workload_pid=
stopping=no

# Everything that was started is stopped, in the order in which it depends on each other.
clean_up() {
    local code=$?
    trap - EXIT INT TERM
    [ -z "$workload_pid" ] || kill "$workload_pid" 2>/dev/null || true
    if [ -n "${HARNESS:-}" ]; then
        local entry
        for entry in "$HARNESS"/agents/*.pid; do
            [ -e "$entry" ] && kill -TERM "$(<"$entry")" 2>/dev/null || true
        done
        for entry in "$HARNESS"/agents/*.pid; do
            [ -e "$entry" ] && wait_for 60 test -e "${entry%.pid}.rc.$(<"$entry")" || true
        done
        harness_end
    fi
    exit "$code"
}

# A shop in a cluster of its own, with people working in it.
private_shop() {
    show_note "making a private PostgreSQL cluster in $HARNESS"
    cluster_new shop || die "the private cluster did not start"
    database_new shop
    sql_file shop "$root/deploy/examples/pos/schema.sql" -1
    sql_file shop "$root/deploy/examples/pos/seed.sql" -1
    source_db=$(conninfo shop)
}

start_workload() {
    "$root/deploy/examples/pos/workload.sh" --db "$source_db" --rate "$rate" --seconds "${seconds:-1000000}" \
        >"$HARNESS/workload.log" 2>&1 </dev/null &
    workload_pid=$!
}

status_line() {
    local json
    json=$(pgstrand status --data "$data" --json 2>/dev/null) || true
    jq -r '"\(now | strftime("%H:%M:%S"))  seq \(.seq)  lag \(.lag_bytes) B, \(.lag_seconds // 0) s  durable \(.durable_lsn)  " +
        "last snapshot \(.last_snapshot // "-" | tostring | .[0:8])  \(if .healthy then "healthy" else "NOT HEALTHY: " + (.problems | join("; ")) end)"' \
        <<<"$json" 2>/dev/null || echo "$(date +%H:%M:%S)  no status: $json"
}

capture() {
    local limit config=()
    if [ -z "$source_db" ]; then
        private_shop
        data=${data:-$HARNESS/data}
        config=(--config "$root/deploy/examples/pos/pgstrand.conf")
        start_workload
    else
        data=${data:-${PGSTRAND_DATA:-${XDG_STATE_HOME:+$XDG_STATE_HOME/pgstrand}}}
        data=${data:-/var/lib/pgstrand}
    fi
    show_title "Preparing $data"
    pgstrand init --data "$data" --source "$source_db" "${config[@]}" --yes
    show_title "Capturing; Ctrl-C stops"
    agent_start "$data"
    limit=$((SECONDS + ${seconds:-2000000000}))
    trap 'stopping=yes' INT TERM
    while [ "$stopping" = no ] && [ "$SECONDS" -lt "$limit" ]; do
        agent_running "$data" || die "the agent ended: $(agent_log "$data" | tail -n 3)"
        status_line
        sleep 2 || true
    done
    show_title "Stopping"
    [ -z "$workload_pid" ] || kill "$workload_pid" 2>/dev/null || true
    agent_stop "$data" || die "the agent did not stop cleanly: $(agent_log "$data" | tail -n 3)"
    pgstrand snapshots --data "$data"
    if [ -z "$workload_pid" ]; then
        show_note "The slot keeps WAL for this agent. Go on with: $PGSTRAND_BUILD/pgstrand-agent --data $data"
        show_note "or remove everything with: $PGSTRAND_BUILD/pgstrand uninstall --data $data"
    fi
}

prepare
if [ "$tour" = yes ] || [ -z "$source_db" ]; then
    harness_begin
else
    # Your own PGHOST and friends keep their meaning: nothing is unset here.
    HARNESS=$(mktemp -d "${TMPDIR:-/tmp}/pgstrand-run.XXXXXX")
    mkdir "$HARNESS/agents" "$HARNESS/clusters"
fi
trap clean_up EXIT
trap 'exit 130' INT TERM
if [ "$tour" = yes ]; then
    source "$root/deploy/lib/tour.bash"
    tour
else
    capture
fi
