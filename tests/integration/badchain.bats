# Chains that are not whole: links that are missing, doubled, of somebody else, or torn. Each is told in one line, and the target
# stays as it was. What a business backup leaves out by law is no damage.

bats_require_minimum_version 1.5.0

load ../lib/restoring

# A FULL and four INCREMENTALs in two vaults; a second one of the same parent; and the chain of another node.
setup_file() {
    onecluster_begin
    export DATA=$HARNESS/data
    database_new shop
    sql shop "CREATE TABLE goods (id int PRIMARY KEY, name text); CREATE TABLE tills (id int PRIMARY KEY, name text);
        INSERT INTO goods VALUES (0, 'first'); INSERT INTO tills VALUES (0, 'first')"
    printf '[tiers]\ndefault = business\ndevice = tills\n[seal]\non_stop = no\n' >"$HARNESS/start.conf"
    pgstrand init --data "$DATA" --source "$(conninfo shop)" --config "$HARNESS/start.conf" >/dev/null
    agent_start "$DATA"
    local i
    for i in 1 2 3; do
        sql shop "INSERT INTO goods VALUES ($i, 'link $i'); INSERT INTO tills VALUES ($i, 'link $i')"
        pgstrand wait --data "$DATA" --timeout 60 >"$HARNESS/seq.$i"
        pgstrand seal --data "$DATA" --quiet >/dev/null
    done
    agent_stop "$DATA"
    pgstrand vault add --data "$DATA" shelf "file://$HARNESS/shelf" >/dev/null
    pgstrand vault add --data "$DATA" safe "file://$HARNESS/safe" --backup-type full-device >/dev/null
    pgstrand ship --data "$DATA" shelf >/dev/null
    pgstrand ship --data "$DATA" safe >/dev/null
    # The same number twice: sealed by the device, and by a copy of its data directory.
    agent_start "$DATA"
    sql shop "INSERT INTO goods VALUES (4, 'link 4')"
    pgstrand wait --data "$DATA" --timeout 60 >/dev/null
    agent_stop "$DATA"
    cp -r "$DATA" "$HARNESS/copy"
    for i in data copy; do
        pgstrand seal --data "$HARNESS/$i" --no-wait --quiet >/dev/null
    done
    database_new other
    sql other 'CREATE TABLE goods (id int PRIMARY KEY, name text)'
    pgstrand init --data "$HARNESS/other" --source "$(conninfo other)" --yes >/dev/null
}

setup() {
    untraced
    restoring_begin
    bad=$BATS_TEST_TMPDIR/bad
    cp -r "$HARNESS/safe" "$bad"
    chain=$(echo "$bad"/*/*/)
}

teardown() {
    restoring_end
}

from_bad() {
    restore --from "file://$bad" --quiet "$@"
}

# refused CODE PATTERN ARGS...: one line, and the target has nothing.
refused() {
    local code=$1 pattern=$2
    shift 2
    expect_exit "$code" "$pattern" from_bad "$@" || return 1
    [ "$(tables_of "$target")" = 0 ]
}

@test "whole, it restores" {
    from_bad >/dev/null
    target_has 'SELECT count(*), max(name) FROM goods' '4|link 3'
    target_has 'SELECT count(*) FROM tills' 4
}

@test "a missing parent: a link in the middle, the first one, the last one's rows" {
    rm "$chain"/0000000000000002-*
    refused 12 'gap: number 2 is missing before .*0000000000000003-'
    cp "$HARNESS"/safe/*/*/0000000000000002-* "$chain"
    rm "$chain"/0000000000000000-*
    refused 12 'begins with number 1: 0 is missing'
    cp "$HARNESS"/safe/*/*/0000000000000000-* "$chain"
    rm "$chain"/0000000000000003-*.snap
    refused 12 '0000000000000003-.*snap'
}

@test "a fork: two links of one number" {
    find "$DATA" "$HARNESS/copy" -name '0000000000000004-*' -exec cp {} "$chain" \;
    [ "$(find "$chain" -name '0000000000000004-*.commit' | wc -l)" = 2 ]
    refused 12 'forks: .* have one number'
}

# other_parent FILE UUID OTHER: the first of these UUIDs in a commit's file.
other_parent() {
    local hex
    hex=$(od -An -v -tx1 "$1" | tr -d ' \n')
    [ "$hex" != "${hex/"${2//-/}"/}" ] || complain "$2 is not in $1" || return 1
    printf '%b' "$(sed 's/../\\x&/g' <<<"${hex/"${2//-/}"/"${3//-/}"}")" >"$1"
}

@test "a cycle: two links that name each other as parent" {
    local file ids
    mapfile -t ids < <(pgstrand snapshots --data "$DATA" --json | jq -r '.[].uuid')
    file=$(echo "$chain"/0000000000000002-*.commit)
    # link 2 goes on from 3, which goes on from 2
    other_parent "$file" "${ids[1]}" "${ids[3]}"
    refused 12 '0000000000000002-.*: its parent does not come before it: the chain goes round in a circle'
    # one that is its own
    other_parent "$file" "${ids[3]}" "${ids[2]}"
    refused 12 '0000000000000002-.*: its parent does not come before it'
}

@test "a link of another node, and of another dataset, among the chain's" {
    rm "$chain"/0000000000000000-*
    find "$HARNESS/other" -name '0000000000000000-*' -exec cp {} "$chain" \;
    refused 12 'another node than the rest of the chain'
    # a whole chain of another dataset
    pgstrand vault add --data "$HARNESS/other" away "file://$BATS_TEST_TMPDIR/away" >/dev/null
    pgstrand ship --data "$HARNESS/other" away >/dev/null
    pgstrand vault remove --data "$HARNESS/other" away >/dev/null
    bad=$BATS_TEST_TMPDIR/away
    refused 10 'belongs to dataset'
}

@test "a section that is lawfully absent, and one that is not" {
    local n
    rm "$chain"/*.device
    refused 10 'business backup'
    from_bad --tiers business,audit >/dev/null
    target_has 'SELECT count(*), max(name) FROM goods' '4|link 3'
    database_again "$target"
    # One link's alone is no business backup, and no whole one either.
    cp "$HARNESS"/safe/*/*/*.device "$chain"
    rm "$chain"/0000000000000002-*.device
    refused 10 '0000000000000002-'
    cp "$HARNESS"/safe/*/*/*.device "$chain"
    for n in 0 3; do
        file=$(echo "$chain"/000000000000000$n-*.snap)
        truncate -s -40 "$file" # the index of its sections ends there
        refused 12 "$(basename "$file" .snap)"
        cp "$HARNESS"/safe/*/*/"$(basename "$file")" "$chain"
    done
    for n in 1 2; do
        file=$(echo "$chain"/000000000000000$n-*.device)
        : >"$file"
        refused 12 "$(basename "$file" .device)"
        cp "$HARNESS"/safe/*/*/"$(basename "$file")" "$chain"
    done
    from_bad >/dev/null
}

@test "what a bad chain ends in is no matter for the seqs before it" {
    printf '\xff\x00\xaa' | dd of="$(echo "$chain"/0000000000000003-*.snap)" bs=1 seek=300 conv=notrunc status=none
    refused 12 '0000000000000003-'
    from_bad --to-seq "$(<"$HARNESS/seq.2")" >/dev/null
    target_has 'SELECT max(name) FROM goods' 'link 2'
}
