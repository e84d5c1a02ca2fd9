#!/usr/bin/env bash
# What the event triggers cost: CREATE + DROP of a table with and without a key, and ALTER TABLE twice, in a database without
# pgstrand and in one with it. Printed: milliseconds of processor of the session, the commits' without waiting for the disk,
# so that what the disk takes does not hide what the triggers take. Rounds of five alternate; the lower quartile of sixty, since a
# shared machine only ever adds.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../lib/cluster.bash"
source "$here/../lib/pgstrand.bash"

harness_begin
trap harness_end EXIT
cluster_new one

for db in plain captured; do
    database_new "$db"
done
pgstrand init --yes --no-progress --data "$HARNESS/data" --source "$(conninfo captured)" >/dev/null 2>&1
# A slot that nobody reads keeps dead rows in the catalogues of both databases, and everything becomes slower by the minute.
sql captured 'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots' >/dev/null

echo 'CREATE TABLE k (id int PRIMARY KEY, v text); DROP TABLE k;' >"$HARNESS/create with key"
echo 'CREATE TABLE n (id int, v text); DROP TABLE n;' >"$HARNESS/create without key"
echo 'ALTER TABLE standing ADD COLUMN v int; ALTER TABLE standing DROP COLUMN v;' >"$HARNESS/two alters"

# A line for each of twenty rounds. Dropped columns stay in the catalogue: the table is made anew each time.
milliseconds() {
    local script=$2 i round
    {
        echo '\o /dev/null'
        echo 'SELECT pg_backend_pid() AS pid \gset'
        echo '\setenv BACKEND :pid'
        echo 'SET client_min_messages = error; DROP TABLE IF EXISTS standing; CREATE TABLE standing (id int PRIMARY KEY);'
        cat "$script" "$script" "$script" # what a session does once
        for round in $(seq 20); do
            # nanoseconds on a processor (kernel documentation, scheduler/sched-stats)
            echo '\! cut -d " " -f 1 "/proc/$BACKEND/schedstat"'
            for i in 1 2 3 4 5; do cat "$script"; done
        done
        echo '\! cut -d " " -f 1 "/proc/$BACKEND/schedstat"'
    } >"$HARNESS/input"
    "$PSQL" -X -q -v ON_ERROR_STOP=1 -d "$(conninfo "$1")" -f "$HARNESS/input" | awk 'NR > 1 { print ($1 - last) / 5e6 } { last = $1 }'
}

for script in 'create with key' 'create without key' 'two alters'; do
    for _ in 1 2 3; do
        milliseconds plain "$HARNESS/$script" >>"$HARNESS/$script.plain"
        milliseconds captured "$HARNESS/$script" >>"$HARNESS/$script.captured"
    done
    printf '%-20s' "$script"
    paste <(sort -n "$HARNESS/$script.plain" | sed -n 15p) <(sort -n "$HARNESS/$script.captured" | sed -n 15p) |
        awk '{ printf "%8.2f ms without, %8.2f ms with: %.1f times\n", $1, $2, $2 / $1 }'
done
