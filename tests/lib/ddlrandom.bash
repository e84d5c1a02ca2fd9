# ddlrandom: random changes of the schema and of rows, and the source itself as the oracle. Source it after cluster.bash and
# pgstrand.bash. All statements follow from a seed; where the agent stands meanwhile is up to the machine.
#
#   ddlrandom_begin DB DATA       makes the database and its generator (ddlrandom/chaos.sql), and runs init
#   ddlrandom_transactions SEED N runs N transactions of random statements; after most of them the source's rows and schema
#                                 are kept under the seq that the log then stands at
#   ddlrandom_settle              waits until the agent has followed all changes, and keeps a last state
#   ddlrandom_check SEQ           restores to a kept seq: equal to what was kept, or refused or rounded, with words that say so
#   ddlrandom_check_last          the last state must be restored, and equal
#
# DDLRANDOM_EQUAL, _ROUNDED and _REFUSED count what ddlrandom_check saw.

DDLRANDOM_EQUAL=0
DDLRANDOM_ROUNDED=0
DDLRANDOM_REFUSED=0
DDLRANDOM_STEP=0

ddlrandom_begin() {
    DDLRANDOM_DB=$1
    DDLRANDOM_DATA=$2
    DDLRANDOM_FILES=$HARNESS/ddlrandom.$1
    mkdir -p "$DDLRANDOM_FILES/at"
    database_new "$1"
    sql_file "$1" "$PGSTRAND_ROOT/tests/lib/ddlrandom/chaos.sql"
    printf '[seal]\ninterval = 0\nactions = 0\nbytes = 0\n' >"$DDLRANDOM_FILES/conf"
    pgstrand init --yes --no-progress --data "$2" --source "$(conninfo "$1")" --config "$DDLRANDOM_FILES/conf" \
        >/dev/null 2>"$DDLRANDOM_FILES/init" || complain "init failed: $(<"$DDLRANDOM_FILES/init")"
}

# All rows, TABLE<tab>COLUMN=value..., columns by name: pg_dump gives those of an inheritance child another order.
ddlrandom_rows() {
    "$PSQL" -X -q -A -t -v ON_ERROR_STOP=1 -d "$(conninfo "$1")" <<'SQL_END' | LC_ALL=C sort
SET timezone = 'UTC';
SELECT format('SELECT %L || E''\t'' || concat_ws(E''\x1f''%s) FROM ONLY %s', c.oid::regclass,
              string_agg(format(', %L || %I::text', attname || '=', attname), '' ORDER BY attname), c.oid::regclass)
FROM pg_class c LEFT JOIN pg_attribute a ON attrelid = c.oid AND attnum > 0 AND NOT attisdropped
WHERE relnamespace = 'app'::regnamespace AND relkind = 'r' AND relpersistence = 'p'
GROUP BY c.oid ORDER BY c.oid::regclass::text
\gexec
SQL_END
}

# What the database is now: rows, and the schema.
ddlrandom_state() {
    mkdir -p "$2"
    ddlrandom_rows "$1" >"$2/rows"
    schema_text "$(conninfo "$1")" >"$2/schema"
}

ddlrandom_keep() {
    local seq
    seq=$(pgstrand wait --data "$DDLRANDOM_DATA" --timeout 60)
    ddlrandom_state "$DDLRANDOM_DB" "$DDLRANDOM_FILES/at/$seq"
    echo "$seq" >>"$DDLRANDOM_FILES/seqs"
}

# One transaction as psql's input. A statement that fails is taken back alone; each knows what those before it did.
ddlrandom_script() {
    local seed=$1 count=$2 end=$3
    echo '\set ON_ERROR_ROLLBACK on'
    [ "$count" -eq 1 ] || echo 'BEGIN;'
    for (( ; count > 0; count--)); do
        DDLRANDOM_STEP=$((DDLRANDOM_STEP + 1))
        echo "SELECT chaos.statement($seed, $DDLRANDOM_STEP) \\gexec"
    done
    echo "$end;"
}

