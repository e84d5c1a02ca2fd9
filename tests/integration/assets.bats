# file-assets: the files of configured folders travel in the chain by their content, and return.

bats_require_minimum_version 1.5.0

load ../lib/onecluster

setup_file() {
    harness_begin
    export DATA=$HARNESS/data PICS=$HARNESS/app/pics OWN=$HARNESS/app/own
    mkdir -p "$PICS/a/deep" "$PICS/empty" "$OWN"
    head -c 3000000 /dev/urandom >"$PICS/large"
    echo one >"$PICS/a/one"
    echo one >"$PICS/a/same as one"
    : >"$PICS/a/deep/nothing"
    printf 'odd\n' >"$PICS/"$'new\nline \xff'
    ln -s one "$PICS/a/link"
    ln -s ../../own/key "$PICS/escapes"
    mkfifo "$PICS/pipe"
    chmod 640 "$PICS/a/one"
    touch -d '2001-02-03 04:05:06.123456789' "$PICS/a/one" "$PICS/a/deep"
    echo device-secret >"$OWN/key"
    cluster_new one
    database_new shop
    sql shop 'CREATE TABLE t (id int PRIMARY KEY, word text); INSERT INTO t VALUES (1, $$a$$)'
    printf '[assets]\nbusiness = %s\ndevice = %s\n' "$PICS" "$OWN" >"$HARNESS/start.conf"
    pgstrand init --data "$DATA" --source "$(conninfo shop)" --config "$HARNESS/start.conf" >"$HARNESS/init.out" 2>"$HARNESS/init.err"
    sed -i 's/^retry_first = .*/retry_first = 50ms/' "$DATA/pgstrand.conf"
    agent_start "$DATA"
    cp -a "$PICS" "$HARNESS/pics.0"
}

setup() {
    untraced
    target=f$BATS_TEST_NUMBER
    out=$HARNESS/out.$BATS_TEST_NUMBER
}

teardown() {
    database_drop "f$BATS_TEST_NUMBER" 2>/dev/null || true
}

restore() {
    database_again "$target"
    pgstrand restore --data "$DATA" --target "$(conninfo "$target")" --json "$@" >"$HARNESS/restore.json" 2>"$HARNESS/restore.err"
}

# Names, kinds, rights, times to the nanosecond, links' targets, contents; not the folders' sizes.
listing() {
    (cd "$1" && find . ! -type p ! -name escapes -printf '%p %y %m %l ' \( -type l -printf '\n' -o -printf '%T@\n' \) | sort
        find . -type f -exec sha256sum {} + | sort)
}

same_files() {
    diff <(listing "$1") <(listing "$2")
}

asset_bytes() {
    pgstrand snapshots --data "$DATA" "$1" --json | jq '[.sections[] | select(.kind == "assets") | .raw] | add // 0'
}

@test "file-assets: the base has them, and a restore puts them back with rights, times and links" {
    restore --to-seq 0
    grep -q 'files that the chain has were not brought' "$HARNESS/restore.err"
    restore --to-seq 0 --files "$out"
    same_files "$HARNESS/pics.0" "$out$PICS"
    [ ! -L "$out$PICS/escapes" ]
    grep -q '1 links that lead out of their folder' "$HARNESS/restore.err"
    [ "$(cat "$out$OWN/key")" = device-secret ]
    jq -e '.files.restored and .files.changed >= 6 and .files.links_left_out == 1' "$HARNESS/restore.json"
    # Again: nothing to do.
    restore --to-seq 0 --files "$out"
    jq -e '.files.changed == 0' "$HARNESS/restore.json"
    [ ! -e "$out$PICS/.pgstrand-restore" ]
}

