# oracle: a random workload, disturbances, and two witnesses that know nothing of pgstrand. Source it after cluster.bash and
# pgstrand.bash. The workload's statements and the disturbances follow from a seed; how they interleave is up to the machine.
#
#   oracle_begin DB DATA        makes the database and its tables, the witness (a slot of test_decoding, PostgreSQL's own other
#                               output plugin), and runs init. The cluster has to have max_prepared_transactions.
#   oracle_watch DB DATA        the witness alone, of a database that is there and whatever works in it; what oracle_check_log is to
#                               leave out is named in $ORACLE_FILES/leave (oracle/comparable.awk)
#   oracle_round SEED ROUND CHUNKS SESSIONS    the load of one round in the background; oracle_disturb goes on beside it
#   oracle_loading              is it still running?
#   oracle_disturb RANDOM       one disturbance, chosen by a number: the agent killed or stopped, the server crashed, its walsender
#                               terminated, a snapshot sealed; all run again afterwards
#   oracle_settle ROUND         waits for the load, puts everything in order, sets a marker: nobody writes from here on, and
#                               what the source holds is recorded as of the marker
#   oracle_witness              reads the witness and the log into files, what is new since the last call
#   oracle_end                  drops the witness, which would hold WAL
#   oracle_check_log            every change of the witness is in the log: once, in its order, in its transaction, no other one
#   oracle_forget               what was right so far is not read and compared again: where there are hundreds of checks
#   oracle_check_markers        the witness, played up to each marker, is what the source held there: so it can be believed
#   oracle_check_seq N          restores to seq N and compares it with the witness played up to there
#   oracle_keep_seq N           restores to seq N and keeps what came out, while the load may go on; oracle_check_kept compares
#                               all that was kept when the witness is there
#   oracle_last_seq
#   oracle_random N             a number from 1 to N
#   oracle_run SEED ROUNDS CHUNKS SESSIONS NAP RESTORES    a whole run in a database and data directory of its own: rounds with
#                               disturbances, NAP (a command) between them, all checks, restores at random seqs. Prints the seed
#
# The witness is compared with the log change by change, and with the source's rows at known commits.

ORACLE=$PGSTRAND_ROOT/tests/lib/oracle
ORACLE_KEYS="public.acct:id public.item:a,b public.doc:id public.part_low:id,k public.part_high:id,k public.journal:id public.marker:id"

oracle_sql() {
    "$PSQL" -X -q -A -t -v ON_ERROR_STOP=1 -d "$(conninfo "$ORACLE_DB")" -c "$1"
}

# All rows of a database as the witness would print them: TABLE<tab>name=value..., without NULLs.
oracle_rows() {
    "$PSQL" -X -q -A -t -v ON_ERROR_STOP=1 -d "$1" <<'SQL_END' | LC_ALL=C sort
SET timezone = 'UTC';
SELECT format('SELECT %L || E''\t'' || concat_ws(E''\x1f'', %s) FROM ONLY %I', 'public.' || relname,
              string_agg(format('%L || %I', attname || '=', attname), ', ' ORDER BY attnum), relname)
FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0 AND NOT attisdropped
GROUP BY relname ORDER BY relname
\gexec
SQL_END
}

oracle_watch() {
    ORACLE_DB=$1
    ORACLE_DATA=$2
    ORACLE_FILES=$HARNESS/oracle.$1
    ORACLE_LOAD=()
    mkdir -p "$ORACLE_FILES"
    oracle_sql "SELECT pg_create_logical_replication_slot('witness_$ORACLE_DB', 'test_decoding')" >/dev/null
}

oracle_begin() {
    database_new "$1"
    sql_file "$1" "$ORACLE/tables.sql"
    oracle_watch "$1" "$2"
    oracle_rows "$(conninfo "$ORACLE_DB")" >"$ORACLE_FILES/begin"
    pgstrand init --yes --no-progress --data "$ORACLE_DATA" --source "$(conninfo "$ORACLE_DB")" >/dev/null 2>"$ORACLE_FILES/init" ||
        complain "init failed: $(<"$ORACLE_FILES/init")"
}

# A session works through its chunks, each a connection of its own: one that a crash cut off is not taken up again.
oracle_session() {
    local seed=$1 round=$2 chunks=$3 session=$4 chunk
    for ((chunk = 0; chunk < chunks; chunk++)); do
        awk -v seed="$seed" -v session="$session" -v round=$((round * 1000 + chunk)) -v count=12 -f "$ORACLE/workload.awk" |
            "$PSQL" -X -q -d "$(conninfo "$ORACLE_DB")" >/dev/null 2>&1 || sleep 0.2
    done
}

oracle_round() {
    local session
    for ((session = 1; session <= $4; session++)); do
        oracle_session "$1" "$2" "$3" "$session" 3>&- >/dev/null 2>&1 </dev/null &
        ORACLE_LOAD+=($!)
    done
}

