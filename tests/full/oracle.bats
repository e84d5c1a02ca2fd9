# The random workload of integration/oracle.bats, longer and with several seeds: ORACLE_SEEDS="1 2 3" chooses them.

load ../lib/onecluster
load ../lib/oracle
cluster_settings=(logical_decoding_work_mem=64kB max_prepared_transactions=20)

pause() {
    sleep "$((RANDOM % 2)).$((RANDOM % 10))"
}

# The N-th of the seeds; those that are not given are drawn.
nth_seed() {
    local seeds
    read -ra seeds <<<"${ORACLE_SEEDS:-}"
    [ -n "${ORACLE_SEEDS:-}" ] || seeds=("$RANDOM" "$RANDOM" "$RANDOM" "$RANDOM" "$RANDOM")
    [ -n "${seeds[$1 - 1]:-}" ] || skip "only ${#seeds[@]} seeds were given"
    oracle_run "${seeds[$1 - 1]}" 6 8 4 pause 10
}

# Ten restores at random seqs for each seed; restores while the load goes on: pitr.bats.
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
