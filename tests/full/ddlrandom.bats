# The random changes of schema and rows of integration/ddlrandom.bats, longer: every kept seq is restored.

load ../lib/onecluster
load ../lib/ddlrandom

random_history() {
    local seq checked=0 failed
    echo "DDLRANDOM_SEED=$1" >&2
    DDLRANDOM_EQUAL=0 DDLRANDOM_ROUNDED=0 DDLRANDOM_REFUSED=0
    ddlrandom_begin "shop$1" "$HARNESS/data$1"
    agent_start "$HARNESS/data$1"
    ddlrandom_transactions "$1" "$2"
    ddlrandom_settle
    while read -r seq; do
        ddlrandom_check "$seq" </dev/null
        checked=$((checked + 1))
    done <"$DDLRANDOM_FILES/seqs"
    [ "$checked" -eq "$(wc -l <"$DDLRANDOM_FILES/seqs")" ] && [ "$checked" -gt $(($2 / 2)) ]
    ddlrandom_check_last
    agent_stop "$HARNESS/data$1"
    failed=$(grep -c 'ERROR:' "$DDLRANDOM_FILES/errors" || true)
    echo "# seed $1: equal $DDLRANDOM_EQUAL, rounded $DDLRANDOM_ROUNDED, refused $DDLRANDOM_REFUSED; $failed statements failed" >&3
    [ "$DDLRANDOM_EQUAL" -gt "$DDLRANDOM_REFUSED" ]
    [ "$failed" -lt "$2" ] # of three times as many
}

@test "random DDL and rows: every kept seq of three histories" {
    local seed=${DDLRANDOM_SEED:-$((RANDOM * 32768 + RANDOM))} n
    for n in 0 1 2; do
        random_history $((seed + n)) 60
    done
}
