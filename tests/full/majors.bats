# The integration tests of capture and restore on every other PostgreSQL major: the files as they are, on another server.

setup() {
    load ../lib/cluster
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

@test "types and prepared transactions on PostgreSQL 14" { on_major 14 types twophase; }
@test "types and prepared transactions on PostgreSQL 16" { on_major 16 types twophase; }
@test "types and prepared transactions on PostgreSQL 17" { on_major 17 types twophase; }
@test "types and prepared transactions on PostgreSQL 18" { on_major 18 types twophase; }
@test "capture on PostgreSQL 14" { on_major 14 capture; }
@test "capture on PostgreSQL 16" { on_major 16 capture; }
@test "capture on PostgreSQL 17" { on_major 17 capture; }
@test "capture on PostgreSQL 18" { on_major 18 capture; }
@test "order, duplicates and bases on PostgreSQL 14" { on_major 14 order truncbase; }
@test "order, duplicates and bases on PostgreSQL 16" { on_major 16 order truncbase; }
@test "order, duplicates and bases on PostgreSQL 17" { on_major 17 order truncbase; }
@test "order, duplicates and bases on PostgreSQL 18" { on_major 18 order truncbase; }
@test "healing on PostgreSQL 14" { on_major 14 heal; }
@test "healing on PostgreSQL 16" { on_major 16 heal; }
@test "healing on PostgreSQL 17" { on_major 17 heal; }
@test "healing on PostgreSQL 18" { on_major 18 heal; }
@test "restore on PostgreSQL 14" { on_major 14 restore; }
@test "restore on PostgreSQL 16" { on_major 16 restore; }
@test "restore on PostgreSQL 17" { on_major 17 restore; }
@test "restore on PostgreSQL 18" { on_major 18 restore; }
@test "modes of restore, merge on PostgreSQL 14" { on_major 14 restoremodes merge; }
@test "modes of restore, merge on PostgreSQL 16" { on_major 16 restoremodes merge; }
@test "modes of restore, merge on PostgreSQL 17" { on_major 17 restoremodes merge; }
@test "modes of restore, merge on PostgreSQL 18" { on_major 18 restoremodes merge; }
@test "init and DDL on PostgreSQL 14" { on_major 14 init ddl; }
@test "init and DDL on PostgreSQL 16" { on_major 16 init ddl; }
@test "init and DDL on PostgreSQL 17" { on_major 17 init ddl; }
@test "init and DDL on PostgreSQL 18" { on_major 18 init ddl; }
@test "changes of the schema on PostgreSQL 14" { on_major 14 schemaver rewrites ddlrandom; }
@test "changes of the schema on PostgreSQL 16" { on_major 16 schemaver rewrites ddlrandom; }
@test "changes of the schema on PostgreSQL 17" { on_major 17 schemaver rewrites ddlrandom; }
@test "changes of the schema on PostgreSQL 18" { on_major 18 schemaver rewrites ddlrandom; }
@test "chains, targets and take-over on PostgreSQL 14" { on_major 14 differential newertarget takeover; }
@test "chains, targets and take-over on PostgreSQL 16" { on_major 16 differential newertarget takeover; }
@test "chains, targets and take-over on PostgreSQL 17" { on_major 17 differential newertarget takeover; }
@test "chains, targets and take-over on PostgreSQL 18" { on_major 18 differential newertarget takeover; }
