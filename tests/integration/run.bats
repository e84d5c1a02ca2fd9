# deploy/run.sh: the tour as it stands, and capture of a database that somebody brings. Needs the release build.

load ../lib/onecluster

setup_file() {
    harness_begin
    cluster_new mine
    database_new crm
    sql crm 'CREATE TABLE clients (id int PRIMARY KEY, name text); INSERT INTO clients VALUES (1, '"'Ann'"')'
}

setup() {
    untraced
    run_sh=$PGSTRAND_ROOT/deploy/run.sh
}

@test "the tour ends well, says so, and leaves nothing behind" {
    # A short path: sockets have at most 107 characters.
    short=$(mktemp -d /tmp/tour.XXXXXX)
    chmod 711 "$short"
    TMPDIR=$short run "$run_sh" --tour --no-install --no-build --rate 15
    echo "$output"
    left=$(ls -A "$short")
    rm -rf "$short"
    [ "$status" -eq 0 ]
    [[ ${lines[-1]} == "Everything was as it should be"* ]]
    [ -z "$left" ]
}

@test "--source captures that database, and goes on where it stopped" {
    "$run_sh" --no-install --no-build --source "$(conninfo crm)" --data "$HARNESS/crm" --seconds 2
    sql crm "INSERT INTO clients SELECT n, 'client ' || n FROM generate_series(2, 50) n"
    run "$run_sh" --no-install --no-build --source "$(conninfo crm)" --data "$HARNESS/crm" --seconds 3
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output == *"seq 49 "* ]]
    [ "$(pgstrand snapshots --data "$HARNESS/crm" --json | jq '.[-1].last_seq')" -eq 49 ]
}

@test "Ctrl-C stops everything in order" {
    "$run_sh" --no-install --no-build --seconds 60 >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
    pid=$!
    wait_for 60 grep -q healthy "$BATS_TEST_TMPDIR/out"
    kill -TERM "$pid"
    code=0
    wait "$pid" || code=$?
    cat "$BATS_TEST_TMPDIR/out"
    [ "$code" -eq 0 ]
    grep -q '^Stopping' "$BATS_TEST_TMPDIR/out"
    grep -q 'incremental' "$BATS_TEST_TMPDIR/out"
}

@test "what cannot work is said in one line" {
    expect_exit 2 "unknown option '--fast'" "$run_sh" --fast
    expect_exit 2 'leave --source out' "$run_sh" --tour --source dbname=x
    expect_exit 13 'nowhere' "$run_sh" --no-install --no-build --source 'host=/nowhere dbname=x' --data "$HARNESS/none"
}
