# The long ones of staying alive: promoted standbys, another server, a server put back, kills at every step of a healing.

load ../lib/onecluster
load ../lib/heal
load ../lib/oracle
load ../lib/crashpoints

setup_file() {
    harness_begin
}

setup() {
    untraced
    DB=shop
    DATA=$HARNESS/data$BATS_TEST_NUMBER
}

teardown() {
    if [ -d "$DATA" ] && agent_running "$DATA"; then
        agent_kill9 "$DATA"
    fi
}

# standby_new NAME PRIMARY [GUC=VALUE...]: streams from the primary, and is the current cluster afterwards.
standby_new() {
    local name=$1 primary=$2 folder setting
    shift 2
    folder=$(cluster_folder "$name")
    mkdir "$folder"
    [ "$(id -u)" -ne 0 ] || chown postgres "$folder"
    chmod 711 "$folder"
    if [ -x "$PG_BIN/pg_basebackup" ]; then
        as_postgres "$PG_BIN/pg_basebackup" -X stream -c fast -R -D "$folder/data" -d "$(on "$primary" conninfo postgres)"
    else # a server without it is copied while it is stopped; a copy has no slots
        on "$primary" cluster_stop fast
        as_postgres cp -a "$(cluster_folder "$primary")/data" "$folder/data"
        as_postgres find "$folder/data/pg_replslot" -mindepth 1 -delete
        as_postgres touch "$folder/data/standby.signal"
        on "$primary" cluster_start
    fi
    {
        echo "unix_socket_directories = '$folder'"
        for setting in "$@"; do
            echo "${setting%%=*} = '${setting#*=}'"
        done
    } | as_postgres tee -a "$folder/data/postgresql.auto.conf" >/dev/null
    export CLUSTER=$name
    cluster_start
}

standby_has_all() {
    local at
    at=$(on "$1" sql postgres 'SELECT pg_current_wal_lsn()')
    [ "$(sql postgres "SELECT pg_last_wal_replay_lsn() >= '$at'")" = t ]
}

promote() {
    as_postgres "$PG_BIN/pg_ctl" promote -s -w -D "$(cluster_folder)/data"
}

# The agent's data directory now leads to the current cluster.
lead_here() {
    sed -i "s|^conninfo.*|conninfo = $(conninfo "$DB")|" "$DATA/pgstrand.conf"
}

@test "a promoted standby: a new incarnation with what it has that was not captured, and without what it has not" {
    cluster_new first
    shop_new
    local old
    old=$(incarnation)
    standby_new second first
    wait_for 30 standby_has_all first
    # The standby misses the last that was captured, and gets changes of its own.
    sql postgres 'SELECT pg_wal_replay_pause()' >/dev/null
    on first sql "$DB" "INSERT INTO item SELECT g, 'only there', '' FROM generate_series(5000, 5009) g"
    caught_up
    agent_stop "$DATA"
    on first cluster_crash
    sql postgres 'SELECT pg_wal_replay_resume()' >/dev/null || true
    lead_here
    agent_start --no-wait "$DATA"
    wait_for 20 problem 'standby in recovery'
    promote
    change_unseen
    wait_for 60 renewed "$old"
    wait_for 30 healthy
    shop "INSERT INTO item VALUES (6000, 'after', '')"
    caught_up
    assert_as_source
    pgstrand verify --data "$DATA" >/dev/null
    agent_stop "$DATA"
    cluster_remove second
}

@test "17 and later: a standby that has the slot is promoted, and the incarnation goes on" {
    PG_BIN=$("$PGSTRAND_ROOT/deploy/get-majors.sh" --bin 17) || skip 'no PostgreSQL 17'
    export PG_BIN
    PSQL=$(pg_client psql)
    PG_DUMP=$(pg_client pg_dump)
    export PSQL PG_DUMP
    PATH=$PG_BIN:$PATH
    cluster_new third
    shop_new
    local old
    old=$(incarnation)
    [ "$(sql postgres "SELECT failover FROM pg_replication_slots")" = t ]
    sql postgres "SELECT pg_create_physical_replication_slot('standby')" >/dev/null
    standby_new fourth third sync_replication_slots=on hot_standby_feedback=on primary_slot_name=standby \
        "primary_conninfo=$(conninfo postgres)"
    synced() {
        [ "$(sql postgres 'SELECT synced AND NOT temporary FROM pg_replication_slots')" = t ]
    }
    wait_for 40 synced
    on third sql "$DB" "UPDATE item SET name = 'before the failover' WHERE id < 10"
    caught_up
    wait_for 30 standby_has_all third
    agent_stop "$DATA"
    on third cluster_crash
    promote
    lead_here
    shop "UPDATE item SET name = 'after the failover' WHERE id < 5"
    agent_start "$DATA"
    [ "$(incarnation)" = "$old" ]
    healthy
    assert_as_source
    pgstrand log --data "$DATA" --json | jq -s -e 'all(.kind != "MESSAGE")'
    agent_stop "$DATA"
    agent_start "$DATA"
    [ "$(incarnation)" = "$old" ]
    agent_stop "$DATA"
    cluster_remove fourth
    cluster_remove third
}

