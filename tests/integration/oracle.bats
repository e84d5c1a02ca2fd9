# A random workload of overlapping sessions while the agent and the server are killed, against two witnesses: PostgreSQL's other
# output plugin, change by change, and the source's own rows at known commits. ORACLE_SEED=N repeats a run's statements.

load ../lib/onecluster
load ../lib/oracle
cluster_settings=(logical_decoding_work_mem=64kB max_prepared_transactions=20)

pause() {
    sleep "0.$((RANDOM % 8))"
}

@test "a random workload with random kills: the log is what was committed, and restores at random seqs are right" {
    oracle_run "${ORACLE_SEED:-$((RANDOM * 32768 + RANDOM))}" 3 4 3 pause 6
}