@test "file-assets: an increment has only what changed, and each snapshot its own state" {
    local id
    echo two >"$PICS/a/one"
    cp "$PICS/large" "$PICS/a copy"
    mv "$PICS/a/deep" "$PICS/moved"
    rm "$PICS/a/same as one"
    sql shop "UPDATE t SET word = 'b'"
    id=$(pgstrand seal --data "$DATA" --json 2>"$HARNESS/seal.err" | jq -r .uuid)
    grep -q 'pipe is neither file, folder nor link' "$HARNESS/seal.err"
    [ "$(asset_bytes "$id")" -lt 20000 ]
    cp -a "$PICS" "$HARNESS/pics.1"
    # Files alone are something new, too; and then there is nothing new.
    touch -d '2002-02-02' "$PICS/large"
    pgstrand seal --data "$DATA" --json 2>/dev/null | jq -e '.uuid != null and .actions == 0'
    pgstrand seal --data "$DATA" --json 2>/dev/null | jq -e '.uuid == null'
    restore --files "$out" --to-snapshot "$id"
    same_files "$HARNESS/pics.1" "$out$PICS"
    restore --files "$out.0" --to-seq 0
    same_files "$HARNESS/pics.0" "$out.0$PICS"
    pgstrand verify --data "$DATA"
    # A FULL needs nothing before it.
    id=$(pgstrand seal --data "$DATA" --type full --json 2>/dev/null | jq -r .uuid)
    [ "$(asset_bytes "$id")" -gt 3000000 ]
    [ "$(asset_bytes "$id")" -lt 3100000 ]
}

@test "file-assets: device files return to their device only, and never lie in the business file" {
    pgstrand vault add stick "$HARNESS/stick" --data "$DATA" >/dev/null
    pgstrand ship --data "$DATA" stick >/dev/null
    find "$HARNESS/stick" -name '*.device*' | refute grep -q .
    database_new "$target"
    pgstrand restore --data "$HARNESS/other" --from "$HARNESS/stick" --target "$(conninfo "$target")" --files "$out" --quiet
    [ -e "$out$PICS/large" ]
    [ ! -e "$out$OWN/key" ]
    # Into its own place a chain writes only where this machine's configuration says.
    database_again "$target"
    expect_exit 15 'is no folder of .assets. here' pgstrand restore --data "$HARNESS/other" --from "$HARNESS/stick" \
        --target "$(conninfo "$target")" --files configured --quiet
}

@test "file-assets: into the configured folders; what the chain does not know stays; nothing is written through a link" {
    cp -a "$PICS" "$HARNESS/pics.now"
    pgstrand seal --data "$DATA" >/dev/null 2>&1
    echo garbage >"$PICS/a/one"
    rm "$PICS/large" "$OWN/key"
    echo mine >"$PICS/unknown"
    restore --files configured
    [ "$(cat "$PICS/unknown")" = mine ]
    rm "$PICS/unknown"
    touch -r "$HARNESS/pics.now" "$PICS"
    same_files "$HARNESS/pics.now" "$PICS"
    [ "$(cat "$OWN/key")" = device-secret ]
    mkdir -p "$out$PICS" "$HARNESS/elsewhere"
    ln -s "$HARNESS/elsewhere" "$out$PICS/a"
    database_again "$target"
    expect_exit 15 'a is in the way' pgstrand restore --data "$DATA" --target "$(conninfo "$target")" --files "$out" --quiet
    [ -z "$(ls -A "$HARNESS/elsewhere")" ]
}

@test "file-assets: a folder that is not there, and files that vanish or cannot be read, are said; sealing goes on" {
    mv "$PICS" "$PICS.away"
    sql shop "UPDATE t SET word = 'c'"
    pgstrand seal --data "$DATA" >/dev/null 2>"$HARNESS/seal.err"
    grep -q 'is not there: what the chain has of it stays' "$HARNESS/seal.err"
    mv "$PICS.away" "$PICS"
    restore --files "$out"
    same_files "$PICS" "$out$PICS"
}