oracle_loading() {
    local pid
    for pid in "${ORACLE_LOAD[@]}"; do
        ! kill -0 "$pid" 2>/dev/null || return 0
    done
    return 1
}

# Nobody but the disturbances ends the agent.
oracle_agent_lives() {
    agent_running "$ORACLE_DATA" || complain 'the agent ended by itself:' "$(agent_log "$ORACLE_DATA" | tail -n 5)"
}

oracle_disturb() {
    oracle_agent_lives || return 1
    ORACLE_DISTURBED=$((${ORACLE_DISTURBED:-0} + 1))
    case $(($1 % 8)) in
    0 | 1 | 2)
        agent_kill9 "$ORACLE_DATA"
        agent_start --no-wait "$ORACLE_DATA"
        ;;
    3)
        agent_stop "$ORACLE_DATA"
        agent_start --no-wait "$ORACLE_DATA"
        ;;
    4)
        cluster_crash
        cluster_start
        ;;
    5)
        oracle_sql "SELECT pg_terminate_backend(pid) FROM pg_stat_replication" >/dev/null
        ;;
    6) pgstrand seal --data "$ORACLE_DATA" --no-wait >/dev/null 2>&1 || true ;;
    7) # both at once
        agent_kill9 "$ORACLE_DATA"
        cluster_crash
        agent_start --no-wait "$ORACLE_DATA"
        cluster_start
        ;;
    esac
}

oracle_settle() {
    local name
    for name in "${ORACLE_LOAD[@]}"; do
        wait "$name" || true
    done
    ORACLE_LOAD=()
    # What a crash left prepared would hold its locks for ever.
    for name in $(oracle_sql "SELECT gid FROM pg_prepared_xacts WHERE database = '$ORACLE_DB'"); do
        oracle_sql "$([ $((RANDOM % 2)) = 0 ] && echo COMMIT || echo ROLLBACK) PREPARED '$name'"
    done
    oracle_sql "INSERT INTO marker VALUES ($1)"
    oracle_rows "$(conninfo "$ORACLE_DB")" >"$ORACLE_FILES/marker.$1"
    oracle_agent_lives || return 1
    pgstrand wait --data "$ORACLE_DATA" --timeout 120 >/dev/null
}

# Values have ends of lines, and what the triggers tell again is cut off where it has a zero byte: hence the mark in front.
# PostgreSQL 18 (18.4) marks subtransactions as streamed when it throws away a rolled back transaction that outgrew
# logical_decoding_work_mem, streaming or not, and test_decoding then ends with signal 11 in pg_decode_stream_abort, and the server
# with it. So the witness has room for all of it; pgoutput, which the agent reads, has not, and says a needless Stream Abort there.
oracle_witness() {
    oracle_sql "SET logical_decoding_work_mem = '1GB'; SET datestyle = ISO; SET intervalstyle = postgres; SET extra_float_digits = 3; SET timezone = 'UTC';
        SET bytea_output = hex; SET lc_monetary = 'C';
        SELECT chr(30) || data FROM pg_logical_slot_get_changes('witness_$ORACLE_DB', NULL, NULL)" >>"$ORACLE_FILES/decoded"
    LC_ALL=C awk -f "$ORACLE/decoded.awk" "$ORACLE_FILES/decoded" >"$ORACLE_FILES/witness" || return 1
    pgstrand log --data "$ORACLE_DATA" --json --from-seq "$(oracle_from)" >"$ORACLE_FILES/log.json"
    command jq -r -f "$ORACLE/logged.jq" "$ORACLE_FILES/log.json" |
        awk -f "$ORACLE/retold.awk" "$ORACLE_FILES/witness" - >"$ORACLE_FILES/logged"
    jq -r '[.seq, .lsn] | @tsv' "$ORACLE_FILES/log.json" >"$ORACLE_FILES/seqs"
}

# The first seq that is still to be compared.
oracle_from() {
    cat "$ORACLE_FILES/from" 2>/dev/null || echo 1
}

oracle_forget() {
    echo $(($(oracle_last_seq) + 1)) >"$ORACLE_FILES/from"
    : >"$ORACLE_FILES/decoded"
}

oracle_end() {
    oracle_sql "SELECT pg_drop_replication_slot('witness_$ORACLE_DB')"
}

oracle_last_seq() {
    tail -n 1 "$ORACLE_FILES/seqs" | cut -f 1
}

oracle_comparable() {
    if [ -e "$ORACLE_FILES/leave" ]; then
        LC_ALL=C awk -f "$ORACLE/comparable.awk" "$ORACLE_FILES/leave" -
    else
        cat
    fi
}

