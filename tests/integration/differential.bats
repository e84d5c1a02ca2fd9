# DIFFERENTIALs against a real cluster: a short cut for restores, with the same rows at its end as the links it stands for, and
# every seq between still restorable.

bats_require_minimum_version 1.5.0

load ../lib/onecluster

travels=(public.items public.loose public.emptied)

keep_state() {
    local seq
    seq=$(pgstrand wait --data "$DATA" --timeout 60)
    dump_tables "$(conninfo shop)" "$HARNESS/at/$seq/travels" "${travels[@]}"
    dump_tables "$(conninfo shop)" "$HARNESS/at/$seq/own" public.own
    echo "$seq" >>"$HARNESS/seqs"
}

# Key changes with and without large values left alone, rows changed many times, rows counted, TRUNCATE.
changes() {
    sql shop "
        UPDATE items SET note = 'round $1' WHERE id % 2 = 0;
        UPDATE items SET note = 'later $1' WHERE id % 2 = 0;
        UPDATE items SET body = repeat(md5('$1' || id), 300) WHERE id % 5 = $1;
        BEGIN; UPDATE items SET id = -1 WHERE id = 3; UPDATE items SET id = 3 WHERE id = 6; UPDATE items SET id = 6 WHERE id = -1; COMMIT;
        UPDATE items SET id = id + 1000 WHERE id % 17 = $1;
        DELETE FROM items WHERE id % 19 = $1;
        INSERT INTO items SELECT 200 * $1 + i, 'new', repeat('y', 4000) FROM generate_series(1, 15) i ON CONFLICT DO NOTHING;
        INSERT INTO loose SELECT 'again', i % 3 FROM generate_series(1, 9) i;
        DELETE FROM loose WHERE ctid IN (SELECT ctid FROM loose LIMIT 4);
        TRUNCATE emptied; INSERT INTO emptied SELECT $1 FROM generate_series(1, 5);
        UPDATE own SET value = value + $1"
}

seal() {
    pgstrand seal --data "$DATA" --json "$@" >>"$HARNESS/sealed.jsonl"
}

setup_file() {
    onecluster_begin
    export DATA=$HARNESS/data
    database_new shop
    sql shop "
        CREATE TABLE items (id bigint PRIMARY KEY, note text, body text);
        ALTER TABLE items ALTER body SET STORAGE EXTERNAL;
        INSERT INTO items SELECT i, 'old', repeat(md5(i::text), 300) FROM generate_series(1, 120) i;
        CREATE TABLE loose (word text, n int);
        INSERT INTO loose SELECT 'same', i % 2 FROM generate_series(1, 10) i;
        CREATE TABLE emptied (n int);
        CREATE TABLE own (id int PRIMARY KEY, value int);
        INSERT INTO own SELECT i, 0 FROM generate_series(1, 5) i"
    printf '[tiers]\ndevice = own\n[seal]\ninterval = 0\nactions = 0\nbytes = 0\n' >"$HARNESS/start.conf"
    pgstrand init --data "$DATA" --source "$(conninfo shop)" --config "$HARNESS/start.conf" >"$HARNESS/init.out"
    agent_start "$DATA"
    for round in 1 2 3 4 5; do
        changes "$round"
        keep_state
        case $round in
        1 | 5) seal ;;
        3) seal --type differential --name noon ;; # seals round 2 and 3 as an INCREMENTAL before it
        4) seal && seal --type differential ;;
        esac
    done
    # numbers: 0 full, 1 and 2 incremental, 3 differential, 4 incremental, 5 differential, 6 incremental
    pgstrand vault add --data "$DATA" whole "file://$HARNESS/whole" --backup-type full-device
    pgstrand vault add --data "$DATA" business "file://$HARNESS/business"
    pgstrand ship --data "$DATA" whole
    pgstrand ship --data "$DATA" business
}

nth_seq() {
    sed -n "$1p" "$HARNESS/seqs"
}

# rebuilt_at SEQ FOLDER RESTORE-OPTIONS...: restores into a new database and compares the tables of the FOLDER of that seq.
rebuilt_at() {
    local seq=$1 what=$2
    shift 2
    database_new rebuilt
    pgstrand restore --target "$(conninfo rebuilt)" --to-seq "$seq" --json "$@" >"$HARNESS/restored.json"
    jq -e --argjson seq "$seq" '.seq == $seq and ([.tables[].proven] | all)' "$HARNESS/restored.json"
    rm -rf "$HARNESS/got"
    if [ "$what" = own ]; then
        dump_tables "$(conninfo rebuilt)" "$HARNESS/got" public.own
    else
        dump_tables "$(conninfo rebuilt)" "$HARNESS/got" "${travels[@]}"
    fi
    assert_same_dumps "$HARNESS/at/$seq/$what" "$HARNESS/got"
    database_drop rebuilt
}

@test "seal --type differential says what it is, and that its range begins behind the FULL" {
    jq -s -e '[.[].type] == ["incremental", "differential", "incremental", "differential", "incremental"]' "$HARNESS/sealed.jsonl"
    jq -s -e '.[1].first_seq == 1 and .[3].first_seq == 1 and .[3].last_seq == .[2].last_seq' "$HARNESS/sealed.jsonl"
    jq -s -e '.[1].actions < .[1].last_seq' "$HARNESS/sealed.jsonl"
}

