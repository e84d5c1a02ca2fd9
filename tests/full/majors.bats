# The integration tests of capture and restore on every other PostgreSQL major: the files as they are, on another server.

setup() {
    load ../lib/cluster
    untraced
}

# on_major MAJOR FILES...
on_major() {
    local major=$1 file failed=0
    shift
    "$CLUSTER_ROOT/deploy/get-majors.sh" --bin "$major" >/dev/null 2>&1 ||
        skip "PostgreSQL $major is not there: deploy/install-deps.sh --majors fetches it"
    for file in "$@"; do
        # A run of its own: nothing of this one's may reach it, nor its folder in PATH, which has another program `bats`.
        env -i PATH="${PATH#"$BATS_LIBEXEC:"}" HOME="$HOME" TMPDIR="${TMPDIR:-/tmp}" PGSTRAND_TEST_TEMPLATES="${PGSTRAND_TEST_TEMPLATES:-}" \
            PGSTRAND_TEST_MAJOR="$major" BATS_TEST_TIMEOUT=240 \
            bats --formatter tap "$CLUSTER_ROOT/tests/integration/$file.bats" >"$BATS_TEST_TMPDIR/$file" 2>&1 3>&- </dev/null ||
            failed=1
        echo "== $file on PostgreSQL $major"
        cat "$BATS_TEST_TMPDIR/$file"
    done
    [ "$failed" -eq 0 ]
}

# The files of each test, whatever the major.
types() { on_major "$1" types twophase; }
captures() { on_major "$1" capture; }
orders() { on_major "$1" order truncbase; }
heals() { on_major "$1" heal; }
restores() { on_major "$1" restore loading golden; }
modes() { on_major "$1" restoremodes merge; }
inits() { on_major "$1" init badinput ddl; }
schemas() { on_major "$1" schemaver rewrites ddlrandom; }
chains() { on_major "$1" differential newertarget takeover; }
rewritten() { on_major "$1" retold; }
oracles() { on_major "$1" oracle; }

@test "types and prepared transactions on PostgreSQL 14" { types 14; }
@test "types and prepared transactions on PostgreSQL 16" { types 16; }
@test "types and prepared transactions on PostgreSQL 17" { types 17; }
@test "types and prepared transactions on PostgreSQL 18" { types 18; }
@test "capture on PostgreSQL 14" { captures 14; }
@test "capture on PostgreSQL 16" { captures 16; }
@test "capture on PostgreSQL 17" { captures 17; }
@test "capture on PostgreSQL 18" { captures 18; }
@test "order, duplicates and bases on PostgreSQL 14" { orders 14; }
@test "order, duplicates and bases on PostgreSQL 16" { orders 16; }
@test "order, duplicates and bases on PostgreSQL 17" { orders 17; }
@test "order, duplicates and bases on PostgreSQL 18" { orders 18; }
@test "healing on PostgreSQL 14" { heals 14; }
@test "healing on PostgreSQL 16" { heals 16; }
@test "healing on PostgreSQL 17" { heals 17; }
@test "healing on PostgreSQL 18" { heals 18; }
@test "restore on PostgreSQL 14" { restores 14; }
@test "restore on PostgreSQL 16" { restores 16; }
@test "restore on PostgreSQL 17" { restores 17; }
@test "restore on PostgreSQL 18" { restores 18; }
@test "modes of restore, merge on PostgreSQL 14" { modes 14; }
@test "modes of restore, merge on PostgreSQL 16" { modes 16; }
@test "modes of restore, merge on PostgreSQL 17" { modes 17; }
@test "modes of restore, merge on PostgreSQL 18" { modes 18; }
@test "init and DDL on PostgreSQL 14" { inits 14; }
@test "init and DDL on PostgreSQL 16" { inits 16; }
@test "init and DDL on PostgreSQL 17" { inits 17; }
@test "init and DDL on PostgreSQL 18" { inits 18; }
@test "changes of the schema on PostgreSQL 14" { schemas 14; }
@test "changes of the schema on PostgreSQL 16" { schemas 16; }
@test "changes of the schema on PostgreSQL 17" { schemas 17; }
@test "changes of the schema on PostgreSQL 18" { schemas 18; }
@test "chains, targets and take-over on PostgreSQL 14" { chains 14; }
@test "chains, targets and take-over on PostgreSQL 16" { chains 16; }
@test "chains, targets and take-over on PostgreSQL 17" { chains 17; }
@test "chains, targets and take-over on PostgreSQL 18" { chains 18; }
@test "what reads rewritten rows on PostgreSQL 14" { rewritten 14; }
@test "what reads rewritten rows on PostgreSQL 16" { rewritten 16; }
@test "what reads rewritten rows on PostgreSQL 17" { rewritten 17; }
@test "what reads rewritten rows on PostgreSQL 18" { rewritten 18; }
@test "the random workload on PostgreSQL 14" { oracles 14; }
@test "the random workload on PostgreSQL 16" { oracles 16; }
@test "the random workload on PostgreSQL 17" { oracles 17; }
@test "the random workload on PostgreSQL 18" { oracles 18; }
