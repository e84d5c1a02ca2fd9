# Staying alive: whatever ends an incarnation is named, and a new one goes on with what differs.

load ../lib/onecluster
load ../lib/heal
load ../lib/gated

setup() {
    untraced
    DB=shop$BATS_TEST_NUMBER
    DATA=$HARNESS/data$BATS_TEST_NUMBER
}

teardown() {
    local data
    for data in "$HARNESS"/data*; do
        if [ -d "$data" ] && agent_running "$data"; then
            agent_kill9 "$data"
        fi
    done
    # A slot that nobody reads would hold the WAL of the tests that follow.
    sql postgres "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active" >/dev/null || true
}

@test "a dropped slot: the chain goes on with what differs, and nothing else" {
    shop_new
    agent_stop "$DATA"
    dump_tables "$(conninfo "$DB")" "$HARNESS/before"
    local seq lsn old
    seq=$(pgstrand snapshots --data "$DATA" --json | jq '.[-1].last_seq')
    lsn=$(pgstrand status --data "$DATA" --json | jq -r .durable_lsn)
    old=$(incarnation)
    slot_drop
    change_unseen
    pgstrand status --data "$DATA" --json >"$HARNESS/status.json" || true
    jq -e '.problems | any(contains("does not exist on the server"))' "$HARNESS/status.json"
    agent_start "$DATA"
    [ "$(incarnation)" != "$old" ]
    agent_log "$DATA" | grep -q 'replication slot .* is gone: changes since .* are lost; a new incarnation is being begun'
    difference | jq -c '.[] | [.kind, .table]' >&2
    [ "$(difference | jq 'length')" -eq 12 ]
    [ "$(difference | jq '[.[] | select(.table == "public.quiet")] | length')" -eq 0 ]
    shop "INSERT INTO item VALUES (3000, 'after', ''); UPDATE visit SET at = 77 WHERE place IS NULL"
    caught_up
    healthy
    [ "$(full_count)" -eq 1 ]
    assert_as_source
    # The state before the loss is still there, and so is each LSN of both incarnations.
    for target in "--to-seq $seq" "--to-lsn $lsn"; do
        # shellcheck disable=SC2086
        assert_restores $target
        dump_tables "$(conninfo "back_$DB")" "$HARNESS/after"
        assert_same_dumps "$HARNESS/before" "$HARNESS/after"
        database_drop "back_$DB"
    done
    pgstrand seal --type differential --data "$DATA" --quiet >/dev/null
    assert_restores --to-lsn "$(pgstrand status --data "$DATA" --json | jq -r .durable_lsn)"
    assert_same_tables "$(conninfo "$DB")" "$(conninfo "back_$DB")"
    database_drop "back_$DB"
    pgstrand verify --data "$DATA" >/dev/null
    # What is sealed by now, from a vault that has both incarnations.
    agent_stop "$DATA"
    pgstrand vault add copy "file://$HARNESS/vault1" --backup-type full-device --data "$DATA" >/dev/null
    pgstrand ship copy --data "$DATA" --quiet >/dev/null
    rm -rf "$HARNESS/vault1.one"
    assert_restores --from "file://$HARNESS/vault1" --as same
    assert_same_tables "$(conninfo "$DB")" "$(conninfo "back_$DB")"
}

slot_is_lost() {
    sql postgres 'SELECT pg_switch_wal(); CHECKPOINT' >/dev/null
    [ "$(slot_state)" = lost ]
}