oracle_check_log() {
    awk -F '\t' -v from="$(oracle_from)" '$1 != from + NR - 1 { print "seq " $1 " in place " from + NR - 1; exit 1 }' "$ORACLE_FILES/seqs" ||
        complain "the log's seqs are not dense" || return 1
    diff <(oracle_comparable <"$ORACLE_FILES/witness" | cat -v) <(cut -f 2- "$ORACLE_FILES/logged" | oracle_comparable | cat -v) \
        >"$ORACLE_FILES/difference" ||
        complain "$(grep -c '^[<>]' "$ORACLE_FILES/difference") changes differ (< was committed, > was logged):" \
            "$(cut -c 1-300 "$ORACLE_FILES/difference" | head -n 12)" || return 1
    [ "$(wc -l <"$ORACLE_FILES/witness")" -gt 10 ] || complain "the workload did too little: $(wc -l <"$ORACLE_FILES/witness") changes"
}

# The rows after the first N changes of the witness.
oracle_play() {
    awk -v limit="$1" -v keys="$ORACLE_KEYS" -f "$ORACLE/replay.awk" "$ORACLE_FILES/begin" "$ORACLE_FILES/witness" | LC_ALL=C sort
}

oracle_same_rows() {
    diff <(cat -v "$1") <(cat -v "$2") >"$ORACLE_FILES/difference" ||
        complain "$3: $(grep -c '^[<>]' "$ORACLE_FILES/difference") rows differ (< wanted, > there):" \
            "$(cut -c 1-200 "$ORACLE_FILES/difference" | head -n 8)"
}

oracle_check_markers() {
    local file line
    for file in "$ORACLE_FILES"/marker.*; do
        line=$(awk -F '\t' -v want="id=${file##*.}" '$2 == "public.marker" && $5 == want { print NR }' "$ORACLE_FILES/witness")
        [ -n "$line" ] || complain "the witness has no marker ${file##*.}" || return 1
        oracle_play "$line" >"$ORACLE_FILES/played" || return 1
        oracle_same_rows "$file" "$ORACLE_FILES/played" "the witness at marker ${file##*.}" || return 1
    done
}

# How many changes belong to the commits that end at or before a seq.
oracle_changes_through() {
    awk -F '\t' -v seq="$1" '
        FILENAME == ARGV[1] { if (NR > 1 && $2 != at && $1 <= seq + 1) whole = $1 - 1; at = $2; last = $1; next }
        FNR == 1 && last <= seq { whole = last }
        $1 <= whole { n++ }
        END { print n + 0 }' "$ORACLE_FILES/seqs" "$ORACLE_FILES/logged"
}

# oracle_restore SEQ FILE: what a restore to the seq gives.
oracle_restore() {
    local target=oracle_restored_$1
    database_new "$target"
    pgstrand restore --data "$ORACLE_DATA" --target "$(conninfo "$target")" --to-seq "$1" --quiet >/dev/null 2>"$ORACLE_FILES/restore" ||
        complain "restore to seq $1 failed: $(<"$ORACLE_FILES/restore")" || return 1
    oracle_rows "$(conninfo "$target")" >"$2" || return 1
    database_drop "$target"
}

# oracle_compare SEQ FILE
oracle_compare() {
    local changes
    changes=$(oracle_changes_through "$1") || return 1
    oracle_play "$changes" >"$ORACLE_FILES/played" || return 1
    oracle_same_rows "$ORACLE_FILES/played" "$2" "seq $1 ($changes changes)"
}

oracle_check_seq() {
    oracle_restore "$1" "$ORACLE_FILES/restored" || return 1
    oracle_compare "$1" "$ORACLE_FILES/restored"
}

oracle_keep_seq() {
    oracle_restore "$1" "$ORACLE_FILES/kept.$1"
}

oracle_check_kept() {
    local file
    for file in "$ORACLE_FILES"/kept.*; do
        oracle_compare "${file##*.}" "$file" || return 1
    done
}

oracle_random() {
    echo $(((RANDOM * 32768 + RANDOM) % $1 + 1))
}

oracle_run() {
    local seed=$1 rounds=$2 chunks=$3 sessions=$4 nap=$5 restores=$6 data=$HARNESS/data$1 round
    echo "ORACLE_SEED=$seed" >&2
    RANDOM=$seed
    ORACLE_DISTURBED=0
    oracle_begin "shop$seed" "$data"
    agent_start "$data"
    for ((round = 1; round <= rounds; round++)); do
        oracle_round "$seed" "$round" "$chunks" "$sessions"
        while oracle_loading; do
            "$nap"
            oracle_disturb "$RANDOM" || return 1
        done
        oracle_settle "$round" || return 1
    done
    agent_stop "$data" && oracle_witness && oracle_end && oracle_check_log && oracle_check_markers || return 1
    local last
    last=$(oracle_last_seq)
    for ((; restores > 0; restores--)); do
        oracle_check_seq "$(oracle_random "$last")" || return 1
    done
    oracle_check_seq "$last" || return 1
    pgstrand verify --data "$data" >/dev/null || return 1
    echo "# seed $seed: $ORACLE_DISTURBED disturbances, $(wc -l <"$ORACLE_FILES/witness") changes, $(oracle_last_seq) actions" >&3
    pgstrand uninstall --data "$data" --yes >/dev/null || return 1
    rm -rf "$data"
    database_drop "shop$seed"
}
