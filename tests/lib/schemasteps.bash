# schemasteps: a source whose schema changes step by step, its rows and schema kept at each, and restores compared with them.
# Source it after cluster.bash and pgstrand.bash. The source is the database shop, captured in $DATA by an agent that runs and
# seals when it is told to; restores go to the database $target.
#
#   step DDL [ROWS]           DDL, keeps the state, waits for its version of the schema; then changes of rows
#   keep_state                keeps the state under the seq that the log then stands at: a line of $HARNESS/seqs
#   check SEQ [OPTIONS]       restores to it: equal
#   needs_base DDL ROWS       a step that must bring a base of a table, and no FULL
#   needs_nothing DDL ROWS    a step that must bring neither
#   retold [FROM_SEQ]         how often tables were told again, from that seq on

schema_of() {
    "$PG_DUMP" -s -N pgstrand --no-publications -d "$(conninfo "$1")" |
        grep -v -e '^--' -e restrict -e '^$' -e 'EVENT TRIGGER pgstrand_' -e 'EXECUTE FUNCTION pgstrand' >"$2"
}

# How many versions of the schema the agent has kept.
versions() {
    agent_log "$DATA" | grep -c 'the changed schema is kept' || true
}

more_versions() {
    [ "$(versions)" -gt "$1" ]
}

# The source as it is now, under the seq that the log then stands at.
keep_state() {
    local seq
    seq=$(pgstrand wait --data "$DATA" --timeout 60)
    mkdir -p "$HARNESS/at/$seq"
    schema_of shop "$HARNESS/at/$seq/schema"
    dump_tables "$(conninfo shop)" "$HARNESS/at/$seq/rows"
    echo "$seq" >>"$HARNESS/seqs"
}

# DDL, then rows under it, then the next step: each step's schema gets a version of its own.
step() {
    local before
    before=$(versions)
    sql shop "$1" >/dev/null
    keep_state # while the agent waits whether more DDL comes
    wait_for 30 more_versions "$before"
    [ $# -lt 2 ] || sql shop "$2" >/dev/null
}

restore() {
    pgstrand restore --data "$DATA" --target "$(conninfo "$target")" "$@"
}

# Rebuilds one seq and compares.
check() {
    local seq=$1
    shift
    database_again "$target"
    restore --to-seq "$seq" "$@" >/dev/null || complain "restore to seq $seq" || return 1
    schema_of "$target" "$HARNESS/schema.got"
    diff -u "$HARNESS/at/$seq/schema" "$HARNESS/schema.got" >"$HARNESS/schema.diff" ||
        complain "the schema at seq $seq differs:" "$(head -n 40 "$HARNESS/schema.diff")" || return 1
    dump_tables "$(conninfo "$target")" "$HARNESS/got"
    assert_same_dumps "$HARNESS/at/$seq/rows" "$HARNESS/got" || complain "seq $seq"
}

fulls() {
    pgstrand snapshots --data "$DATA" --json | jq '[.[] | select(.type == "full")] | length'
}

# How many INCREMENTALs have rows: bases of single tables.
bases() {
    pgstrand snapshots --data "$DATA" --json | jq '[.[] | select(.type == "incremental" and .rows > 0)] | length'
}

more_bases() {
    [ "$(bases)" -gt "$1" ]
}

# Rows from before the change cannot be known from the stream, or mean something else after it: a base of that table must come by
# itself, no FULL, and restores then give the source's rows. Between the two the table is refused, and from where on it is not is said.
needs_base() {
    local before fulls
    before=$(bases) fulls=$(fulls)
    step "$1" "$2"
    wait_for 30 more_bases "$before" || complain "no base after: $1" || return 1
    keep_state
    check "$(tail -n 1 "$HARNESS/seqs")" || complain "after: $1" || return 1
    [ "$(fulls)" -eq "$fulls" ]
}

needs_nothing() {
    local before fulls
    before=$(bases) fulls=$(fulls)
    step "$1" "$2"
    keep_state
    check "$(tail -n 1 "$HARNESS/seqs")" || complain "after: $1" || return 1
    sleep 2.5 # when it would come
    [ "$(fulls)" -eq "$fulls" ] && [ "$(bases)" -eq "$before" ]
}

# grep: the log may be long, and nothing else reads so many lines as fast.
retold() {
    pgstrand log --data "$DATA" --json --from-seq "${1:-1}" | grep '"TRUNCATE"' |
        jq -s '[.[] | select(.kind == "TRUNCATE" and .rewritten)] | length'
}