@test "a slot invalidated by max_slot_wal_keep_size, warned about before" {
    shop_new
    agent_stop "$DATA"
    cluster_set max_slot_wal_keep_size 64MB
    near() {
        shop "INSERT INTO visit SELECT repeat('x', 1000), 1 FROM generate_series(1, 4000)"
        pgstrand status --data "$DATA" --json | jq -e '.problems | any(contains("near its WAL limit"))'
    }
    wait_for 30 near
    local code=0
    pgstrand status --data "$DATA" >/dev/null || code=$?
    [ "$code" -eq 1 ]
    # An agent that runs and cannot capture says it by itself, in its journal and to systemd.
    # Without a timeout, since at half of it the server asks, and what the reader has read would be confirmed.
    PGOPTIONS='-c wal_sender_timeout=0' "$(pg_client pg_recvlogical)" -d "$(conninfo "$DB")" -S "$(slot_name)" --start -f - \
        -o proto_version=1 -o publication_names="$(shop 'SELECT pubname FROM pg_publication')" -s 0 >/dev/null 2>&1 3>&- &
    local reader=$!
    slot_is_read() {
        [ "$(sql postgres "SELECT active FROM pg_replication_slots WHERE slot_name = '$(slot_name)'")" = t ]
    }
    wait_for 20 slot_is_read # else the agent below may have it, and then it is not near its limit for long
    rm -f "$HARNESS/notify"
    perl -MSocket -e 'socket(S, PF_UNIX, SOCK_DGRAM, 0) && bind(S, sockaddr_un($ARGV[0])) or die; $| = 1;
        while (defined recv(S, $m, 4096, 0)) { print "$m\n" }' "$HARNESS/notify" >"$HARNESS/notified" 3>&- &
    local listener=$!
    wait_for 5 test -S "$HARNESS/notify"
    NOTIFY_SOCKET=$HARNESS/notify agent_start --no-wait "$DATA"
    said() {
        agent_log "$DATA" | grep -q 'is near its WAL limit: it holds' && grep -aq 'STATUS=.*is near its WAL limit' "$HARNESS/notified"
    }
    wait_for 30 said
    agent_kill9 "$DATA"
    kill $reader $listener
    wait $reader $listener || true
    # Under a limit that it is beyond already, the next checkpoint would take its WAL; a higher one saves it.
    local old
    old=$(incarnation)
    cluster_set max_slot_wal_keep_size 16MB
    slot_is() {
        [ "$(slot_state)" = "$1" ]
    }
    wait_for 10 slot_is unreserved
    problem 'is about to be lost at the next checkpoint: raise max_slot_wal_keep_size now'
    cluster_set max_slot_wal_keep_size 1GB
    wait_for 10 slot_is reserved
    sql postgres CHECKPOINT
    agent_start "$DATA"
    [ "$(incarnation)" = "$old" ]
    healthy
    agent_kill9 "$DATA"
    change_unseen
    cluster_set max_slot_wal_keep_size 1MB
    wait_for 30 slot_is_lost
    pgstrand status --data "$DATA" --json >"$HARNESS/status.json" || true
    jq -e '.slot == "lost" and (.problems | any(contains("has removed WAL it needed")))' "$HARNESS/status.json"
    agent_start "$DATA"
    cluster_set max_slot_wal_keep_size 1GB
    agent_log "$DATA" | grep -q 'was invalidated, the server has removed WAL it needed'
    [ "$(slot_state)" = reserved ]
    healthy
    [ "$(full_count)" -eq 1 ]
    assert_as_source
}

@test "a slot lost under a connected agent: the connection only ends, the slot's state tells why" {
    cluster_set wal_sender_timeout 0
    shop_new
    local old
    old=$(incarnation)
    # The WAL is another database's: a sender that waits for room in the socket would not come to say good-bye.
    kill -STOP "$(agent_pid "$DATA")"
    change_unseen
    cluster_set max_slot_wal_keep_size 1MB
    wait_for 30 slot_is_lost
    cluster_set max_slot_wal_keep_size 1GB
    kill -CONT "$(agent_pid "$DATA")"
    wait_for 60 renewed "$old"
    wait_for 30 healthy
    cluster_set wal_sender_timeout 60s
    agent_log "$DATA" | grep -q 'was invalidated, the server has removed WAL it needed'
    [ "$(full_count)" -eq 1 ]
    assert_as_source
}

