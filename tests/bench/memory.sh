#!/usr/bin/env bash
# Private memory (RssAnon): of the agent while it captures one large transaction, of sealing it, and of restoring it.
#
#   tests/bench/memory.sh [--rows N]       rows of the transaction (default 2000000)
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"

rows=2000000
[ "${1:-}" != --rows ] || { rows=$2 && shift 2; }
[ $# -eq 0 ] || {
    echo "memory.sh: unknown option '$1'" >&2
    exit 2
}

# watched NAME COMMAND...: the command's largest RssAnon in KiB, in most_NAME.
watched() {
    local name=$1 pid
    shift
    "$@" >"$HARNESS/out" 2>"$HARNESS/err" &
    pid=$!
    rss_watch "$pid" "$HARNESS/rss.$name"
    wait "$pid" || {
        cat "$HARNESS/err" >&2
        exit 1
    }
    printf -v "most_$name" %s "$(<"$HARNESS/rss.$name")"
}

mib() {
    awk -v k="$1" 'BEGIN { printf "%.1f", k / 1024 }'
}

bench_begin max_wal_size=16GB logical_decoding_work_mem=64MB
database_new shop
sql shop 'CREATE TABLE bulk (id bigint PRIMARY KEY, a int, b text, c timestamptz)'
sql shop "INSERT INTO bulk SELECT -n, 0, 'first', now() FROM generate_series(1, 1000) n"
data=$HARNESS/data
pgstrand init --data "$data" --source "$(conninfo shop)" --no-wal-limit --yes >/dev/null 2>&1
agent_start "$data"
rss_watch "$(agent_pid "$data")" "$HARNESS/rss.agent" &
begin=$(date +%s)
sql shop "INSERT INTO bulk SELECT n, n % 97, 'row number ' || n, now() FROM generate_series(1, $rows) n"
sql shop "UPDATE bulk SET a = a + 1 WHERE id <= $((rows / 10))"
pgstrand wait --data "$data" --timeout 600 >/dev/null
took=$(($(date +%s) - begin))
most_capture=$(<"$HARNESS/rss.agent")
watched seal "$PGSTRAND_BUILD/pgstrand" seal --data "$data" --no-progress
agent_stop "$data"
database_new target
watched restore "$PGSTRAND_BUILD/pgstrand" restore --data "$data" --target "$(conninfo target)" --no-progress
[ "$(sql target 'SELECT count(*) FROM bulk')" -eq $((rows + 1000)) ] || {
    echo "memory.sh: the restored table does not have its rows" >&2
    exit 1
}

table_head "private memory, $rows rows in $took s" "RssAnon" "limit"
row "agent capturing one transaction" "$(mib "$most_capture")" 64 1.00 M
row "sealing it" "$(mib "$most_seal")" 64 1.00 M
row "restoring it" "$(mib "$most_restore")" 256 1.00 M
exit "$bench_failed"
