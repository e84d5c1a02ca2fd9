# Random changes of schema and rows by a seed, restored at kept seqs and compared with what the source was there.
# DDLRANDOM_SEED=N repeats a run's statements; full/ddlrandom.bats is longer.

load ../lib/onecluster
load ../lib/ddlrandom

@test "random DDL and rows: restores at kept seqs are the source's state, or say why not" {
    local seed=${DDLRANDOM_SEED:-$((RANDOM * 32768 + RANDOM))} seqs at
    echo "DDLRANDOM_SEED=$seed" >&2
    ddlrandom_begin shop "$HARNESS/data"
    agent_start "$HARNESS/data"
    ddlrandom_transactions "$seed" 20
    ddlrandom_settle
    # Five of those that were kept, none twice; the last one is asked for itself.
    mapfile -t seqs < <(sort -nu "$DDLRANDOM_FILES/seqs" | head -n -1)
    for _ in 1 2 3 4 5; do
        [ ${#seqs[@]} -gt 0 ] || break
        at=$((RANDOM % ${#seqs[@]}))
        ddlrandom_check "${seqs[at]}"
        seqs=("${seqs[@]:0:at}" "${seqs[@]:at+1}")
    done
    ddlrandom_check_last
    [ "$DDLRANDOM_EQUAL" -ge 1 ] # how many are refused or rounded depends on where the agent stood meanwhile
    echo "equal $DDLRANDOM_EQUAL, rounded $DDLRANDOM_ROUNDED, refused $DDLRANDOM_REFUSED" >&2
}