@test "snapshots lists it, verify checks it" {
    pgstrand snapshots --data "$DATA" --json >"$HARNESS/chain.json"
    jq -e '[.[].type] == ["full", "incremental", "incremental", "differential", "incremental", "differential", "incremental"]' \
        "$HARNESS/chain.json"
    jq -e '.[3].name == "noon" and .[2].name == null and .[3].base == .[0].uuid and .[3].parent == .[2].uuid' "$HARNESS/chain.json"
    pgstrand snapshots --data "$DATA" | grep -q differential
    pgstrand verify --data "$DATA" --json | jq -e '.ok and (.snapshots | length) == 7'
    pgstrand verify --from "$HARNESS/business" --json | jq -e '.ok'
}

@test "every seq is what the source held, with the shortest chain to it" {
    local chains=('[0,1]' '[0,1,2]' '[0,3]' '[0,5]' '[0,5,6]') i
    for i in 1 2 3 4 5; do
        rebuilt_at "$(nth_seq "$i")" travels --data "$DATA"
        jq -e --argjson wanted "${chains[$((i - 1))]}" '[.chain[].number] == $wanted' "$HARNESS/restored.json"
        rebuilt_at "$(nth_seq "$i")" own --data "$DATA"
    done
}

@test "by its name it leads to its last seq" {
    database_new named
    pgstrand restore --data "$DATA" --target "$(conninfo named)" --to-name noon --json >"$HARNESS/named.json"
    jq -e --argjson seq "$(nth_seq 3)" '.seq == $seq and [.chain[].type] == ["full", "differential"]' "$HARNESS/named.json"
    database_drop named
}

@test "--dry-run shows the snapshots it would read" {
    database_new planned
    pgstrand restore --data "$DATA" --target "$(conninfo planned)" --to-seq "$(nth_seq 5)" --dry-run >"$HARNESS/plan.txt"
    grep -qx 'from snapshots: full 0, differential 5, incremental 6' "$HARNESS/plan.txt"
    pgstrand restore --data "$DATA" --target "$(conninfo planned)" --to-seq "$(nth_seq 2)" --dry-run >"$HARNESS/plan.txt"
    grep -qx 'from snapshots: full 0, incremental 1..2' "$HARNESS/plan.txt"
    database_drop planned
}

@test "vaults: the device's own rows are in its device file, and only there" {
    [ -z "$(find "$HARNESS/business" -name '*.device')" ]
    [ "$(find "$HARNESS/whole" -name '*-differential-*.device' | wc -l)" = 2 ]
    rebuilt_at "$(nth_seq 4)" travels --data "$HARNESS/other" --from "$HARNESS/business"
    jq -e '(.same_device | not) and [.chain[].number] == [0, 5]' "$HARNESS/restored.json"
    rebuilt_at "$(nth_seq 4)" own --data "$DATA" --from "$HARNESS/whole"
    jq -e '.same_device and [.chain[].number] == [0, 5]' "$HARNESS/restored.json"
}

@test "nothing new since the last one says so" {
    pgstrand seal --data "$DATA" --type differential --json | jq -e '.type == "differential" and .first_seq == 1'
    pgstrand seal --data "$DATA" --type differential --json | jq -e '.uuid == null'
    pgstrand seal --data "$DATA" --type differential | grep -q 'nothing new'
}

@test "behind a new FULL it begins anew" {
    pgstrand seal --data "$DATA" --type full >/dev/null
    pgstrand seal --data "$DATA" --type differential --json | jq -e '.uuid == null'
    changes 6
    keep_state
    pgstrand seal --data "$DATA" --type differential --json >"$HARNESS/anew.json"
    jq -e --argjson first "$(($(nth_seq 5) + 1))" '.first_seq == $first' "$HARNESS/anew.json"
    rebuilt_at "$(nth_seq 6)" travels --data "$DATA"
    jq -e '[.chain[].type] == ["full", "differential"]' "$HARNESS/restored.json"
    rebuilt_at "$(nth_seq 4)" travels --data "$DATA"
    jq -e '[.chain[].number] == [0, 5]' "$HARNESS/restored.json"
}

@test "a value of 80 MB is sealed in less memory than it has, and restored" {
    local pid most
    sql postgres "ALTER SYSTEM SET logical_decoding_work_mem = '64kB'"
    sql postgres "SELECT pg_reload_conf()" >/dev/null
    sql shop "INSERT INTO items VALUES (5000, 'huge', repeat(md5('x'), 2500000)), (5001, 'after it', 'small')"
    keep_state
    "$PGSTRAND_BUILD/pgstrand" seal --data "$DATA" --json >"$HARNESS/huge.json" 3>&- &
    pid=$!
    most=$(private_memory_of "$pid")
    wait "$pid"
    jq -e '.actions == 2' "$HARNESS/huge.json"
    echo "private memory: $most kB"
    [ "$most" -gt 0 ]
    [ "$most" -lt 65536 ] || refute memory_is_its_own
    pgstrand verify --data "$DATA"
    rebuilt_at "$(tail -n 1 "$HARNESS/seqs")" travels --data "$DATA"
}
