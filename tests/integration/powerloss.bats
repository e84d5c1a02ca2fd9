# The power goes at any moment: what the disk may then hold is rebuilt from a record of all writes and fsyncs, LMDB's included, and
# opened. Some moments here, all of them in tests/full/powerloss.bats.

load ../lib/onecluster
load ../lib/powerloss
cluster_settings=(logical_decoding_work_mem=64kB)

setup_file() {
    onecluster_begin
    database_new shop
    sql shop "CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE u (a int); INSERT INTO t SELECT g, 'x' FROM generate_series(1, 200) g"
}

@test "power lost at some moments: what was confirmed is there, what is published verifies, nothing half stays" {
    powerloss_run shop
    powerloss_cut 37
}
