# The three test cases of the cross-device document, with its point-of-sale tables: two laptops and their backups. The names below
# are the document's.

bats_require_minimum_version 1.5.0

load ../lib/restoring
load ../lib/pos

# Device A works, and has a business backup and a full device backup.
setup_file() {
    pos_captured --device-name Laptop-Finance-001
    pos_work shop --transactions 20 --clients 2 --seed 1
    pgstrand wait --data "$DATA" --timeout 60 >/dev/null
    pgstrand seal --data "$DATA" --quiet >/dev/null
    pos_shipped business full
}

node_of() {
    pgstrand identity --data "$1" --json | jq -r .node
}

# Every business and audit row with its own ids; users, products and orders can be used.
assert_business() {
    pos_assert_same "$(conninfo shop)" "$(conninfo "$target")" business audit
    target_has 'SELECT count(*) > 0 FROM "users"' t
    [ "$(sql "$target" 'SELECT count(*) FROM "businessOrders" o JOIN "businessOrderItems" i ON i."orderId" = o.id JOIN "businessProducts" p
        ON p.id = i."productId"')" = "$(sql shop 'SELECT count(*) FROM "businessOrderItems"')" ]
    target_has "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND NOT convalidated" 0
}

assert_no_device_rows() {
    [ "$(pos_rows "$(conninfo "$target")" device)" = 0 ]
    [ "$(pos_rows "$(conninfo "$target")" transient)" = 0 ]
}

@test "test-case-1: Cross-Device Business Sync" {
    pgstrand vault list --data "$DATA" --json | jq -e '[.[] | {(.name): .backup_type}] | add == {"business": "business", "full": "full-device"}'
    [ -z "$(find "$HARNESS/business" -name '*.device')" ]
    [ "$(pos_rows "$(conninfo shop)" device)" -gt 0 ]
    # Device B: Laptop-Sales-002, a new machine
    pgstrand restore --data "$HARNESS/sales" --from "file://$HARNESS/business" --target "$(conninfo "$target")" --json \
        >"$HARNESS/case1" 2>"$HARNESS/said"
    jq -e '.same_device == false and (.tables | all(.proven and .tier != "device"))' "$HARNESS/case1"
    grep -qi 'this chain is of Laptop-Finance-001 .*, not of this device' "$HARNESS/said"
    assert_business
    assert_no_device_rows
    [ "$(node_of "$HARNESS/sales")" != "$(node_of "$DATA")" ]
    [ "$(pgstrand identity --data "$HARNESS/sales" --json | jq -r .dataset)" = "$(pgstrand identity --data "$DATA" --json | jq -r .dataset)" ]
}

@test "test-case-2: Same-Device Full Restore" {
    local node
    node=$(node_of "$DATA")
    [ -n "$(find "$HARNESS/full" -name '*.device')" ]
    # the database is gone, this device is not
    restore --from "file://$HARNESS/full" --json >"$HARNESS/case2" 2>"$HARNESS/said"
    jq -e '.same_device and (.tables | all(.proven)) and ([.tables[] | select(.tier == "device")] | length > 0)' "$HARNESS/case2"
    refute grep -qi 'different device' "$HARNESS/said"
    assert_business
    pos_assert_same "$(conninfo shop)" "$(conninfo "$target")" device
    [ "$(pos_rows "$(conninfo "$target")" device)" -gt 0 ]
    [ "$(pos_rows "$(conninfo "$target")" transient)" = 0 ]
    [ "$(node_of "$DATA")" = "$node" ]
}

@test "test-case-3: Full Backup to Different Device" {
    pgstrand restore --data "$HARNESS/branch" --from "file://$HARNESS/full" --target "$(conninfo "$target")" --json \
        >"$HARNESS/case3" 2>"$HARNESS/said"
    grep -qi 'different device' "$HARNESS/said"
    jq -e '.same_device == false and (.warnings | any(test("different device")))' "$HARNESS/case3"
    jq -e '.skipped | any(test("syncNodes")) and any(test("another device"))' "$HARNESS/case3"
    assert_business
    assert_no_device_rows
    [ "$(node_of "$HARNESS/branch")" != "$(node_of "$DATA")" ]
}

@test "hooks: on another device node, state, metrics and sync configuration begin anew, and twice is once" {
    local node i
    for i in fresh replace; do
        pgstrand restore --data "$HARNESS/kiosk" --config "$POS/pgstrand.conf" --from "file://$HARNESS/full" \
            --target "$(conninfo "$target")" --mode "$i" --quiet 2>"$HARNESS/said"
        node=$(node_of "$HARNESS/kiosk")
        target_has 'SELECT "nodeId", "isActive" FROM "syncNodes"' "$node|t"
        target_has 'SELECT "nodeId", state, "pendingEvents" FROM "nodeStates"' "$node|IDLE|0"
        target_has 'SELECT string_agg(metric || value, $$ $$ ORDER BY metric) FROM "syncMetrics"' 'failedSyncs0 successfulSyncs0'
        target_has 'SELECT string_agg(key || $$=$$ || value, $$ $$ ORDER BY key) FROM "syncConfigurations"' 'enabled=true syncInterval=300000'
        target_has 'SELECT (SELECT count(*) FROM "syncEvents") + (SELECT count(*) FROM "syncSessions") + (SELECT count(*) FROM "offlineQueue")' 0
        assert_business
    done
    # A restore that fails leaves the sync as it was, not paused.
    sql "$target" 'ALTER TABLE "syncNodes" ADD CHECK ("isActive" IS NULL) NOT VALID'
    expect_exit 11 'other-device.sql, statement 6: .*syncNodes' pgstrand restore --data "$HARNESS/kiosk" --config "$POS/pgstrand.conf" \
        --from "file://$HARNESS/full" --target "$(conninfo "$target")" --mode replace --quiet
    target_has 'SELECT value FROM "syncConfigurations" WHERE key = $$enabled$$' true
    target_has 'SELECT "nodeId" FROM "nodeStates"' "$node"
}