ddlrandom_transactions() {
    local seed=$1 n script
    script=$DDLRANDOM_FILES/script
    RANDOM=$seed
    for ((n = 0; n < $2; n++)); do
        local count=$((1 + RANDOM % 5)) end=COMMIT
        [ $((RANDOM % 12)) -ne 0 ] || end=ROLLBACK
        ddlrandom_script "$seed" "$count" "$end" >"$script"
        DDLRANDOM_STEP=$((DDLRANDOM_STEP + 1000))
        "$PSQL" -X -a -d "$(conninfo "$DDLRANDOM_DB")" -f "$script" -L "$DDLRANDOM_FILES/statements" >/dev/null 2>>"$DDLRANDOM_FILES/errors" || true
        case $((RANDOM % 4)) in
        0) ;;                                # the next one shares its version of the schema, perhaps
        1) ddlrandom_keep ;;
        *)
            sleep 0.$((RANDOM % 7))
            ddlrandom_keep
            ;;
        esac
        [ $((RANDOM % 15)) -ne 0 ] || pgstrand seal --data "$DDLRANDOM_DATA" --no-wait >/dev/null 2>&1 || true
    done
}

ddlrandom_is_healthy() {
    pgstrand status --data "$DDLRANDOM_DATA" --json | jq -e '.problems | map(select(contains("schema"))) | length == 0'
}

ddlrandom_settle() {
    pgstrand wait --data "$DDLRANDOM_DATA" --timeout 60 >/dev/null
    sleep 1
    wait_for 60 ddlrandom_is_healthy || complain "$(pgstrand status --data "$DDLRANDOM_DATA")" || return 1
    sql "$DDLRANDOM_DB" 'CREATE TABLE app.last (n int); INSERT INTO app.last VALUES (1)' >/dev/null
    pgstrand wait --data "$DDLRANDOM_DATA" --timeout 60 >/dev/null
    sleep 0.6
    wait_for 60 ddlrandom_is_healthy || return 1
    ddlrandom_keep
}

ddlrandom_compare() {
    local kept=$DDLRANDOM_FILES/at/$1
    ddlrandom_state back "$DDLRANDOM_FILES/back"
    diff <(cat -v "$kept/rows") <(cat -v "$DDLRANDOM_FILES/back/rows") >"$DDLRANDOM_FILES/difference" ||
        complain "the rows at seq $1 differ (< wanted, > there):" "$(cut -c 1-300 "$DDLRANDOM_FILES/difference" | head -n 12)" || return 1
    diff -u "$kept/schema" "$DDLRANDOM_FILES/back/schema" >"$DDLRANDOM_FILES/difference" ||
        complain "the schema at seq $1 differs:" "$(head -n 40 "$DDLRANDOM_FILES/difference")"
}

ddlrandom_restore() {
    database_again back
    pgstrand restore --data "$DDLRANDOM_DATA" --target "$(conninfo back)" --to-seq "$1" --json >"$DDLRANDOM_FILES/report" 2>"$DDLRANDOM_FILES/words"
}

ddlrandom_check() {
    local reached
    if ! ddlrandom_restore "$1"; then
        grep -q 'restorable: up to seq' "$DDLRANDOM_FILES/words" || complain "seq $1: $(<"$DDLRANDOM_FILES/words")" || return 1
        DDLRANDOM_REFUSED=$((DDLRANDOM_REFUSED + 1))
        echo "seq $1: $(<"$DDLRANDOM_FILES/words")" >>"$DDLRANDOM_FILES/refused"
        return 0
    fi
    reached=$(jq .seq "$DDLRANDOM_FILES/report")
    if [ "$reached" -ne "$1" ]; then
        jq -e .rounded "$DDLRANDOM_FILES/report" >/dev/null || complain "seq $1 became $reached, and nothing says so" || return 1
        DDLRANDOM_ROUNDED=$((DDLRANDOM_ROUNDED + 1))
        [ -d "$DDLRANDOM_FILES/at/$reached" ] || return 0
    fi
    ddlrandom_compare "$reached" || return 1
    DDLRANDOM_EQUAL=$((DDLRANDOM_EQUAL + 1))
}

ddlrandom_check_last() {
    local last
    last=$(tail -n 1 "$DDLRANDOM_FILES/seqs")
    ddlrandom_restore "$last" || complain "seq $last: $(<"$DDLRANDOM_FILES/words")" || return 1
    [ "$(jq .seq "$DDLRANDOM_FILES/report")" -eq "$last" ] || complain "seq $last was rounded" || return 1
    ddlrandom_compare "$last"
}
