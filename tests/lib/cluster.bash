# cluster: throw-away PostgreSQL clusters for tests and examples. Source it; it only defines functions.
#
# Everything lives under one folder, $HARNESS, that harness_begin makes and harness_end removes with all that runs in it.
# In bats: harness_begin in setup_file, harness_end in teardown_file (which bats also calls after a failure).
# PGSTRAND_TEST_MAJOR=17 runs any test on another major (deploy/get-majors.sh has them).
#
# One cluster is the current one ($CLUSTER); `on NAME COMMAND...` runs a command with another.
#
# A run of many files sets PGSTRAND_TEST_TEMPLATES to a folder: what initdb makes is kept there and copied. Only a harness's first
# cluster is a copy: a second one has to have another system identifier, unless it is asked for with CLUSTER_TWIN=yes.
#
#   cluster_new NAME [GUC=VALUE...]   initdb and start; becomes the current one
#   cluster_start | cluster_stop [MODE] | cluster_crash | cluster_remove [NAME]
#   cluster_set GUC VALUE             ALTER SYSTEM and reload
#   conninfo DB                       libpq connection string over the unix socket, role postgres
#   conninfo_tcp DB [USER]            the same over the loopback port
#   sql DB TEXT                       unaligned, tuples only, stops at the first error; a server that lets nobody in is told
#   sql_file DB FILE [PSQL OPTIONS]
#   database_new DB | database_drop DB | database_again DB     again: an empty one, whatever was there
#   untraced                          first in a setup: the functions that a test calls run without bats' trap

