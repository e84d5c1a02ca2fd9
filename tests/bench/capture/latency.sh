#!/usr/bin/env bash
# From a transaction's commit to when it is durable: in the action log, and at a native subscription with synchronous_commit = on
# (flush_lsn of its connection), while pgbench commits 2,000 transactions a second. Every transaction counts.
#
#   tests/bench/capture/latency.sh [--runs N] [--seconds N] [--rate N]
#
# The two take turns: the subscription is disabled while the agent runs, the agent stopped while the subscription is enabled. The
# commit times and LSNs of both come from the action log, which has caught up in the end.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"

runs=3
seconds=8
rate=2000
while [ $# -gt 1 ]; do
    case "$1" in
    --runs) runs=$2 ;;
    --seconds) seconds=$2 ;;
    --rate) rate=$2 ;;
    *) break ;;
    esac
    shift 2
done
[ $# -eq 0 ] || {
    echo "latency.sh: unknown or incomplete option '$1'" >&2
    exit 2
}

# load FILE COMMAND...: the command watches, its output goes to FILE, while pgbench works.
load() {
    local file=$1 watcher tps
    shift
    "$@" >"$file" &
    watcher=$!
    sleep 0.5
    "$PG_BIN/pgbench" -n -M prepared -c 8 -j 2 -R "$rate" -T "$seconds" -f "$HARNESS/one.sql" "$(conninfo shop)" >"$HARNESS/pgbench" 2>&1
    wait "$watcher"
    tps=$(awk '/^tps/ { printf "%d", $3 }' "$HARNESS/pgbench")
    [ "$tps" -ge $((rate * 95 / 100)) ] || echo "latency.sh: this machine gave only $tps transactions a second" >&2
}

subscribed() {
    [ "$(sql shop "SELECT flush_lsn >= '$1' FROM pg_stat_replication WHERE application_name = 'native'")" = t ]
}

copied() {
    [ "$(on subscriber sql shop "SELECT count(*) FROM pg_subscription_rel WHERE srsubstate = 'r'")" = 1 ]
}

cluster_settings=(fsync=on shared_buffers=256MB max_wal_size=16GB)
bench_begin synchronous_commit=on "${cluster_settings[@]}"
cluster_set synchronous_commit on
database_new shop
"$PG_BIN/pgbench" -q -i -s 2 "$(conninfo shop)" >/dev/null 2>&1
cat >"$HARNESS/one.sql" <<'SQL'
\set aid random(1, 200000)
UPDATE pgbench_accounts SET abalance = abalance + 1 WHERE aid = :aid;
SQL
capture_init shop
sql shop 'CREATE PUBLICATION native FOR TABLE pgbench_accounts'
source_conninfo=$(conninfo shop)
cluster_new subscriber synchronous_commit=on "${cluster_settings[@]}"
database_new shop
"$PG_BIN/pgbench" -q -i -I dtp "$(conninfo shop)" >/dev/null 2>&1
sql shop "CREATE SUBSCRIPTION native CONNECTION '$source_conninfo' PUBLICATION native WITH (synchronous_commit = on)" >/dev/null 2>&1
CLUSTER=bench
wait_for 60 subscribed "$(sql shop 'SELECT pg_current_wal_flush_lsn()')"
wait_for 60 copied

data=$HARNESS/shop.fresh
for ((i = 0; i < runs; i++)); do
    on subscriber sql shop 'ALTER SUBSCRIPTION native DISABLE'
    agent_start "$data"
    load "$HARNESS/ours.$i" micro loglag watch "$data/log" $((seconds + 2))
    agent_stop "$data"
    on subscriber sql shop 'ALTER SUBSCRIPTION native ENABLE'
    wait_for 60 subscribed "$(sql shop 'SELECT pg_current_wal_flush_lsn()')"
    load "$HARNESS/theirs.$i" micro loglag watch-sub "$(conninfo shop)" native $((seconds + 2))
done
agent_start "$data"
pgstrand wait --data "$data" --timeout 120 >/dev/null
our_50=() our_99=() their_50=() their_99=() counts=()
for ((i = 0; i < runs; i++)); do
    read -r count p50 p99 < <(micro loglag report "$data/log" "$HARNESS/ours.$i")
    our_50+=("$p50") our_99+=("$p99") counts+=("$count")
    read -r count p50 p99 < <(micro loglag report "$data/log" "$HARNESS/theirs.$i")
    their_50+=("$p50") their_99+=("$p99") counts+=("$count")
done
table_head "commit to durable at $rate transactions/s" "action log" subscription
row "p50" "$(median "${our_50[@]}")" "$(median "${their_50[@]}")" 1.00 ms
row "p99" "$(median "${our_99[@]}")" "$(median "${their_99[@]}")" 1.00 ms
echo "<!-- transactions ${counts[*]}; log p50 ${our_50[*]} p99 ${our_99[*]}, subscription p50 ${their_50[*]} p99 ${their_99[*]} -->"
exit "$bench_failed"
