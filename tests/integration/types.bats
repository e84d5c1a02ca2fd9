# Every type and every kind of table: captured through rounds of changes, sealed, restored at each of several seqs, and compared
# row by row with what the source held there. The SQL is in tests/data/capture.

load ../lib/onecluster
SQL=$PGSTRAND_ROOT/tests/data/capture

# keep_state [SEQ]: under the seq that the log stands at, unless it is told.
keep_state() {
    local seq=${1:-}
    [ -n "$seq" ] || seq=$(pgstrand wait --data "$DATA" --timeout 60)
    dump_tables "$(conninfo shop)" "$HARNESS/at/$seq"
    rm -f "$HARNESS/at/$seq/public.unlogged"
    echo "$seq" >>"$HARNESS/seqs"
}

# gen's column has rows beyond its sequence (OVERRIDING): a restored sequence is never behind its column.
sequences_of() {
    sql "$1" "SELECT schemaname, sequencename, last_value FROM pg_sequences WHERE schemaname <> 'pgstrand' AND sequencename <> 'gen_id_seq' ORDER BY 1, 2"
}

# The agent has seen the change, and what it does about it is done.
schema_followed() {
    pgstrand wait --data "$DATA" --timeout 60 >/dev/null
    wait_for 60 schema_kept "$DATA"
    wait_for 60 healthy
}

healthy() {
    pgstrand status --data "$DATA" --json | jq -e '.healthy'
}

setup_file() {
    harness_begin
    export DATA=$HARNESS/data
    # A locale in which money looks otherwise: Debian has none.
    mkdir "$HARNESS/locale"
    localedef -i de_DE -f UTF-8 "$HARNESS/locale/de_DE.utf8"
    LOCPATH=$HARNESS/locale cluster_new one logical_decoding_work_mem=64kB # the server's: with it a library of OpenSSL's leaks in newlocale
    database_new shop
    sql_file shop "$SQL/types.sql" >/dev/null
    sql_file shop "$SQL/tables.sql" >/dev/null
    sql shop "SELECT lo_create(0); CREATE TABLE origins (id int PRIMARY KEY, v text)" >/dev/null
    # Settings that change how values look: none of them may reach what is captured.
    sql shop "ALTER DATABASE shop SET datestyle = 'SQL, DMY'; ALTER DATABASE shop SET bytea_output = 'escape';
        ALTER DATABASE shop SET extra_float_digits = 0; ALTER DATABASE shop SET intervalstyle = 'sql_standard';
        ALTER DATABASE shop SET timezone = 'Asia/Kolkata'; ALTER DATABASE shop SET lc_monetary = 'de_DE.utf8';
        ALTER ROLE postgres IN DATABASE shop SET intervalstyle = 'iso_8601'; ALTER ROLE postgres SET lc_monetary = 'de_DE.utf8'"
    [ "$(sql shop "SELECT 12.5::numeric::money, interval '1 day 2 hours'")" = '12,50 €|P1DT2H' ]
    pgstrand init --yes --no-progress --data "$DATA" --source "$(conninfo shop)" >"$HARNESS/init.words" 2>&1
    keep_state 0 # the base
    sequences_of shop >"$HARNESS/sequences.1"
    agent_start "$DATA"
    local round
    for round in 1 2 3; do
        sql_file shop "$SQL/types_change.sql"
        sql_file shop "$SQL/tables_change.sql" -v round="$round"
        keep_state
        [ "$round" -eq 3 ] || pgstrand seal --data "$DATA" >/dev/null
        sequences_of shop >"$HARNESS/sequences.$((round + 1))"
    done
    sql shop "SELECT pg_replication_origin_create('elsewhere')" >/dev/null
    sql shop "SELECT pg_replication_origin_session_setup('elsewhere');
        BEGIN; SELECT pg_replication_origin_xact_setup('0/ABCDEF', now()); INSERT INTO origins VALUES (1, 'from elsewhere'); COMMIT;
        BEGIN; SELECT pg_replication_origin_xact_setup('0/ABCDF0', now());
        INSERT INTO origins SELECT g, repeat('streamed', 10) FROM generate_series(2, 3000) g; COMMIT" >/dev/null
    sql shop "BEGIN; SELECT pgstrand.set_context('ann', 'till 3'); UPDATE origins SET v = 'by ann' WHERE id = 1; COMMIT;
        UPDATE origins SET v = 'by nobody' WHERE id = 2" >/dev/null
    keep_state
    pgstrand log --data "$DATA" --json >"$HARNESS/log.json"
}

