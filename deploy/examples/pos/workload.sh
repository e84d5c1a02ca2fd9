#!/usr/bin/env bash
# Runs the shop: what tills, kitchen, back office and devices do to the point-of-sale database.
#
#   workload.sh --db CONNINFO [OPTIONS]
#     --rate N          transactions a second over all clients (default: as fast as they go)
#     --seconds N       how long (default 10)
#     --transactions N  so many per client, instead of a time
#     --clients N       connections (default 2)
#     --seed N          the same random choices again (default: others every time)
#     --only LIST       only these scripts, such as sale,price (default all; see workload/)
#
# pgbench's own report goes to stdout. Exit 0 only when no transaction failed.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# Script and weight: about half of what happens is selling.
scripts=(sale:40 restaurant:10 price:8 print:10 device:10 session:8 attendance:6 layby:5 catalogue:4 refund:3 stocktake:0.2)

fail() {
    echo "workload: $*" >&2
    exit "${code:-1}"
}

db=
rate=
seconds=10
transactions=
clients=2
seed=time
only=
while [ $# -gt 0 ]; do
    [ $# -gt 1 ] || [ "$1" = --help ] || code=2 fail "$1 needs a value"
    case "$1" in
    --db) db=$2 ;;
    --rate) rate=$2 ;;
    --seconds) seconds=$2 ;;
    --transactions) transactions=$2 ;;
    --clients) clients=$2 ;;
    --seed) seed=$2 ;;
    --only) only=$2 ;;
    --help)
        sed -n '2,/^set /s/^# \{0,1\}//p' "$0" | grep -v '^set '
        exit 0
        ;;
    *) code=2 fail "unknown option '$1'; --help lists them" ;;
    esac
    shift 2
done
[ -n "$db" ] || code=2 fail "say which database: --db 'host=... dbname=shop'"

find_program() {
    local newest
    newest=$(printf '%s\n' /usr/lib/postgresql/*/bin/"$1" | sort -V | tail -n 1)
    [ -x "$newest" ] || newest=$(command -v "$1") || fail "$1 is missing; run deploy/install-deps.sh"
    echo "$newest"
}
psql=$(find_program psql)
pgbench=$(find_program pgbench)

sizes=$("$psql" -X -A -t -F ' ' -d "$db" -c "
    SELECT (SELECT count(*) FROM \"businessProducts\" WHERE sku LIKE 'SKU-%'), (SELECT count(*) FROM \"businessCustomers\")") ||
    fail "this database does not have the example's tables; load schema.sql and seed.sql first"
read -r products customers <<<"$sizes"
[ "$products" -ge 9 ] && [ "$customers" -ge 1 ] || fail "the example has no products; load seed.sql first"

# Weights are whole numbers for pgbench: in tenths.
files=()
for entry in "${scripts[@]}"; do
    name=${entry%%:*}
    [ -z "$only" ] || [[ ",$only," == *",$name,"* ]] || continue
    weight=$(awk -v w="${entry#*:}" 'BEGIN { print w * 10 }')
    files+=(-f "$here/workload/$name.sql@$weight")
done
[ ${#files[@]} -gt 0 ] || code=2 fail "no script is called '$only'; see $here/workload"

limit=(-T "$seconds")
[ -z "$transactions" ] || limit=(-t "$transactions")
[ -z "$rate" ] || limit+=(-R "$rate")

report=$(mktemp)
worker=
trap 'rm -f "$report"; [ -z "$worker" ] || kill "$worker" 2>/dev/null || true' EXIT
trap 'exit 143' INT TERM
# Locks of a stocktake and of the tills can end in a deadlock: like the application, try again.
"$pgbench" -n -c "$clients" -j "$clients" "${limit[@]}" "${files[@]}" --random-seed="$seed" --max-tries=20 \
    -D products="$products" -D customers="$customers" "$db" >"$report" 2>&1 </dev/null &
worker=$!
# In the background, so that a signal to this script ends pgbench as well.
wait "$worker" || {
    worker=
    grep -v '^pgbench: hint\|^starting' "$report" | tail -n 5 >&2
    fail "pgbench failed; see the lines above"
}
worker=
grep -E '^(number of (transactions actually|failed)|tps|latency average|duration)' "$report"
grep -Eq '^number of failed transactions: 0 ' "$report" || fail "some transactions failed"
