# Random changes of schema and rows by a seed, restored at kept seqs and compared with what the source was there.
# DDLRANDOM_SEED=N repeats a run's statements; full/ddlrandom.bats is longer.

load ../lib/onecluster
load ../lib/ddlrandom

@test "random DDL and rows: restores at kept seqs are the source's state, or say why not" {
    local seed=${DDLRANDOM_SEED:-$((RANDOM * 32768 + RANDOM))} seqs
    echo "DDLRANDOM_SEED=$seed" >&2
    ddlrandom_begin shop "$HARNESS/data"
    agent_start "$HARNESS/data"
    ddlrandom_transactions "$seed" 20
    ddlrandom_settle
    mapfile -t seqs <"$DDLRANDOM_FILES/seqs"
    for _ in 1 2 3 4 5; do
        ddlrandom_check "${seqs[RANDOM % ${#seqs[@]}]}"
    done
    ddlrandom_check_last
    [ "$DDLRANDOM_EQUAL" -gt "$DDLRANDOM_REFUSED" ] # of the five
    echo "equal $DDLRANDOM_EQUAL, rounded $DDLRANDOM_ROUNDED, refused $DDLRANDOM_REFUSED" >&2
}