# restored_at SEQ: into a new database, all tables compared.
restored_at() {
    database_new r
    pgstrand restore --data "$DATA" --target "$(conninfo r)" --to-seq "$1" --no-progress >/dev/null
    dump_tables "$(conninfo r)" "$HARNESS/got"
    rm -f "$HARNESS/got/public.unlogged"
    assert_same_dumps "$HARNESS/at/$1" "$HARNESS/got"
}

teardown() {
    database_drop r 2>/dev/null
}

nth_seq() {
    sed -n "$1p" "$HARNESS/seqs"
}

# Values of the log's actions on a table, as jq gives them.
logged() {
    jq -r --arg t "$1" "select(.table == \$t) | $2" "$HARNESS/log.json"
}

@test "the list of types has every type of the server that can be a column's" {
    [ "$(sql shop "SELECT coalesce(string_agg(typname, ' '), '') FROM pg_type t
        WHERE typtype IN ('b', 'r', 'm') AND typcategory <> 'A' AND typnamespace = 'pg_catalog'::regnamespace AND typname !~ '^pg_(brin|mcv|ndist|dep|node)'
        AND typname <> 'gtsvector' AND NOT EXISTS (SELECT FROM kinds WHERE type::regtype = t.oid)")" = "" ]
    [ "$(sql shop 'SELECT count(*) FROM kinds')" -ge 90 ]
}

# The N-th kept state, which a snapshot ends with: its sequences, too.
restored_at_seal() {
    restored_at "$(nth_seq "$1")"
    diff "$HARNESS/sequences.$1" <(sequences_of r)
}

@test "the base holds every type and every kind of table" {
    restored_at_seal 1
}

@test "after one round of changes: a plain TRUNCATE among them" {
    refute diff -q "$HARNESS/sequences.1" "$HARNESS/sequences.2"
    restored_at_seal 2
}

@test "after two rounds: TRUNCATE with CASCADE and RESTART IDENTITY among them" {
    refute diff -q "$HARNESS/sequences.2" "$HARNESS/sequences.3"
    restored_at_seal 3
}

@test "after three rounds, from chain and log: also the schema and the sequences are the source's" {
    restored_at "$(nth_seq 5)"
    assert_same_schema "$(conninfo shop)" "$(conninfo r)"
    pgstrand seal --data "$DATA" >/dev/null
    database_again r
    pgstrand restore --data "$DATA" --target "$(conninfo r)" --no-progress >/dev/null
    diff <(sequences_of shop) <(sequences_of r)
    [ "$(sql r 'SELECT nextval($$gen_id_seq$$) > max(id) FROM gen')" = t ]
    sql r "INSERT INTO gen (n) VALUES (1); INSERT INTO trunc_a DEFAULT VALUES"
}

@test "TRUNCATE: one action for its tables, with its flags; a cascade names every table" {
    jq -c 'select(.kind == "TRUNCATE") | [(.tables | sort), .cascade, .restart_identity]' "$HARNESS/log.json" >"$HARNESS/truncates"
    cat "$HARNESS/truncates"
    grep -F '"public.dup","public.trunc_c"' "$HARNESS/truncates"
    grep -F '"public.trunc_a","public.trunc_b","public.trunc_c"' "$HARNESS/truncates" | grep -F 'true,true'
    grep -F '"public.child","public.parent"' "$HARNESS/truncates"
}

@test "a key change tells both keys, and large values that were left alone are not sent" {
    local changed
    changed=$(jq -c 'select(.table == "public.toast_key" and .kind == "UPDATE" and .old != null)' "$HARNESS/log.json" | head -n 1)
    [ "$(jq -r '.old | keys | join(" ")' <<<"$changed")" = id ]
    [ "$(jq -r '.old.id != .new.id and (.unchanged | index("plain")) != null' <<<"$changed")" = true ]
}