# The newer of the two pages that say where an LMDB file's data begins no longer is: the last commit is gone.
forget_last_commit() {
    perl -e 'open F, "+<", $ARGV[0] or die; binmode F; my @txn;
        for (0, 1) { seek F, $_ * 4096 + 144, 0; read F, my $raw, 8; $txn[$_] = unpack "Q<", $raw }
        my $newer = $txn[1] > $txn[0] ? 1 : 0; seek F, $newer * 4096 + 144, 0; print F pack "Q<", $txn[$newer] - 2' "$1"
}

@test "the log's last commit lost: the slot is ahead of it, which is said, and what is missing is made up for" {
    shop_new
    local old try id
    logged() {
        pgstrand log --data "$DATA" --json | jq -e -s --arg id "$id" 'any(.[]; .new.id == $id)'
    }
    confirmed() {
        [ "$(shop "SELECT confirmed_flush_lsn >= '$(pgstrand status --data "$DATA" --json | jq -r .durable_lsn)'
                   FROM pg_replication_slots WHERE slot_name = '$(slot_name)'")" = t ]
    }
    # A position alone may be written behind the row: then it is no proof, and once more.
    for try in 1 2 3 4 5 6 7 8 9 10 11 12; do
        id=$((7000 + try))
        shop "INSERT INTO quiet VALUES ($id, 'last')"
        wait_for 10 logged
        wait_for 10 confirmed
        agent_kill9 "$DATA"
        old=$(incarnation)
        forget_last_commit "$(ls "$DATA"/log/seg-*.mdb | tail -n 1)"
        logged || break
        agent_start "$DATA"
    done
    refute logged
    agent_start "$DATA"
    wait_for 30 renewed "$old"
    agent_log "$DATA" | grep -q 'was confirmed up to .*, but the log ends at .*: somebody else read'
    [ "$(difference | jq 'length')" -eq 1 ]
    wait_for 30 healthy
    assert_as_source
    pgstrand verify --data "$DATA" >/dev/null
}

@test "the publication dropped, and a slot that somebody else moved on, under a running agent" {
    shop_new
    local publication old
    publication=$(shop 'SELECT pubname FROM pg_publication')
    old=$(incarnation)
    shop "ALTER EVENT TRIGGER pgstrand_command_end DISABLE; ALTER EVENT TRIGGER pgstrand_sql_drop DISABLE;
          DROP PUBLICATION $publication"
    change_unseen
    wait_for 30 renewed "$old"
    wait_for 30 healthy
    agent_log "$DATA" | grep -q 'publication .* is gone from database'
    [ "$(shop 'SELECT pubname FROM pg_publication')" = "$publication" ]
    [ "$(shop "SELECT count(*) > 2 AND bool_and(evtenabled = 'A') FROM pg_event_trigger WHERE evtname LIKE 'pgstrand%'")" = t ]
    assert_as_source
    # Made again before anybody looked: the base does not belong to it.
    agent_stop "$DATA"
    rm -rf "$HARNESS/fresh"
    database_new "fresh_$DB"
    sql "fresh_$DB" 'CREATE TABLE t (id int PRIMARY KEY)'
    pgstrand init --source "$(conninfo "fresh_$DB")" --data "$HARNESS/datafresh" --quiet >/dev/null
    publication=$(sql "fresh_$DB" 'SELECT pubname FROM pg_publication')
    sql "fresh_$DB" "ALTER EVENT TRIGGER pgstrand_command_end DISABLE; ALTER EVENT TRIGGER pgstrand_sql_drop DISABLE;
        DROP PUBLICATION $publication; INSERT INTO t VALUES (1); CREATE PUBLICATION $publication FOR ALL TABLES"
    agent_start "$HARNESS/datafresh"
    agent_log "$HARNESS/datafresh" | grep -q 'publication .* is gone .* and was made again'
    [ "$(DATA=$HARNESS/datafresh difference | jq length)" -eq 1 ]
    agent_stop "$HARNESS/datafresh"
    agent_start "$DATA"
    # The other way to lose changes without a word.
    agent_stop "$DATA"
    old=$(incarnation)
    shop "UPDATE item SET name = 'skipped' WHERE id BETWEEN 30 AND 40"
    sql "$DB" "SELECT pg_replication_slot_advance('$(slot_name)', pg_current_wal_lsn())" >/dev/null
    agent_start "$DATA"
    renewed "$old"
    [ "$(difference | jq 'length')" -eq 11 ]
    assert_as_source
}

