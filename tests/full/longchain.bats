# A chain of a thousand links: restored at its end, at its beginning and between, from the data directory and from a vault. Sealing
# the last hundred of them takes little more processor time than the first hundred. CHAIN_LINKS=N takes another number.

load ../lib/restoring

setup() {
    untraced
    DATA=$HARNESS/data
    restoring_begin
}

teardown() {
    restoring_end
}

# Link i holds one insert, one update of the row that all links change, and one delete.
link() {
    echo "INSERT INTO steps VALUES ($1, 'link $1'); UPDATE steps SET word = 'link $1' WHERE id = 0; DELETE FROM steps WHERE id > 0 AND id = $1 - 10;
        SELECT 'done';" >&"${FEED[1]}"
    local answer
    read -r answer <&"${FEED[0]}"
    [ "$answer" = done ]
    pgstrand seal --data "$DATA" --quiet >/dev/null
}

# Processor time, in ms, of all programs that were run so far; not in a subshell, which has times of its own.
note_cpu() {
    times >"$HARNESS/times"
    cpu=$(tail -n 1 "$HARNESS/times" | tr 'ms' '  ' | awk '{ printf "%d", ($1 * 60 + $2 + $3 * 60 + $4) * 1000 }')
}

# at_link N ARGS...: the last ten rows, and the one that all change.
at_link() {
    local n=$1
    shift
    restore --mode "$mode" "$@" --json >"$HARNESS/restored"
    jq -e '.tables | all(.proven)' "$HARNESS/restored" >/dev/null
    target_has "SELECT count(*), min(id), max(id), (SELECT word FROM steps WHERE id = 0) FROM steps WHERE id > 0" "10|$((n - 9))|$n|link $n"
    mode=replace
}

@test "a thousand links" {
    database_new shop
    sql shop "CREATE TABLE steps (id int PRIMARY KEY, word text); INSERT INTO steps VALUES (0, 'base')"
    pgstrand init --data "$DATA" --source "$(conninfo shop)" >/dev/null
    agent_start "$DATA"
    local i mode=fresh seconds links=${CHAIN_LINKS:-1000} cpu begin=0 first=0 last=0
    coproc FEED { "$PSQL" -X -q -A -t -d "$(conninfo shop)" 2>&1 3>&-; } # one session: a thousand psql take longer than all else
    note_cpu
    begin=$cpu
    for ((i = 1; i <= links; i++)); do
        link "$i"
        note_cpu
        [ "$i" -ne 100 ] || first=$((cpu - begin))
        [ "$i" -ne $((links - 100)) ] || last=$cpu
        [ "$i" -ne $((links / 2)) ] || pgstrand wait --data "$DATA" >"$HARNESS/middle"
    done
    last=$((cpu - last))
    [ "$links" -lt 200 ] || echo "# processor time of the first and the last hundred: $first and $last ms" >&3
    [ "$links" -lt 1000 ] || [ "$last" -lt $((first * 5 / 2)) ]
    [ "$(pgstrand snapshots --data "$DATA" --json | jq 'map(select(.type == "incremental")) | length')" -eq "$links" ]
    agent_stop "$DATA"
    seconds=$SECONDS
    at_link "$links"
    echo "# made: $seconds s; restored: $((SECONDS - seconds)) s" >&3
    at_link $((links / 2)) --to-seq "$(<"$HARNESS/middle")"
    at_link 10 --to-snapshot "$(pgstrand snapshots --data "$DATA" --json | jq -r '.[] | select(.number == 10) | .uuid')"
    pgstrand verify --data "$DATA" >/dev/null
    pgstrand vault add --data "$DATA" shelf "file://$HARNESS/shelf" >/dev/null
    pgstrand ship --data "$DATA" shelf >/dev/null
    at_link "$links" --from "file://$HARNESS/shelf" --tiers business,audit
}
