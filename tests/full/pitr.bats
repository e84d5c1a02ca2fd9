# Point in time: 50 random seqs, each restored while the random load goes on, the agent is killed and snapshots are sealed; compared
# afterwards with what the witness says was there. PITR_SEED=N repeats a run's statements, PITR_RESTORES=N takes another number.

load ../lib/onecluster
load ../lib/oracle
cluster_settings=(logical_decoding_work_mem=64kB max_prepared_transactions=20)

# Between two restores.
disturb() {
    DISTURBED=$((${DISTURBED:-0} + 1))
    case $((RANDOM % 6)) in
    0)
        agent_kill9 "$ORACLE_DATA"
        agent_start --no-wait "$ORACLE_DATA"
        ;;
    1) pgstrand seal --data "$ORACLE_DATA" --quiet >/dev/null ;;
    2) pgstrand seal --data "$ORACLE_DATA" --type differential --quiet >/dev/null ;;
    3) [ $((RANDOM % 3)) -ne 0 ] || pgstrand seal --data "$ORACLE_DATA" --type full --quiet >/dev/null ;;
    esac
}

@test "restores at 50 random seqs under random load equal the oracle" {
    local seed=${PITR_SEED:-$((RANDOM * 32768 + RANDOM))} left=${PITR_RESTORES:-50} round=0 last seq
    echo "PITR_SEED=$seed" >&2
    RANDOM=$seed
    oracle_begin shop "$HARNESS/data"
    agent_start "$HARNESS/data"
    while [ "$left" -gt 0 ]; do
        round=$((round + 1))
        oracle_round "$seed" "$round" 8 2
        while oracle_loading && [ "$left" -gt 0 ]; do
            disturb
            last=$(pgstrand wait --data "$HARNESS/data" --timeout 60)
            [ "$last" -gt 0 ] || continue # nobody has committed yet
            seq=$(oracle_random "$last")
            [ ! -e "$ORACLE_FILES/kept.$seq" ] || continue
            oracle_keep_seq "$seq"
            left=$((left - 1))
        done
        oracle_settle "$round"
    done
    agent_stop "$HARNESS/data"
    oracle_witness
    oracle_end
    oracle_check_log
    oracle_check_markers
    oracle_check_kept
    [ "$(ls "$ORACLE_FILES" | grep -c '^kept')" -eq "${PITR_RESTORES:-50}" ]
    pgstrand verify --data "$HARNESS/data" >/dev/null
    echo "# $round rounds, $(wc -l <"$ORACLE_FILES/witness") changes, $(oracle_last_seq) actions, $DISTURBED disturbances" >&3
}