CLUSTER_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# The server to test with: PGSTRAND_TEST_PG_BIN, else PGSTRAND_TEST_MAJOR, else the newest of Debian's.
pg_bin() {
    if [ -n "${PGSTRAND_TEST_PG_BIN:-}" ]; then
        echo "$PGSTRAND_TEST_PG_BIN"
        return
    fi
    local newest
    if [ -n "${PGSTRAND_TEST_MAJOR:-}" ]; then
        newest=/usr/lib/postgresql/$PGSTRAND_TEST_MAJOR/bin
        [ -x "$newest/initdb" ] && echo "$newest" || "$CLUSTER_ROOT/deploy/get-majors.sh" --bin "$PGSTRAND_TEST_MAJOR"
        return
    fi
    newest=$(printf '%s\n' /usr/lib/postgresql/*/bin/initdb | sort -V | tail -n 1)
    [ -x "$newest" ] || {
        echo "cluster: no PostgreSQL server under /usr/lib/postgresql; run deploy/install-deps.sh" >&2
        return 1
    }
    echo "${newest%/initdb}"
}

# A server package without clients is completed by the machine's own psql.
pg_client() {
    local program="$PG_BIN/$1"
    [ -x "$program" ] || program=$(command -v "$1")
    echo "$program"
}

# PostgreSQL refuses to run as root. cd /: the caller's folder may be closed to postgres.
as_postgres() {
    if [ "$(id -u)" -eq 0 ]; then
        (cd / && exec runuser -u postgres -- "$@")
    else
        "$@"
    fi
}

# bats runs a trap before every command, to know where a test failed: 0.4 ms of processor each, which was a sixth of all that the
# tests cost. Called in setup, this leaves the trap to the test's own lines; the functions that it calls run without. What fails in
# one of those is named by the test's line, so a check inside a function says what it found (complain).
untraced() {
    set +T
}

harness_begin() {
    untraced
    PG_BIN=$(pg_bin) || return 1
    PSQL=$(pg_client psql)
    PG_DUMP=$(pg_client pg_dump)
    # A major that Debian does not have brings its pg_dump along, and pgstrand looks for it in PATH.
    [[ $PG_BIN == /usr/lib/postgresql/* ]] || PATH=$PG_BIN:$PATH
    HARNESS=$(mktemp -d "${TMPDIR:-/tmp}/pgstrand-test.XXXXXX")
    chmod 711 "$HARNESS"
    mkdir "$HARNESS/clusters" "$HARNESS/agents"
    chmod 711 "$HARNESS/clusters"
    export PATH PG_BIN PSQL PG_DUMP HARNESS
    # What the caller has set for his own databases must not leak into a test.
    unset PGHOST PGPORT PGUSER PGDATABASE PGSERVICE PGOPTIONS PGPASSWORD PGSTRAND_DATA
}

# Leaves nothing behind, whatever state a failed test left.
harness_end() {
    [ -n "${HARNESS:-}" ] && [ -d "$HARNESS" ] || return 0
    local entry
    # Callers run with errexit: an agent that is gone already must not keep the clusters alive.
    for entry in "$HARNESS"/agents/*.pid; do
        if [ -e "$entry" ] && [ ! -e "${entry%.pid}.rc.$(<"$entry")" ]; then
            kill -KILL "$(<"$entry")" 2>/dev/null || true
        fi
    done
    for entry in "$HARNESS"/clusters/*/; do
        if [ -d "$entry" ]; then
            cluster_remove "$(basename "$entry")" || true
        fi
    done
    rm -rf "$HARNESS"
}

cluster_folder() {
    echo "$HARNESS/clusters/${1:-$CLUSTER}"
}

cluster_port() {
    local port
    read -r port <"$HARNESS/clusters/${1:-$CLUSTER}/port"
    echo "$port"
}

on() {
    local CLUSTER=$1
    shift
    "$@"
}

# A port below the range that the kernel hands out for outgoing connections, on which nobody answers.
free_port() {
    local port
    for _ in $(seq 50); do
        port=$((20000 + RANDOM % 12000))
        (exec 9<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || {
            echo "$port"
            return
        }
    done
    echo "cluster: no free port between 20000 and 32000" >&2
    return 1
}

# cluster_initdb FOLDER
cluster_initdb() {
    local log=$HARNESS/initdb.log
    as_postgres "$PG_BIN/initdb" --no-sync -A trust -U postgres -E UTF8 --locale=C.UTF-8 -D "$1" >"$log" 2>&1 || {
        cat "$log" >&2
        return 1
    }
}

# cluster_template FOLDER: a copy of what initdb made once for this server; the first that asks makes it, others wait for it.
cluster_template() {
    local template=$PGSTRAND_TEST_TEMPLATES/${PG_BIN//\//_}
    (
        flock 9
        [ ! -e "$template.made" ] || exit 0
        mkdir "$template" || exit 1
        [ "$(id -u)" -ne 0 ] || chown postgres "$template"
        cluster_initdb "$template/data" && touch "$template.made"
    ) 9>"$template.lock" && cp -a --reflink=auto "$template/data" "$1"
}

cluster_new() {
    local name=$1 folder setting make=cluster_initdb
    shift
    if [ -n "${PGSTRAND_TEST_TEMPLATES:-}" ] && { [ ! -e "$HARNESS/copied" ] || [ "${CLUSTER_TWIN:-no}" = yes ]; }; then
        make=cluster_template
        : >"$HARNESS/copied"
    fi
    folder=$(cluster_folder "$name")
    mkdir "$folder"
    [ "$(id -u)" -ne 0 ] || chown postgres "$folder"
    "$make" "$folder/data" || return 1
    # Quick, and safe against kill -9: the tests kill processes, they do not cut the power.
    as_postgres tee "$folder/data/postgresql.auto.conf" >/dev/null <<EOF
wal_level = logical
max_wal_senders = 20
max_replication_slots = 20
max_prepared_transactions = 10
max_connections = 60
shared_buffers = 64MB
fsync = off
max_wal_size = 4GB
jit = off
shared_preload_libraries = plpgsql
listen_addresses = '127.0.0.1'
unix_socket_directories = '$folder'
unix_socket_permissions = 0777
logging_collector = off
log_line_prefix = '%m [%p] '
EOF
    for setting in "$@"; do
        echo "${setting%%=*} = '${setting#*=}'" | as_postgres tee -a "$folder/data/postgresql.auto.conf" >/dev/null
    done
    chmod 711 "$folder"
    export CLUSTER=$name
    cluster_start
}

# Keeps the port of an earlier start, so that a connection string stays valid over a restart.
cluster_start() {
    local folder attempt
    folder=$(cluster_folder)
    for attempt in 1 2 3 4 5; do
        [ -e "$folder/port" ] || free_port | as_postgres tee "$folder/port" >/dev/null
        as_postgres "$PG_BIN/pg_ctl" start -s -w -t 60 -D "$folder/data" -l "$folder/log" \
            -o "-p $(<"$folder/port")" >/dev/null 2>"$HARNESS/start.log" 3>&- && return 0
        # Somebody may have taken the port in between; anything else is not helped by another one.
        grep -q 'could not bind\|Address already in use' "$folder/log" && [ "$attempt" -lt 5 ] || break
        rm -f "$folder/port" "$folder/log"
    done
    tail -n 5 "$folder/log" >&2
    return 1
}

cluster_stop() {
    as_postgres "$PG_BIN/pg_ctl" stop -s -w -t 60 -D "$(cluster_folder)/data" -m "${1:-fast}"
}

# As after a power cut: no checkpoint, recovery at the next start.
cluster_crash() {
    cluster_stop immediate
}

cluster_remove() {
    local CLUSTER=${1:-$CLUSTER}
    cluster_stop immediate >/dev/null 2>&1 || true
    rm -rf "$(cluster_folder)"
}

cluster_set() {
    sql postgres "ALTER SYSTEM SET $1 = '$2'" && sql postgres 'SELECT pg_reload_conf()' >/dev/null
}

# Without a process of their own: these are called some ten thousand times in a run.
conninfo() {
    local folder=$HARNESS/clusters/$CLUSTER port
    read -r port <"$folder/port"
    echo "host=$folder port=$port user=postgres dbname=$1"
}

conninfo_tcp() {
    local port
    read -r port <"$HARNESS/clusters/$CLUSTER/port"
    echo "host=127.0.0.1 port=$port user=${2:-postgres} dbname=$1"
}

sql() {
    local folder=$HARNESS/clusters/$CLUSTER port
    read -r port <"$folder/port"
    "$PSQL" -X -q -A -t -v ON_ERROR_STOP=1 -d "host=$folder port=$port user=postgres dbname=$1 connect_timeout=60" -c "$2"
}

sql_file() {
    local db=$1 file=$2
    shift 2
    "$PSQL" -X -q -v ON_ERROR_STOP=1 -d "$(conninfo "$db")" "$@" -f "$file"
}

database_new() {
    sql postgres "CREATE DATABASE \"$1\""
}

database_drop() {
    sql postgres "DROP DATABASE IF EXISTS \"$1\" WITH (FORCE)"
}

# One psql for both.
database_again() {
    "$PSQL" -X -q -v ON_ERROR_STOP=1 -d "$(conninfo postgres)" -c 'SET client_min_messages = warning' \
        -c "DROP DATABASE IF EXISTS \"$1\" WITH (FORCE)" -c "CREATE DATABASE \"$1\""
}