@test "the schema changed while nobody watched: a FULL follows, and what came before stays" {
    shop_new
    agent_stop "$DATA"
    slot_drop
    change_unseen
    shop "ALTER TABLE quiet ADD w int DEFAULT 4; CREATE TABLE made (id int PRIMARY KEY); INSERT INTO made VALUES (1); DROP TABLE stock"
    agent_start "$DATA"
    full_made() {
        [ "$(full_count)" -eq 2 ]
    }
    wait_for 40 full_made
    wait_for 10 healthy
    shop "INSERT INTO made VALUES (2)"
    caught_up
    assert_as_source
}

@test "DDL all the time while a new incarnation begins: what is compared is one state" {
    shop_new
    agent_stop "$DATA"
    slot_drop
    change_unseen
    local old loop
    old=$(incarnation)
    (
        n=0
        while [ ! -e "$HARNESS/enough" ]; do
            n=$((n + 1))
            shop "ALTER TABLE visit ADD c$n int DEFAULT $n; ALTER TABLE item RENAME name TO name_$n; INSERT INTO visit VALUES ('ddl', $n);
                  ALTER TABLE item RENAME name_$n TO name; ALTER TABLE visit DROP c$n" || true
        done
    ) >/dev/null 2>&1 3>&- &
    loop=$!
    agent_start --no-wait "$DATA"
    wait_for 60 renewed "$old"
    agent_running "$DATA"
    touch "$HARNESS/enough"
    wait $loop
    caught_up
    wait_for 60 healthy
    assert_as_source
}

@test "a table that is compared can be altered while larger ones are not yet" {
    printf "[tiers]\nbusiness = large where g = 'in'\ntransient = large\n" >"$HARNESS/gated.conf"
    database_new "$DB"
    shop "$(gate_sql); CREATE TABLE large (g gated, t text); INSERT INTO large SELECT 'in', md5(i::text) FROM generate_series(1, 3000) i;
        CREATE TABLE small (id int PRIMARY KEY, t text); INSERT INTO small SELECT i, md5(i::text) FROM generate_series(1, 20) i"
    pgstrand init --source "$(conninfo "$DB")" --data "$DATA" --config "$HARNESS/gated.conf" --quiet >/dev/null
    agent_start "$DATA"
    caught_up
    agent_stop "$DATA"
    slot_drop
    shop "UPDATE large SET t = 'unseen' WHERE t < '3'; UPDATE small SET t = 'unseen' WHERE id = 3"
    session_open gate "$DB"
    gate_close
    local old
    old=$(incarnation)
    agent_start --no-wait "$DATA"
    wait_for 60 at_gate "$DB" 1
    # The comparison stands still, and holds what it is at.
    shop "SET lock_timeout = '20s'; ALTER TABLE small ADD more int DEFAULT 5; UPDATE small SET more = 7 WHERE id = 1"
    expect_exit 1 'lock timeout' "$PSQL" -X -q -v ON_ERROR_STOP=1 -d "$(conninfo "$DB")" -c "SET lock_timeout = '100ms'" -c 'ALTER TABLE large ADD more int'
    gate_open
    session_close gate
    wait_for 60 renewed "$old"
    caught_up
    wait_for 60 healthy
    assert_as_source
    agent_stop "$DATA"
}