@test "file-assets: files that come, grow and vanish while they are sealed: sealing goes on, and what it has is whole" {
    local busy round
    (
        for ((i = 0; ; i++)); do
            head -c 300000 /dev/urandom >>"$PICS/growing" # read again, three times at most
            echo "$i" >"$PICS/brief.$((i % 50))"
            rm -f "$PICS/brief.$(((i + 25) % 50))"
            [ "$(stat -c %s "$PICS/growing")" -lt 30000000 ] || : >"$PICS/growing"
        done
    ) >/dev/null 2>&1 3>&- &
    busy=$!
    for round in 1 2 3 4; do
        pgstrand seal --data "$DATA" --json >/dev/null 2>"$HARNESS/seal.err.$round" || complain "$(<"$HARNESS/seal.err.$round")" || break
    done
    kill "$busy"
    wait "$busy" 2>/dev/null || true
    [ -s "$HARNESS/seal.err.4" ]
    cat "$HARNESS"/seal.err.* | grep -Eq 'growing changed all the time|brief.* vanished|growing.*will come with a later snapshot'
    pgstrand verify --data "$DATA"
    # What the chain took of the growing file, if it did, was in it once: a beginning of it, or of one before.
    restore --files "$out"
    cmp "$out$PICS/large" "$PICS/large"
    # When it is quiet again everything comes.
    rm -f "$PICS"/brief.*
    pgstrand seal --data "$DATA" --quiet >/dev/null
    restore --files "$out.quiet"
    same_files "$PICS" "$out.quiet$PICS"
    rm "$PICS/growing"
}

@test "file-assets: files alone make the agent seal by schedule" {
    local before
    links() {
        pgstrand snapshots --data "$DATA" --json | jq length
    }
    agent_stop "$DATA"
    sed -i 's/^interval = 1h/interval = 1s/' "$DATA/pgstrand.conf"
    pgstrand seal --data "$DATA" --no-wait --quiet >/dev/null
    agent_start "$DATA"
    before=$(links)
    sleep 2.5
    [ "$(links)" -eq "$before" ] # nothing is new
    echo alone >"$PICS/alone"
    wait_for 20 eval "[ \"\$(links)\" -gt $before ]"
    pgstrand snapshots --data "$DATA" --json | jq -e '.[-1].actions == 0 and .[-1].type == "incremental"'
    agent_stop "$DATA"
    sed -i 's/^interval = 1s/interval = 1h/' "$DATA/pgstrand.conf"
    agent_start "$DATA"
    restore --files "$out"
    cmp "$out$PICS/alone" "$PICS/alone"
}

@test "file-assets: damage, a full disk and a kill change no file half" {
    local file code
    restore --files "$out"
    file=$(find "$DATA/snapshots" -name '*full*.snap' | sort | tail -n 1)
    cp "$file" "$HARNESS/kept"
    flip() {
        printf '\xff\xfe\xfd\xfc' | dd of="$file" bs=1 seek="$(($(stat -c %s "$HARNESS/kept") / 2))" conv=notrunc status=none
    }
    rm -rf "$out.1"
    flip
    restore --files "$out.1" && return 1
    [ ! -e "$out.1$PICS/large" ]
    truncate -s 100000 "$file"
    restore --files "$out.1" && return 1
    [ ! -e "$out.1$PICS/large" ]
    cp "$HARNESS/kept" "$file"
    local fault
    for fault in full:3 fail:8 kill:4 kill:12 killafter:20; do
        rm -rf "$out.1"
        mkdir -p "$out.1$PICS"
        echo before >"$out.1$PICS/large"
        code=0
        PGSTRAND_IO_FAULT="$fault:${out##*/}.1" restore --files "$out.1" || code=$?
        [ "$code" -ne 0 ] || complain "it survived $fault"
        [ "$(cat "$out.1$PICS/large")" = before ] || cmp "$out.1$PICS/large" "$PICS/large"
        rm -f "$DATA"/workflow.lock
        restore --files "$out.1"
        same_files "$PICS" "$out.1$PICS"
    done
}
