# A random workload of overlapping sessions while the agent and the server are killed, against two witnesses: PostgreSQL's other
# output plugin, change by change, and the source's own rows at known commits. ORACLE_SEED=N repeats a run's statements.

setup_file() {
    load ../lib/cluster
    load ../lib/pgstrand
    harness_begin
    cluster_new one logical_decoding_work_mem=64kB max_prepared_transactions=20
}

teardown_file() {
    load ../lib/cluster
    harness_end
}

setup() {
    load ../lib/cluster
    load ../lib/pgstrand
    load ../lib/oracle
}

@test "a random workload with random kills: the log is what was committed, and restores at random seqs are right" {
    local seed=${ORACLE_SEED:-$((RANDOM * 32768 + RANDOM))} round
    echo "ORACLE_SEED=$seed" >&2
    RANDOM=$seed
    oracle_begin shop "$HARNESS/data"
    agent_start "$HARNESS/data"
    for round in 1 2 3; do
        oracle_round "$seed" "$round" 4 3
        while oracle_loading; do
            sleep "0.$((RANDOM % 8))"
            oracle_disturb "$RANDOM"
        done
        oracle_settle "$round"
    done
    agent_stop "$HARNESS/data"
    oracle_witness
    oracle_end
    oracle_check_log
    oracle_check_markers
    for _ in 1 2 3 4 5 6; do
        oracle_check_seq $(((RANDOM * 32768 + RANDOM) % $(oracle_last_seq) + 1))
    done
    oracle_check_seq "$(oracle_last_seq)"
    pgstrand verify --data "$HARNESS/data" >/dev/null
}
