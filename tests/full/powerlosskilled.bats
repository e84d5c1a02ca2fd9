# Programs killed after each of their steps until one comes through, and then the power goes: what a killed one has renamed or made and
# not synced is not lost, though the one that came through found it there.

setup_file() {
    load ../lib/cluster
    load ../lib/pgstrand
    load ../lib/powerloss
    harness_begin
    cluster_new one logical_decoding_work_mem=64kB
    database_new shop
    sql shop "CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE u (a int); INSERT INTO t SELECT g, 'x' FROM generate_series(1, 3000) g"
    powerloss_killed_run shop
    export powerloss_kills
}

teardown_file() {
    load ../lib/cluster
    harness_end
}

setup() {
    load ../lib/cluster
    load ../lib/pgstrand
    load ../lib/powerloss
    untraced
}

@test "power lost after programs that went on where others were killed: what was told is there" {
    echo "# killed $powerloss_kills times" >&3
    [ "$powerloss_kills" -gt 100 ]
    powerloss_cut 20 "$RANDOM" synced
}