@test "a copied data directory waits while its original lives, and begins a new incarnation when it does not" {
    shop_new
    local old copy=$HARNESS/copy
    old=$(incarnation)
    agent_stop "$DATA"
    cp -a "$DATA" "$copy"
    agent_start "$DATA"
    DATA=$copy agent_start --no-wait "$copy"
    waits() {
        DATA=$copy problem 'is a copy of another one'
    }
    wait_for 20 waits
    in_use() {
        DATA=$copy problem 'in use by server process'
    }
    wait_for 20 in_use # each is told at its own time
    [ "$(DATA=$copy incarnation)" = "$old" ]
    change_unseen
    caught_up
    agent_stop "$DATA"
    # What the original captured meanwhile is not known to the copy: it is part of the difference.
    DATA=$copy
    wait_for 60 renewed "$old"
    wait_for 30 healthy
    [ "$(difference | jq 'length')" -eq 12 ]
    [ "$(pgstrand snapshots --data "$DATA" --json | jq '[.[] | .number] | max')" -ge 1 ]
    assert_as_source
    old=$(incarnation)
    agent_stop "$DATA"
    agent_start "$DATA" # it is no copy any more
    [ "$(incarnation)" = "$old" ]
    agent_stop "$DATA"
}

# The agent of $DATA as another machine would start it.
agent_start_elsewhere() {
    local place=$HARNESS/elsewhere
    mkdir -p "$place"
    ln -sf "$PGSTRAND_BUILD/pgstrand" "$place/pgstrand"
    echo 0123456789abcdef0123456789abcdef >"$place/machine-id"
    cat >"$place/pgstrand-agent" <<EOF
#!/bin/sh
exec unshare --mount sh -c 'mount --bind "\$0" /etc/machine-id && exec "\$@"' "$place/machine-id" "$PGSTRAND_BUILD/pgstrand-agent" "\$@"
EOF
    chmod +x "$place/pgstrand-agent"
    PGSTRAND_BUILD=$place agent_start "$DATA"
}

@test "a data directory on a changed machine: a new incarnation, with what differs" {
    [ -s /etc/machine-id ] && unshare --mount true 2>/dev/null || skip 'needs root, and a machine with an /etc/machine-id'
    shop_new
    local old
    old=$(incarnation)
    agent_stop "$DATA"
    change_unseen
    agent_start_elsewhere
    wait_for 60 renewed "$old"
    wait_for 30 healthy
    agent_log "$DATA" | grep -q 'the data directory was brought here from another machine; a new incarnation'
    [ "$(difference | jq 'length')" -eq 12 ]
    assert_as_source
    old=$(incarnation)
    agent_stop "$DATA"
    agent_start_elsewhere # where it belongs now
    [ "$(incarnation)" = "$old" ]
    agent_stop "$DATA"
}

@test "a damaged log: every command names the segment; moved away, the chain goes on with what differs" {
    shop_new
    agent_stop "$DATA"
    shop "UPDATE quiet SET v = 'NEEDLE' || v WHERE id = 1"
    agent_start "$DATA"
    caught_up
    agent_kill9 "$DATA" # nothing of it is sealed
    local old segment at
    old=$(incarnation)
    segment=$(echo "$DATA"/log/seg-*.mdb)
    for at in $(grep -abo NEEDLE "$segment" | cut -d: -f1); do
        printf X | dd of="$segment" bs=1 seek="$at" conv=notrunc status=none
    done
    expect_exit 12 "$(basename "$segment") is damaged: the action with seq [0-9]+ is not what was written; stop the agent, move" \
        pgstrand log --data "$DATA"
    expect_exit 12 'is damaged: the action with seq' pgstrand seal --data "$DATA" --no-wait --quiet
    database_new "back_$DB"
    expect_exit 12 'is damaged: the action with seq' pgstrand restore --quiet --data "$DATA" --target "$(conninfo "back_$DB")"
    database_drop "back_$DB"
    # A start names it too: what is not sealed cannot be looked through.
    agent_start --no-wait "$DATA"
    wait_for 20 refute agent_running "$DATA"
    agent_log "$DATA" | grep -q 'is damaged: the action with seq'
    mv "$DATA/log" "$HARNESS/damaged"
    agent_start "$DATA"
    wait_for 20 renewed "$old"
    wait_for 20 healthy
    [ "$(full_count)" -eq 1 ]
    shop "INSERT INTO quiet VALUES (1000, 'after')"
    caught_up
    assert_as_source
    agent_stop "$DATA" || complain "$(agent_log "$DATA" | tail -n 12)"
    pgstrand verify --data "$DATA" >/dev/null
}

