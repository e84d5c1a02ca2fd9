# The golden chain that the programs made once (tests/golden/whole): every later version verifies it and rebuilds from it what was there.

bats_require_minimum_version 1.5.0

load ../lib/restoring

GOLDEN=$PGSTRAND_ROOT/tests/golden/whole
FILES=/tmp/golden-shop # where they lay when it was made

setup_file() {
    onecluster_begin
    cp -r "$GOLDEN/chain" "$HARNESS/chain"
}

kept_seqs() {
    ls "$GOLDEN/rows" | sort -n
}

# assert_kept SEQ [TABLES]: the target has the rows of that seq, and none in tables that stay at home.
assert_kept() {
    local seq=$1 table
    shift
    rm -rf "$BATS_TEST_TMPDIR/wanted.$seq"
    cp -r "$GOLDEN/rows/$seq" "$BATS_TEST_TMPDIR/wanted.$seq"
    gzip -d "$BATS_TEST_TMPDIR/wanted.$seq"/*.gz
    for table in "$@"; do
        : >"$BATS_TEST_TMPDIR/wanted.$seq/$table"
    done
    dump_tables "$(conninfo "$target")" "$BATS_TEST_TMPDIR/got.$seq"
    refute test -s "$BATS_TEST_TMPDIR/got.$seq/public.carts"
    rm "$BATS_TEST_TMPDIR/got.$seq/public.carts"
    assert_same_dumps "$BATS_TEST_TMPDIR/wanted.$seq" "$BATS_TEST_TMPDIR/got.$seq"
}

@test "it verifies: both chains and their eight snapshots" {
    pgstrand verify --from "$HARNESS/chain" --json >"$HARNESS/verify.json"
    jq -e '.ok and (.chains | length == 2 and all(.ok)) and (.snapshots | length == 8 and all(.ok))' "$HARNESS/verify.json"
}

@test "a machine that takes the node over has what was there at each seq that was kept, rows and files" {
    local seq out
    DATA=$HARNESS/till
    restore --from "$HARNESS/chain" --as same --recovery-key "$GOLDEN/recovery.key" --quiet
    assert_kept "$(kept_seqs | tail -n 1)"
    pgstrand snapshots --data "$DATA" --json >"$HARNESS/snapshots"
    jq -e '([.[].type] | unique) == ["differential", "full", "incremental"] and ([.[].recovery_key] | unique | length) == 1
        and .[0].recovery_key != null and ([.[] | select(.taken_over)] | length) == 1' "$HARNESS/snapshots"
    for seq in $(kept_seqs); do
        database_again "$target"
        out=$BATS_TEST_TMPDIR/files.$seq
        restore --from "$HARNESS/chain" --to-seq "$seq" --files "$out" --json >"$HARNESS/restored"
        jq -e --argjson seq "$seq" '.seq == $seq and .same_device and (.tables | all(.proven))' "$HARNESS/restored"
        assert_kept "$seq"
        diff -r --no-dereference "$GOLDEN/files/$seq" "$out$FILES"
    done
}

@test "another machine has the same but for what belongs to the till, also from a business vault" {
    local seq vault=$BATS_TEST_TMPDIR/business
    cp -r "$HARNESS/chain" "$vault"
    find "$vault" -name '*.device*' -delete
    seq=$(kept_seqs | tail -n 2 | head -n 1)
    restore --data "$HARNESS/office" --from "$vault" --to-seq "$seq" --as other --files "$BATS_TEST_TMPDIR/files" --quiet
    assert_kept "$seq" public.tills
    [ -e "$BATS_TEST_TMPDIR/files$FILES/pictures/fruit/pear" ]
    [ ! -e "$BATS_TEST_TMPDIR/files$FILES/till" ]
}
