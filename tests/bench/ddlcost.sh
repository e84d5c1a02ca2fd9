#!/usr/bin/env bash
# What the event triggers cost: CREATE + DROP of a table with and without a key, and ALTER TABLE, in a database without
# pgstrand and in one with it. Printed: milliseconds a transaction, alternating, median of five rounds.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../lib/cluster.bash"
source "$here/../lib/pgstrand.bash"

harness_begin
trap harness_end EXIT
cluster_new one fsync=on
PGBENCH=$(pg_client pgbench)

for db in plain captured; do
    database_new "$db"
    sql "$db" 'CREATE TABLE standing (id int PRIMARY KEY)'
done
pgstrand init --yes --no-progress --data "$HARNESS/data" --source "$(conninfo captured)" >/dev/null 2>&1
# A slot that nobody reads keeps dead rows in the catalogues of both databases, and everything becomes slower by the minute.
sql captured 'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots' >/dev/null

echo 'CREATE TABLE k (id int PRIMARY KEY, v text); DROP TABLE k;' >"$HARNESS/create with key"
echo 'CREATE TABLE n (id int, v text); DROP TABLE n;' >"$HARNESS/create without key"
echo 'ALTER TABLE standing ADD COLUMN v int; ALTER TABLE standing DROP COLUMN v;' >"$HARNESS/two alters"

# Dropped columns stay in the catalogue: a table that is altered again and again becomes slower.
milliseconds() {
    sql "$1" 'DROP TABLE standing; CREATE TABLE standing (id int PRIMARY KEY)'
    "$PGBENCH" -n -t 100 -f "$2" "$(conninfo "$1")" 2>/dev/null | awk '/^latency average/ { print $4 }'
}

for script in 'create with key' 'create without key' 'two alters'; do
    for _ in 1 2 3 4 5; do
        milliseconds plain "$HARNESS/$script" >>"$HARNESS/$script.plain"
        milliseconds captured "$HARNESS/$script" >>"$HARNESS/$script.captured"
    done
    printf '%-20s' "$script"
    paste <(sort -n "$HARNESS/$script.plain" | sed -n 3p) <(sort -n "$HARNESS/$script.captured" | sed -n 3p) |
        awk '{ printf "%8.2f ms without, %8.2f ms with: %.1f times\n", $1, $2, $2 / $1 }'
done