@test "a password, a privilege and the server taken away: named, waited out, the incarnation stays" {
    local old user hba
    database_new "$DB"
    user=till$BATS_TEST_NUMBER
    sql postgres "CREATE ROLE $user SUPERUSER REPLICATION LOGIN PASSWORD 'one'"
    shop 'CREATE TABLE t (id int PRIMARY KEY)'
    hba=$(cluster_folder)/data/pg_hba.conf
    as_postgres sed -i "1i host all $user 127.0.0.1/32 scram-sha-256\nhost replication $user 127.0.0.1/32 scram-sha-256" "$hba"
    sql postgres 'SELECT pg_reload_conf()' >/dev/null
    export PGPASSFILE=$HARNESS/pass
    echo "*:*:*:$user:one" >"$PGPASSFILE"
    chmod 600 "$PGPASSFILE"
    pgstrand init --source "$(conninfo_tcp "$DB" "$user")" --data "$DATA" --quiet >/dev/null
    agent_start "$DATA"
    old=$(incarnation)
    kick() {
        sql postgres "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '$user'" >/dev/null
    }
    sql postgres "ALTER ROLE $user PASSWORD 'two'"
    kick
    shop 'INSERT INTO t VALUES (1)'
    wait_for 20 problem 'password authentication failed'
    agent_running "$DATA"
    echo "*:*:*:$user:two" >"$PGPASSFILE"
    wait_for 40 healthy
    sql postgres "ALTER ROLE $user NOSUPERUSER NOREPLICATION"
    kick
    shop 'INSERT INTO t VALUES (2)'
    wait_for 20 problem 'replication'
    agent_running "$DATA"
    sql postgres "ALTER ROLE $user SUPERUSER REPLICATION"
    wait_for 40 healthy
    cluster_stop fast
    wait_for 20 problem 'cannot connect'
    # There, but it lets nobody in yet: it waits for WAL from an archive. (hot_standby = off would do it, but not with a slot, from 17 on.)
    as_postgres touch "$(cluster_folder)/data/standby.signal"
    echo "restore_command = 'sleep 60'" | as_postgres tee -a "$(cluster_folder)/data/postgresql.auto.conf" >/dev/null
    as_postgres "$PG_BIN/pg_ctl" start -s -W -D "$(cluster_folder)/data" -l "$(cluster_folder)/log" -o "-p $(cluster_port)" 3>&-
    wait_for 20 problem 'the database system is'
    agent_running "$DATA"
    cluster_stop immediate
    as_postgres rm "$(cluster_folder)/data/standby.signal"
    as_postgres sed -i '/^restore_command/d' "$(cluster_folder)/data/postgresql.auto.conf"
    cluster_start
    wait_for 40 healthy
    # An agent that is started meanwhile waits as well.
    agent_stop "$DATA"
    sql postgres "ALTER ROLE $user PASSWORD 'three'"
    agent_start --no-wait "$DATA"
    wait_for 20 problem 'password authentication failed'
    echo "*:*:*:$user:three" >"$PGPASSFILE"
    wait_for 40 healthy
    [ "$(incarnation)" = "$old" ]
    [ "$(pgstrand log --data "$DATA" --json | jq -s 'length')" -eq 2 ]
    agent_stop "$DATA"
}

