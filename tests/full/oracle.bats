# The random workload of integration/oracle.bats, longer and with several seeds: ORACLE_SEEDS="1 2 3" chooses them.

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

# one_seed SEED: six rounds, then the whole log, every marker, and ten restores.
one_seed() {
    local seed=$1 data=$HARNESS/data$1 round
    echo "ORACLE_SEEDS=$seed" >&2
    RANDOM=$seed
    oracle_begin "shop$seed" "$data"
    agent_start "$data"
    for round in 1 2 3 4 5 6; do
        oracle_round "$seed" "$round" 8 4
        while oracle_loading; do
            sleep "$((RANDOM % 2)).$((RANDOM % 10))"
            oracle_disturb "$RANDOM"
        done
        oracle_settle "$round"
    done
    agent_stop "$data"
    oracle_witness
    oracle_end
    oracle_check_log
    oracle_check_markers
    local _
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        oracle_check_seq $(((RANDOM * 32768 + RANDOM) % $(oracle_last_seq) + 1))
    done
    pgstrand verify --data "$data" >/dev/null
    pgstrand uninstall --data "$data" --yes >/dev/null
    rm -rf "$data"
    database_drop "shop$seed"
}

# The N-th of the seeds; those that are not given are drawn.
nth_seed() {
    local seeds
    read -ra seeds <<<"${ORACLE_SEEDS:-}"
    [ -n "${ORACLE_SEEDS:-}" ] || seeds=("$RANDOM" "$RANDOM" "$RANDOM" "$RANDOM" "$RANDOM")
    [ -n "${seeds[$1 - 1]:-}" ] || skip "only ${#seeds[@]} seeds were given"
    one_seed "${seeds[$1 - 1]}"
}

# PITR at 50 random seqs under random load, ten for each seed.
@test "ten random seqs under random load and random kills: seed 1 of 5" {
    nth_seed 1
}

@test "ten random seqs under random load and random kills: seed 2 of 5" {
    nth_seed 2
}

@test "ten random seqs under random load and random kills: seed 3 of 5" {
    nth_seed 3
}

@test "ten random seqs under random load and random kills: seed 4 of 5" {
    nth_seed 4
}

@test "ten random seqs under random load and random kills: seed 5 of 5" {
    nth_seed 5
}
