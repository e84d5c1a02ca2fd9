#!/usr/bin/env bash
# Sealing: actions a second at zstd level 3, everything counted (reading the log, encoding, compressing, signing, fsync, reading
# back), of rows of 100 bytes.
#
#   tests/bench/restore/seal.sh [--runs N] [--actions N]       default 1000000 actions
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
options_of seal.sh "runs=3 actions=1000000" "$@"

bench_begin max_wal_size=16GB
database_new shop
# 100 bytes of text a row: a key, words, a random part that does not compress.
sql shop 'CREATE TABLE line (id bigint PRIMARY KEY, kind int, note text, tag uuid)'
data=$HARNESS/data
# Nothing is sealed but by the command that is measured.
printf '[seal]\non_stop = no\ninterval = 0\nactions = 0\nbytes = 0\n' >"$HARNESS/bench.conf"
pgstrand init --config "$HARNESS/bench.conf" --data "$data" --source "$(conninfo shop)" --no-wal-limit --yes --no-progress >/dev/null 2>&1
agent_start "$data"
rates=() spent=() worked=()
for ((i = 0; i < runs; i++)); do
    sql shop "INSERT INTO line SELECT n, n % 100, 'a line of the shop, ' || left(md5(n::text), 20) || ' ' || lpad(n::text, 12, '0'), gen_random_uuid()
        FROM generate_series($((i * actions + 1)), $(((i + 1) * actions))) n"
    pgstrand wait --data "$data" --timeout 120 >/dev/null
    sync
    TIMEFORMAT='%R %U %S'
    read -r wall user system < <({ time pgstrand seal --data "$data" --no-progress --json >"$HARNESS/sealed" 2>"$HARNESS/err"; } 2>&1)
    jq -e --argjson n "$actions" '.actions == $n' "$HARNESS/sealed" >/dev/null
    spent+=("$wall")
    worked+=("$(awk -v n="$actions" -v u="$user" -v s="$system" 'BEGIN { printf "%.0f", n / (u + s) / 1000 }')")
    rates+=("$(awk -v n="$actions" -v s="$wall" 'BEGIN { printf "%.0f", n / s / 1000 }')")
done
agent_stop "$data"
bytes=$(sql shop "SELECT round(avg(octet_length(line::text)) - 5) FROM line")

table_head "sealing $actions actions of $bytes bytes" "needed" "sealed"
row "thousand actions a second" 500 "$(median "${rates[@]}")" 1.00 k
row "thousand actions a second of processor time" 500 "$(median "${worked[@]}")" 1.00 k
echo "<!-- seconds ${spent[*]} -->"
exit "$bench_failed"
