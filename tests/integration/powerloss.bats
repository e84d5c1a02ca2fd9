# The power goes at any moment: what the disk may then hold is rebuilt from a record of all writes and fsyncs, LMDB's included, and
# opened. Some moments here, all of them in tests/full/powerloss.bats.

setup_file() {
    load ../lib/cluster
    load ../lib/pgstrand
    harness_begin
    cluster_new one logical_decoding_work_mem=64kB
    database_new shop
    sql shop "CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE u (a int); INSERT INTO t SELECT g, 'x' FROM generate_series(1, 200) g"
}

teardown_file() {
    load ../lib/cluster
    harness_end
}

setup() {
    load ../lib/cluster
    load ../lib/pgstrand
    load ../lib/powerloss
}

@test "power lost at some moments: what was confirmed is there, what is published verifies, nothing half stays" {
    powerloss_run shop
    powerloss_cut 37
}
