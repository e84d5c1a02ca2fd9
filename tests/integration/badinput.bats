# init, where it cannot work: one line that says why and what to do, the right exit code, and nothing made half-way. What is wrong with
# commands and configuration is in cli.bats, with targets, seqs and chains in restore.bats and badchain.bats.

load ../lib/initing

@test "wal_level that is not logical: exit 10, and what to do" {
    CLUSTER_TWIN=yes cluster_new replica wal_level=replica
    database_new "$DB"
    expect_exit 10 'wal_level is replica.*ALTER SYSTEM SET wal_level' init
    nothing_made
    cluster_remove replica
}

@test "no slot free: exit 10, nothing changed" {
    CLUSTER_TWIN=yes cluster_new full max_replication_slots=1
    database_new "$DB"
    sql postgres "SELECT pg_create_physical_replication_slot('taken')" >/dev/null
    expect_exit 10 'no replication slot is free \(1 of 1' init
    nothing_made
    [ "$(slots)" = 1 ]
    cluster_remove full
}

@test "no sender free: exit 10" {
    CLUSTER_TWIN=yes cluster_new senders max_wal_senders=0 max_replication_slots=4
    database_new "$DB"
    expect_exit 10 'no WAL sender is free' init
    nothing_made
    cluster_remove senders
}

@test "a role that may not replicate, a role that may not read: exit 10 and 11" {
    shop
    sql "$DB" "DROP ROLE IF EXISTS plain; CREATE ROLE plain LOGIN; DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN REPLICATION;
        GRANT CREATE ON DATABASE $DB TO reader"
    expect_exit 10 'role plain may not replicate' pgstrand init --data "$DATA" --source "$(conninfo_tcp "$DB" plain)"
    expect_exit 11 'role reader may not read table public.item' pgstrand init --data "$DATA" --source "$(conninfo_tcp "$DB" reader)"
    sql "$DB" "CREATE SCHEMA closed CREATE TABLE large (id int PRIMARY KEY, v text);
        GRANT SELECT ON ALL TABLES IN SCHEMA public, closed TO reader; ALTER TABLE closed.large ALTER v SET STORAGE EXTERNAL;
        INSERT INTO closed.large SELECT 1, repeat('x', 5000000)"
    expect_exit 11 'role reader may not use the schema of table closed.large' pgstrand init --data "$DATA" --source "$(conninfo_tcp "$DB" reader)"
    nothing_made
}

@test "wrong password: exit 10; server away: exit 13; no such database: exit 10" {
    CLUSTER_TWIN=yes cluster_new scram
    database_new "$DB"
    sql "$DB" "SET password_encryption = 'scram-sha-256'; CREATE ROLE guarded SUPERUSER LOGIN PASSWORD 'right'"
    echo 'host all guarded 127.0.0.1/32 scram-sha-256' >"$BATS_TEST_TMPDIR/hba"
    cat "$(cluster_folder)/data/pg_hba.conf" >>"$BATS_TEST_TMPDIR/hba"
    as_postgres tee "$(cluster_folder)/data/pg_hba.conf" <"$BATS_TEST_TMPDIR/hba" >/dev/null
    sql postgres 'SELECT pg_reload_conf()' >/dev/null
    PGPASSWORD=wrong expect_exit 10 'password authentication failed' pgstrand init --data "$DATA" --source "$(conninfo_tcp "$DB" guarded)"
    expect_exit 10 'no password supplied' pgstrand init --data "$DATA" --source "$(conninfo_tcp "$DB" guarded)"
    expect_exit 10 'database "nowhere" does not exist' pgstrand init --data "$DATA" --source "$(conninfo nowhere)"
    nothing_made
    cluster_stop
    expect_exit 13 'cannot connect' init
    [ ! -e "$DATA" ]
    cluster_remove scram
}

@test "a database without tables: a warning, and it works" {
    database_new "$DB"
    run init
    [ "$status" -eq 0 ]
    [[ "$output" == *"has no tables yet"* ]]
    agent_start "$DATA"
    sql "$DB" "CREATE TABLE first (id int PRIMARY KEY); INSERT INTO first VALUES (1), (2); DELETE FROM first WHERE id = 1"
    pgstrand wait --data "$DATA" --timeout 60 >/dev/null
    agent_stop "$DATA"
    database_new copy
    pgstrand restore --data "$DATA" --target "$(conninfo copy)" --quiet
    [ "$(sql copy 'SELECT id FROM first')" = 2 ]
    database_drop copy
}

@test "findings: a keyless table, an unlogged one, a foreign key across tiers" {
    shop
    sql "$DB" "CREATE UNLOGGED TABLE scratch (a int)"
    printf '[tiers]\ndevice = item\n' >"$BATS_TEST_TMPDIR/conf"
    run init --config "$BATS_TEST_TMPDIR/conf" --dry-run
    [ "$status" -eq 0 ]
    [[ "$output" == *"public.journal has no usable key"* ]]
    [[ "$output" == *"public.scratch is unlogged"* ]]
    [[ "$output" == *"sale_item_fkey leads from business table public.sale to device table public.item"* ]]
    nothing_made
}

@test "a full disk while init copies: exit 12, and the next run goes on" {
    shop
    local file
    for file in rows snap; do
        PGSTRAND_IO_FAULT=full:1:.$file expect_exit 12 'run init again to go on.*No space left' init --quiet --retries 0
        [ -z "$(find "$DATA/snapshots" -type f)" ]
    done
    init
    [ "$(slots)" -eq 1 ]
    [ "$(find "$DATA/snapshots" -name '*.commit' | wc -l)" -eq 1 ]
    pgstrand verify --data "$DATA" >/dev/null
}

@test "a second data directory on the same database is refused: exit 15" {
    shop
    init
    expect_exit 15 'is captured by node' pgstrand init --data "$BATS_TEST_TMPDIR/other" --source "$(conninfo "$DB")" --quiet
    [ "$(slots)" -eq 1 ]
}

@test "a data directory that captures another database, or another dataset, is refused" {
    shop
    init
    database_new elsewhere
    expect_exit 15 "belongs to database $DB of .*not to database elsewhere" \
        pgstrand init --data "$DATA" --source "$(conninfo elsewhere)" --quiet
    database_drop elsewhere
    expect_exit 10 'has dataset .*, not 11111111-' \
        pgstrand init --data "$DATA" --source "$(conninfo "$DB")" --dataset 11111111-1111-4111-8111-111111111111 --quiet
    [ "$(slots)" -eq 1 ]
}