# Rows of the catalogue go that the slot, which holds nothing back on the primary, would need.
rows_go() {
    shop 'CREATE TABLE passing (id int); DROP TABLE passing' && shop 'VACUUM pg_class' && shop 'VACUUM pg_attribute'
}

# demoted MAJOR WORDS [LOSE]: the captured server becomes a standby of another, and loses the slot there: LOSE is repeated until then.
demoted() {
    PG_BIN=$("$PGSTRAND_ROOT/deploy/get-majors.sh" --bin "$1") || skip "no PostgreSQL $1"
    export PG_BIN
    PSQL=$(pg_client psql)
    PG_DUMP=$(pg_client pg_dump)
    export PSQL PG_DUMP
    PATH=$PG_BIN:$PATH
    local old folder first=captured$1 second=other$1 lose=${3:-}
    cluster_new "$first" autovacuum=off
    shop_new
    old=$(incarnation)
    folder=$(cluster_folder "$first")
    standby_new "$second" "$first" "primary_conninfo=$(conninfo postgres)"
    wait_for 30 standby_has_all "$first"
    on "$first" cluster_stop fast # which waits until the standby has its last record
    promote
    as_postgres touch "$folder/data/standby.signal"
    echo "primary_conninfo = '$(conninfo postgres)'" | as_postgres tee -a "$folder/data/postgresql.auto.conf" >/dev/null
    on "$first" cluster_start
    wait_for 30 problem 'standby in recovery'
    refute problem 'is lost'
    lost() {
        "${lose:-rows_go}" && [ "$(on "$first" sql postgres 'SELECT conflicting FROM pg_replication_slots')" = t ]
    }
    wait_for 60 lost
    agent_stop "$DATA"
    problem 'standby in recovery'
    problem "$2"
    CLUSTER=$first
    promote
    shop "INSERT INTO item VALUES (6000, 'behind', '')"
    agent_start --no-wait "$DATA"
    wait_for 60 renewed "$old"
    wait_for 30 healthy
    assert_as_source
    agent_stop "$DATA"
    cluster_remove "$second"
    cluster_remove "$first"
}

@test "16: the server becomes a standby and its slot is lost to a conflict there: said, waited for, healed after the promotion" {
    demoted 16 'is lost, it was in conflict with the recovery of a standby'
}

@test "17: the server becomes a standby and its slot is lost to a conflict there: the reason is named" {
    demoted 17 'is lost, rows of the catalogue that it needed were removed'
}

# Once: the standby has to come there, too.
wal_level_goes() {
    [ "$(sql postgres 'SHOW wal_level')" = logical ] || return 0
    sql postgres "ALTER SYSTEM SET wal_level = 'replica'" && cluster_stop fast && cluster_start
}

@test "17: the primary's wal_level is lowered: the standby's slot is lost, and the reason is named" {
    demoted 17 'is lost, wal_level was lowered below logical' wal_level_goes
}

@test "18: the primary's wal_level is lowered: the standby's slot is lost, and the reason is named" {
    demoted 18 'is lost, wal_level was lowered below logical' wal_level_goes
}

@test "wal_level lowered: no server starts that way while it has the slot; without it the agent says what it waits for" {
    cluster_new seventh
    shop_new
    local old folder
    old=$(incarnation)
    folder=$(cluster_folder)/data
    sql postgres "ALTER SYSTEM SET wal_level = 'replica'"
    cluster_stop fast
    refute cluster_start
    grep -Eq 'logical replication slot .* exists, but "?wal_level"? < "?logical"?' "$(cluster_folder)/log"
    wait_for 20 problem 'cannot connect'
    as_postgres sed -i "s/^wal_level = .*/wal_level = 'logical'/" "$folder/postgresql.auto.conf"
    cluster_start
    wait_for 40 healthy
    [ "$(incarnation)" = "$old" ]
    # Who wants it nevertheless takes the slot out of its folder.
    sql postgres "ALTER SYSTEM SET wal_level = 'replica'"
    local slot
    slot=$(slot_name)
    cluster_stop fast
    as_postgres rm -r "$folder/pg_replslot/$slot"
    cluster_start
    change_unseen
    wait_for 40 problem 'wal_level is replica'
    [ "$(incarnation)" = "$old" ]
    agent_running "$DATA"
    sql postgres "ALTER SYSTEM SET wal_level = 'logical'"
    cluster_stop fast
    cluster_start
    wait_for 60 renewed "$old"
    wait_for 30 healthy
    assert_as_source
    agent_stop "$DATA"
    cluster_remove seventh
}

