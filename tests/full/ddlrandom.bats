# The random changes of schema and rows of integration/ddlrandom.bats, longer: every kept seq is restored.

setup_file() {
    load ../lib/cluster
    load ../lib/pgstrand
    harness_begin
    cluster_new one
}

teardown_file() {
    load ../lib/cluster
    harness_end
}

setup() {
    load ../lib/cluster
    load ../lib/pgstrand
    load ../lib/ddlrandom
}

random_history() {
    local seq
    echo "DDLRANDOM_SEED=$1" >&2
    ddlrandom_begin "shop$1" "$HARNESS/data$1"
    agent_start "$HARNESS/data$1"
    ddlrandom_transactions "$1" "$2"
    ddlrandom_settle
    while read -r seq; do
        ddlrandom_check "$seq"
    done <"$DDLRANDOM_FILES/seqs"
    ddlrandom_check_last
    agent_stop "$HARNESS/data$1"
    echo "equal $DDLRANDOM_EQUAL, rounded $DDLRANDOM_ROUNDED, refused $DDLRANDOM_REFUSED" >&2
    [ "$DDLRANDOM_EQUAL" -gt "$DDLRANDOM_REFUSED" ]
}

@test "random DDL and rows: every kept seq of three histories" {
    local seed=${DDLRANDOM_SEED:-$((RANDOM * 32768 + RANDOM))} n
    for n in 0 1 2; do
        random_history $((seed + n)) 60
    done
}
