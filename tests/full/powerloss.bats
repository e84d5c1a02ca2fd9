# The power goes at every moment of a run, one after the other; tests/integration/powerloss.bats has some of them.

load ../lib/onecluster
load ../lib/powerloss
cluster_settings=(logical_decoding_work_mem=64kB)

setup_file() {
    onecluster_begin
    database_new shop
    sql shop "CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE u (a int); INSERT INTO t SELECT g, 'x' FROM generate_series(1, 200) g"
    powerloss_run shop powerloss_more
}

# The seed says which of four the first moment is, and what chance does to what was not synced.
@test "power lost at every moment (1 of 4)" {
    powerloss_cut 4 $((RANDOM * 4))
}

@test "power lost at every moment (2 of 4)" {
    powerloss_cut 4 $((RANDOM * 4 + 1))
}

@test "power lost at every moment (3 of 4)" {
    powerloss_cut 4 $((RANDOM * 4 + 2))
}

@test "power lost at every moment (4 of 4)" {
    powerloss_cut 4 $((RANDOM * 4 + 3))
}