@test "another server with the database restored by other means, and the old one put back" {
    cluster_new fifth
    shop_new
    local old
    old=$(incarnation)
    agent_stop "$DATA"
    fifth=$(cluster_folder)
    cluster_stop fast
    as_postgres cp -a "$fifth/data" "$fifth/kept"
    cluster_start
    "$PG_DUMP" -Fc -d "$(conninfo "$DB")" -f "$HARNESS/shop.dump"
    cluster_new sixth
    # Other OIDs than there, some of them the same for other tables.
    sql postgres 'CREATE TABLE x (); CREATE TABLE y (); DROP TABLE x, y'
    database_new "$DB"
    # 16 has the clients of a later major, which set what it does not know.
    "$(pg_client pg_restore)" -f - "$HARNESS/shop.dump" | sed -E '/^SET transaction_timeout|^\\(un)?restrict /d' >"$HARNESS/shop.sql"
    sql_file "$DB" "$HARNESS/shop.sql" >/dev/null
    change_unseen
    lead_here
    agent_start "$DATA"
    wait_for 60 renewed "$old"
    wait_for 60 healthy
    shop "INSERT INTO item VALUES (6000, 'after', '')"
    caught_up
    assert_as_source
    agent_stop "$DATA"
    # Back to the first server, as it was before: the difference leads there.
    old=$(incarnation)
    CLUSTER=fifth
    cluster_stop fast
    as_postgres rm -rf "$fifth/data"
    as_postgres mv "$fifth/kept" "$fifth/data"
    cluster_start
    lead_here
    agent_start "$DATA"
    wait_for 60 renewed "$old"
    wait_for 60 healthy
    assert_as_source
    # And the same server put back once more, which only its WAL's end tells.
    old=$(incarnation)
    agent_stop "$DATA"
    cluster_stop fast
    as_postgres cp -a "$fifth/data" "$fifth/kept"
    cluster_start
    agent_start "$DATA"
    shop "INSERT INTO item VALUES (7000, 'forgotten', '')"
    caught_up
    agent_stop "$DATA"
    cluster_stop fast
    as_postgres rm -rf "$fifth/data"
    as_postgres mv "$fifth/kept" "$fifth/data"
    cluster_start
    agent_start "$DATA"
    wait_for 60 renewed "$old"
    wait_for 60 healthy
    assert_as_source
    pgstrand verify --data "$DATA" >/dev/null
    agent_stop "$DATA"
}

# A healing, killed: the next run ends it, with the difference alone; or, where $changes counts changes of the schema that nobody
# captured, with a FULL for each.
killed_healing() {
    local old code
    old=$(incarnation)
    wait_for 10 slot_drop || return 1
    shop "INSERT INTO item SELECT max(id) + 1, 'round $1', '' FROM item; DELETE FROM visit WHERE ctid = (SELECT max(ctid) FROM visit)"
    if [ -n "${changes:-}" ]; then
        changes=$((changes + 1))
        shop "ALTER TABLE item ADD c$changes int DEFAULT $changes"
    fi
    PGSTRAND_IO_FAULT=$1 agent_start --no-wait "$DATA" || return 1
    all_fulls() {
        [ "$(full_count)" -ge $((1 + ${changes:-0})) ]
    }
    ended() {
        ! agent_running "$DATA" || { renewed "$old" && all_fulls && healthy; }
    }
    wait_for 60 ended || return 1
    kill -TERM "$(agent_pid "$DATA")" 2>/dev/null || true
    code=$(agent_exit_code "$DATA") || return 1
    agent_log "$DATA" >"$HARNESS/crash.log"
    crash_ended "$code" "$1" 'the agent' "$HARNESS/crash.log" || return 1
    agent_start "$DATA" && caught_up && wait_for 60 all_fulls && wait_for 30 healthy || return 1
    healings=$((${healings:-0} + 1))
    if [ $((healings % 5)) -eq 0 ]; then
        database_new "back_$DB"
        assert_restores_here || return 1
        database_drop "back_$DB"
    fi
    crash_verify "$DATA" || return 1
    [ "$(crash_fulls)" -eq $((1 + ${changes:-0})) ] || complain "$(crash_fulls) FULLs were made" || return 1
    agent_stop "$DATA"
}

assert_restores_here() {
    pgstrand restore --data "$DATA" --quiet --target "$(conninfo "back_$DB")" >/dev/null &&
        assert_same_tables "$(conninfo "$DB")" "$(conninfo "back_$DB")"
}

# healing_sweep kill|killafter|fail [PATTERN]
healing_sweep() {
    cluster_new "$1"
    shop_new
    agent_stop "$DATA"
    crash_places "$1" "${2:-}" killed_healing
    agent_start "$DATA"
    caught_up
    assert_as_source
    pgstrand verify --data "$DATA" >/dev/null
    agent_stop "$DATA"
    cluster_remove "$1"
}

@test "a healing killed before each place: it ends the same" {
    healing_sweep kill
}

@test "a healing killed after each place: it ends the same" {
    healing_sweep killafter
}

@test "a healing whose file operations fail, each once: it ends the same" {
    healing_sweep fail
}

@test "a healing behind a changed schema killed before each write of the catalogue: it ends the same, with one FULL" {
    changes=0
    healing_sweep kill catalog.mdb
}

@test "a healing behind a changed schema killed after each write of the catalogue: it ends the same, with one FULL" {
    changes=0
    healing_sweep killafter catalog.mdb
}