@test "origins are kept, also those of a streamed transaction; who did it is kept, and absent otherwise" {
    [ "$(logged public.origins 'select(.origin == "elsewhere" and .kind == "CREATE") | .new.id' | wc -l)" -eq 3000 ]
    [ "$(logged public.origins 'select(.kind == "UPDATE") | [.new.id, .user, .session, .origin] | @csv')" = '"1","ann","till 3",
"2",,,' ]
}

# The captured text itself: a restore would understand the other forms, too.
@test "money and intervals are captured in one form, whatever database and role set" {
    local column
    for column in money interval; do
        eval "$column=v$(sql shop "SELECT n FROM kinds WHERE type = '$column'")"
    done
    # shellcheck disable=SC2154
    logged public.typed ".new.$money // empty" | sort -u >"$HARNESS/money"
    [ "$(wc -l <"$HARNESS/money")" -ge 2 ]
    [ "$(grep -cvE '^-?[$][0-9,]+[.][0-9][0-9]$' "$HARNESS/money")" -eq 0 ]
    # shellcheck disable=SC2154
    logged public.typed ".new.$interval // empty" | sort -u >"$HARNESS/intervals"
    [ "$(wc -l <"$HARNESS/intervals")" -ge 2 ]
    [ "$(grep -c '^-*P' "$HARNESS/intervals")" -eq 0 ]
}

told() {
    [ "$(agent_log "$DATA" | grep -c "$1")" -eq "${2:-1}" ]
}

@test "what is not decoded was said by init, or once by the agent, and is in no snapshot" {
    [ "$(grep -c 'is unlogged' "$HARNESS/init.words")" -eq 1 ]
    [ "$(grep -c 'large objects' "$HARNESS/init.words")" -eq 1 ]
    [ -z "$(logged public.unlogged .kind)" ]
    # Large objects inside of a streamed transaction are no part of it; a table that came later is told.
    sql shop "CREATE UNLOGGED TABLE unlogged_later (id int); BEGIN; INSERT INTO origins SELECT g, 'around' FROM generate_series(5001, 7000) g;
        SELECT lo_from_bytea(0, decode(repeat('00ff', 30000), 'hex')) FROM generate_series(1, 20);
        INSERT INTO origins SELECT g, 'around' FROM generate_series(7001, 9000) g; COMMIT" >/dev/null
    wait_for 20 told 'table public.unlogged_later is unlogged'
    pgstrand wait --data "$DATA" --timeout 60 >/dev/null
    [ "$(pgstrand log --data "$DATA" --json --table public.origins | jq -s '[.[] | select(.new.v == "around")] | length')" -eq 4000 ]
    sql shop 'CREATE INDEX ON origins (v)' # has it look again
    sleep 4
    told 'table public.unlogged_later is unlogged'
    told 'large objects now' 0
}

@test "partitions attached, detached and moved between tables are followed" {
    sql shop "CREATE TABLE part_late (LIKE part INCLUDING ALL); INSERT INTO part_late VALUES (1, '2027-07-07', 'n', 'attached');
        ALTER TABLE part DETACH PARTITION part_other; DELETE FROM part_other WHERE day >= '2027-01-01' AND day < '2028-01-01';
        ALTER TABLE part ATTACH PARTITION part_late FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');
        ALTER TABLE part ATTACH PARTITION part_other DEFAULT;
        ALTER TABLE part DETACH PARTITION part_old"
    schema_followed
    sql shop "UPDATE part SET day = '2027-08-08' WHERE id % 3 = 0; UPDATE part_late SET v = 'moved' WHERE id = 1;
        INSERT INTO part_old VALUES (9999, '2020-01-01', 'n', 'on its own'); UPDATE part SET day = '2030-01-01', id = 77777 WHERE id = 9999 OR v = 'moved'"
    keep_state
    restored_at "$(tail -n 1 "$HARNESS/seqs")"
    assert_same_schema "$(conninfo shop)" "$(conninfo r)"
}