# authority NAME: a root certificate. certify NAME: the server's, by that authority, in force at the next connection.
authority() {
    openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=$1" -keyout "$HARNESS/$1.key" -out "$HARNESS/$1.crt" 2>/dev/null
}

certify() {
    local folder
    folder=$(cluster_folder)/data
    openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout "$HARNESS/server.key" -out "$HARNESS/server.csr" 2>/dev/null
    openssl x509 -req -in "$HARNESS/server.csr" -CA "$HARNESS/$1.crt" -CAkey "$HARNESS/$1.key" -CAcreateserial -days 30 \
        -extfile <(echo 'subjectAltName = DNS:localhost') -out "$HARNESS/server.crt" 2>/dev/null
    as_postgres tee "$folder/server.crt" <"$HARNESS/server.crt" >/dev/null
    as_postgres install -m 600 /dev/null "$folder/server.key"
    as_postgres tee "$folder/server.key" <"$HARNESS/server.key" >/dev/null
    sql postgres 'ALTER SYSTEM SET ssl = on'
    sql postgres 'SELECT pg_reload_conf()' >/dev/null
}

@test "the server's certificate replaced: named, waited out until the root is right again, the incarnation stays" {
    local old
    authority one
    authority two
    certify one
    cp "$HARNESS/one.crt" "$HARNESS/root.crt"
    database_new "$DB"
    shop 'CREATE TABLE t (id int PRIMARY KEY)'
    pgstrand init --data "$DATA" --quiet --source \
        "host=localhost hostaddr=127.0.0.1 port=$(cluster_port) user=postgres dbname=$DB sslmode=verify-full sslrootcert=$HARNESS/root.crt" >/dev/null
    agent_start "$DATA"
    old=$(incarnation)
    [ "$(shop "SELECT count(*) > 0 FROM pg_stat_ssl s JOIN pg_stat_replication r USING (pid) WHERE ssl")" = t ]
    kick() {
        shop "SELECT pg_terminate_backend(pid) FROM pg_stat_replication" >/dev/null
    }
    certify two
    kick
    shop 'INSERT INTO t VALUES (1)'
    wait_for 20 problem 'certificate verify failed'
    agent_running "$DATA"
    # The right authority; then no encryption at all.
    cp "$HARNESS/two.crt" "$HARNESS/root.crt"
    wait_for 40 healthy
    sql postgres 'ALTER SYSTEM SET ssl = off'
    sql postgres 'SELECT pg_reload_conf()' >/dev/null
    kick
    wait_for 20 problem 'does not support ssl'
    certify two
    wait_for 40 healthy
    caught_up
    [ "$(incarnation)" = "$old" ]
    [ "$(pgstrand log --data "$DATA" --json | jq -s 'length')" -eq 1 ]
    agent_stop "$DATA"
    sql postgres 'ALTER SYSTEM RESET ssl'
    sql postgres 'SELECT pg_reload_conf()' >/dev/null
}

@test "a slow disk and a short wal_sender_timeout: one connection" {
    cluster_set wal_sender_timeout 3s
    database_new "$DB"
    shop 'CREATE TABLE t (id int PRIMARY KEY, v text)'
    pgstrand init --source "$(conninfo "$DB")" --data "$DATA" --quiet >/dev/null
    PGSTRAND_IO_FAULT=slow:4000:/log/ agent_start --no-wait "$DATA"
    for part in 1 2; do
        shop "INSERT INTO t SELECT $part * 10000 + g, repeat('x', 500) FROM generate_series(1, 3000) g"
        sleep 0.7
    done
    pgstrand wait --data "$DATA" --timeout 120 >/dev/null
    [ "$(agent_log "$DATA" | grep -c 'connected, capturing')" -eq 1 ]
    cluster_set wal_sender_timeout 60s
    [ "$(pgstrand log --data "$DATA" --json | jq -s 'length')" -eq 6000 ]
    agent_kill9 "$DATA"
}
