# Rows of the seeds' feature list that have no file of their own: compression, progress-ui, configuration, snapshot-metadata, background.

bats_require_minimum_version 1.5.0

load ../lib/restoring

setup_file() {
    captured_begin "CREATE TABLE items (id int PRIMARY KEY, note text); CREATE TABLE carts (id int PRIMARY KEY); CREATE TABLE loose (word text);
        INSERT INTO loose VALUES ('same'), ('same'), ('other');
        INSERT INTO items SELECT i, 'item ' || i FROM generate_series(1, 3000) i" $'[tiers]\ndefault = business\ntransient = carts\n[seal]\nlevel = 1'
    sql shop "UPDATE items SET note = (SELECT string_agg((ARRAY['tea', 'coffee', 'sugar', 'bread', 'butter', 'milk', 'paper', 'soap'])
        [1 + (hashint4(items.id * 100 + g) & 7)], ' ') FROM generate_series(1, 40) g)"
    pgstrand seal --data "$DATA" --name first --description 'before the move' --quiet >/dev/null
    agent_stop "$DATA"
}

of_first() {
    pgstrand snapshots first --data "$1" --json | jq -r "$2"
}

@test "snapshot-metadata: name, description, time, parent, base, number, size, counts; the file's name says the type" {
    pgstrand snapshots first --data "$DATA" --json >"$HARNESS/first"
    jq -e '.name == "first" and .description == "before the move" and .type == "incremental" and .number == 1 and .actions == 3000
        and (.uuid | length) == 36 and (.parent | length) == 36 and (.base | length) == 36 and .size > 0 and (.time | startswith("20"))
        and .complete and (.checksum | length == 64) and .ratio > 1 and .entities == null and .verified == null' "$HARNESS/first" || complain "$(<"$HARNESS/first")"
    pgstrand snapshots "$(jq -r .base "$HARNESS/first")" --data "$DATA" --json >"$HARNESS/base"
    jq -e '.type == "full" and .parent == null and .rows == 3003 and .entities == 3000 and ([.tables[] | [.table, .rows, .entities]] ==
        [["public.items", 3000, 3000], ["public.loose", 3, null]])' "$HARNESS/base" || complain "$(<"$HARNESS/base")"
    [ "$(find "$DATA/snapshots" -name '0000000000000000-*-full-*.snap' | wc -l)" = 1 ]
    [ "$(find "$DATA/snapshots" -name '0000000000000001-*-incremental-*.snap' | wc -l)" = 1 ]
}

@test "compression: the configured level decides the size, and every level restores" {
    cp -r "$DATA" "$HARNESS/small"
    local small=$HARNESS/small before after
    sed -i '/^\[seal\]/,/^\[/ s/^level = .*/level = 19/' "$small/pgstrand.conf"
    # the same actions sealed again
    find "$small/snapshots" -name '0000000000000001-*' -delete
    pgstrand seal --data "$small" --name first --no-wait --quiet >/dev/null
    before=$(of_first "$DATA" .size)
    after=$(of_first "$small" .size)
    [ "$after" -lt "$before" ] || complain "level 1: $before bytes, level 19: $after"
    pgstrand restore --data "$small" --target "$(conninfo "$target")" >/dev/null
    assert_same_tables "$(conninfo shop)" "$(conninfo "$target")" public.items
}

