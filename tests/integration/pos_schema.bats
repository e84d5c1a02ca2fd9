# The point-of-sale example: every table that it promises is there, and the shop runs.

load ../lib/onecluster

setup_file() {
    harness_begin
    cluster_new pos
    database_new shop
    export POS=$PGSTRAND_ROOT/deploy/examples/pos
    sql_file shop "$POS/schema.sql" -1
    sql_file shop "$POS/seed.sql" -1
}

count() {
    sql shop "SELECT count(*) FROM $1"
}

@test "every table of the list exists, and no other" {
    tail -n +2 "$POS/tables.tsv" | cut -f 1 | LC_ALL=C sort >"$BATS_TEST_TMPDIR/wanted"
    sql shop "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'" |
        LC_ALL=C sort >"$BATS_TEST_TMPDIR/there"
    diff "$BATS_TEST_TMPDIR/wanted" "$BATS_TEST_TMPDIR/there"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/there")" -eq 143 ]
}

# tables.tsv is the classification; the configuration must say the same. printJobs is in two lists, by its column rule.
@test "the configuration puts each table into the tier of the list" {
    for tier in audit device transient; do
        sed -n "/^$tier = /,/^\(#\|\$\)/p" "$POS/pgstrand.conf" | sed "s/^$tier = //" | tr ',' '\n' | tr -d ' ' |
            grep -v '^#\|^$\|^printJobs$' | LC_ALL=C sort >"$BATS_TEST_TMPDIR/configured"
        awk -F '\t' -v t=$tier 'NR > 1 && $2 == t { print $1 }' "$POS/tables.tsv" | LC_ALL=C sort >"$BATS_TEST_TMPDIR/listed"
        diff "$BATS_TEST_TMPDIR/configured" "$BATS_TEST_TMPDIR/listed"
    done
    grep -q "^business = printJobs where status = 'COMPLETED'$" "$POS/pgstrand.conf"
    # inih reads lines of at most 199 characters.
    ! grep -E '.{190}' "$POS/pgstrand.conf" || false
}

@test "every table has rows, but for those that only the workload fills" {
    sql shop 'ANALYZE'
    empty=$(sql shop "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND reltuples < 1")
    [ "$empty" = product_price_changes ]
}

@test "no foreign key leads from rows that travel to rows that do not" {
    awk -F '\t' 'NR > 1 && ($2 == "device" || $2 == "transient" || $1 == "printJobs") { print $1 }' "$POS/tables.tsv" >"$BATS_TEST_TMPDIR/home"
    home=$(paste -sd , "$BATS_TEST_TMPDIR/home")
    found=$(sql shop "SELECT conname FROM pg_constraint c JOIN pg_class f ON f.oid = c.conrelid JOIN pg_class t ON t.oid = c.confrelid
        WHERE contype = 'f' AND t.relname = ANY ('{$home}') AND NOT f.relname = ANY ('{$home}')")
    [ -z "$found" ]
    [ "$(sql shop "SELECT count(*) > 150 FROM pg_constraint WHERE contype = 'f'")" = t ]
}

@test "the whole workload runs, and does each of its works" {
    before=$(count '"businessOrders"')
    "$POS/workload.sh" --db "$(conninfo shop)" --transactions 200 --clients 2 --seed 1
    [ "$(count '"businessOrders"')" -gt "$before" ]
    [ "$(count product_price_changes)" -gt 0 ]
    [ "$(count '"printJobs" WHERE status = '"'COMPLETED'")" -gt 30 ]
    [ "$(count '"syncEvents" WHERE processed')" -gt 0 ]
    [ "$(count '"chatMessages"')" -gt 25 ]
    [ "$(sql shop "SELECT sum(\"customerNumber\") > 0 FROM \"businessCustomers\"")" = t ]
}

@test "each script of the workload runs alone" {
    for script in "$POS"/workload/*.sql; do
        "$POS/workload.sh" --db "$(conninfo shop)" --transactions 20 --only "$(basename "$script" .sql)"
    done
}

@test "totals agree: generated columns, orders, items, transactions" {
    [ "$(count '"businessOrders" o WHERE total <> subtotal + "taxAmount" - "discountAmount"')" = 0 ]
    [ "$(count '"businessOrders" o WHERE "orderNumber" LIKE '"'R-%'"' AND subtotal <> (SELECT sum("lineTotal") FROM "businessOrderItems" WHERE "orderId" = o.id)')" = 0 ]
}

@test "the workload says in one line what is wrong with its arguments" {
    expect_exit 2 'which database' "$POS/workload.sh"
    expect_exit 2 "unknown option '--speed'" "$POS/workload.sh" --speed 5
    expect_exit 2 "no script is called 'theft'" "$POS/workload.sh" --db "$(conninfo shop)" --only theft
}
