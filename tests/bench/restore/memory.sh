#!/usr/bin/env bash
# Private memory (RssAnon) of a restore whose changes are ten times what it may take.
#
#   tests/bench/restore/memory.sh [--limit MIB] [--memory SIZE] [--rows N] [--times N]
#
# limit: what the process may take (default 256 MiB, with the default of --memory). The chain that is made is at least ten times
# larger: each of N rows (default 150000) has 1000 bytes that do not compress and is changed so often (default 27). A smaller chain
# shows the same with a smaller budget: --limit 64 --memory 32MiB --rows 40000 --times 16.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
options_of memory.sh "limit=256 memory=128MiB rows=150000 times=27" "$@"

bench_begin max_wal_size=16GB
database_new shop
sql shop 'CREATE TABLE blob (id bigint PRIMARY KEY, turn int, bytes text)'
sql shop 'ALTER TABLE blob ALTER bytes SET STORAGE EXTERNAL'
# 1000 random letters of 64: they compress by no more than a quarter.
sql shop "CREATE EXTENSION pgcrypto; CREATE FUNCTION noise() RETURNS text LANGUAGE sql VOLATILE AS
    'SELECT translate(encode(public.gen_random_bytes(750), ''base64''), chr(10), '''')'"
sql shop "INSERT INTO blob SELECT n, 0, noise() FROM generate_series(1, $rows) n"
data=$HARNESS/data
install "$data" shop >/dev/null 2>&1
agent_start "$data"
for ((turn = 1; turn <= times; turn++)); do
    sql shop "UPDATE blob SET turn = $turn, bytes = noise()"
    pgstrand wait --data "$data" --timeout 600 >/dev/null
    pgstrand seal --data "$data" --no-progress >/dev/null
    sql shop 'VACUUM blob'
done
agent_stop "$data"
chain=$(find "$data" \( -name '*.snap' -o -name '*.device' \) -printf '%s\n' | awk '{ n += $1 } END { printf "%.0f", n / 1048576 }')
database_new target
"$PGSTRAND_BUILD/pgstrand" restore --data "$data" --target "$(conninfo target)" --memory "$memory" --no-progress >"$HARNESS/out" 2>"$HARNESS/err" &
pid=$!
rss_watch "$pid" "$HARNESS/rss"
wait "$pid" || {
    cat "$HARNESS/err" >&2
    exit 1
}
[ "$(sql target "SELECT count(*) FROM blob WHERE turn = $times")" -eq "$rows" ] || {
    echo "memory.sh: the restored table does not have its rows" >&2
    exit 1
}

table_head "restore of a chain of $chain MiB" RssAnon limit
row "private memory, --memory $memory" "$(awk -v k="$(<"$HARNESS/rss")" 'BEGIN { printf "%.1f", k / 1024 }')" "$limit" 1.00 M
row "ten times the limit, chain" $((limit * 10)) "$chain" 1.00 M
exit "$bench_failed"