@test "progress-ui: a bar on a terminal for each long operation, none elsewhere and none with --no-progress" {
    command -v script >/dev/null || skip 'script (bsdutils) is not there'
    local seen=$HARNESS/seen
    on_terminal() {
        script -qec "'$PGSTRAND_BUILD/pgstrand' $*" /dev/null </dev/null >"$HARNESS/screen"
    }
    shows_bar() {
        on_terminal "$@"
        grep -q '100 *%' "$HARNESS/screen" || complain "$*" "$(cat -v "$HARNESS/screen")"
    }
    local to="--data '$DATA' --target '$(conninfo "$target")'"
    shows_bar restore "$to"
    sql "$target" 'DELETE FROM items WHERE id < 9'
    shows_bar restore "$to" --mode merge --again
    database_again "$target"
    on_terminal restore "$to" --no-progress
    refute grep -q '100 *%' "$HARNESS/screen"
    database_again "$target"
    restore >"$HARNESS/screen" 2>&1
    refute grep -q '100 *%' "$HARNESS/screen"
    # the same actions sealed again
    cp -r "$DATA" "$seen"
    find "$seen/snapshots" -name '0000000000000001-*' -delete
    shows_bar seal --data "'$seen'" --no-wait
    pgstrand vault add --data "$seen" there "file://$HARNESS/there" >/dev/null
    shows_bar ship --data "'$seen'" there
    shows_bar export --data "'$seen'" --output "'$HARNESS/seen.json'"
    shows_bar verify --data "'$seen'"
    database_new seen
    sql seen "CREATE TABLE few (id int PRIMARY KEY); INSERT INTO few VALUES (1)"
    shows_bar init --data "'$HARNESS/began'" --source "'$(conninfo seen)'" --yes --no-wal-limit
    pgstrand uninstall --data "$HARNESS/began" --yes >/dev/null
}

@test "configuration: the chain brings its rules to another machine" {
    pgstrand vault add --data "$DATA" shelf "file://$HARNESS/shelf" >/dev/null
    pgstrand ship --data "$DATA" shelf >/dev/null
    pgstrand restore --data "$HARNESS/other" --from "file://$HARNESS/shelf" --target "$(conninfo "$target")" >/dev/null 2>&1
    # transient by the source's rules alone: the other machine has none of its own
    sql "$target" 'INSERT INTO carts VALUES (1)'
    pgstrand restore --data "$HARNESS/other" --from "file://$HARNESS/shelf" --target "$(conninfo "$target")" --mode replace >/dev/null 2>"$HARNESS/said"
    grep -q 'rows that nothing brings back are removed from the target: public.carts' "$HARNESS/said"
    target_has 'SELECT count(*) FROM carts' 0
}

chain_ends_at() {
    [ "$(pgstrand snapshots --data "$DATA" --json | jq '.[-1].last_seq')" = "$1" ]
}

@test "configuration: the agent seals after so many actions, and after so many bytes of log, and not before" {
    local setting before seq
    cp "$DATA/pgstrand.conf" "$HARNESS/usual.conf"
    for setting in 'actions = 40' 'bytes = 64KiB'; do
        sed "/^\[seal\]/,/^\[/ { s/^\(interval\|actions\|bytes\) = .*/\1 = 0/; s/^on_stop = .*/on_stop = no/; s/^${setting%% *} = .*/$setting/ }" \
            "$HARNESS/usual.conf" >"$DATA/pgstrand.conf"
        [ "$(grep -c "^$setting\$" "$DATA/pgstrand.conf")" = 1 ]
        before=$(pgstrand snapshots --data "$DATA" --json | jq '.[-1].last_seq')
        agent_start "$DATA"
        sql shop "UPDATE items SET note = 'short of $setting' WHERE id <= 39"
        seq=$(pgstrand wait --data "$DATA" --timeout 60)
        [ "$seq" = $((before + 39)) ]
        nap 0.7 # it looks every 0.2 s
        chain_ends_at "$before"
        sql shop "UPDATE items SET note = repeat('$setting', 10000) WHERE id = 1"
        wait_for 20 chain_ends_at $((seq + 1))
        agent_stop "$DATA"
    done
    mv "$HARNESS/usual.conf" "$DATA/pgstrand.conf"
    pgstrand verify --data "$DATA" >/dev/null
}

@test "background: while the agent seals, slowly, what is committed becomes durable as ever" {
    sealing() {
        [ -n "$(find "$DATA/snapshots" -name '*.part')" ]
    }
    sed -i 's/^interval = 1h/interval = 1s/' "$DATA/pgstrand.conf"
    PGSTRAND_IO_FAULT=slow:60000:.snap agent_start "$DATA"
    sql shop "UPDATE items SET note = 'sealed slowly' WHERE id = 1"
    wait_for 20 sealing
    sql shop "INSERT INTO items VALUES (100000, 'meanwhile')"
    pgstrand wait --data "$DATA" --timeout 40 >/dev/null
    sealing # it is still at its first write
    agent_kill9 "$DATA"
}
