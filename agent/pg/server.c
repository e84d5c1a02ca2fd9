#include "agent/pg/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void copy_text(char *out, size_t size, const char *text)
{
    (void)snprintf(out, size, "%s", text != NULL ? text : "");
}

static status row_lsn(const struct pgrows *rows, int row, int column, lsn *out, err *e)
{
    const char *text = pgrows_text(rows, row, column);
    *out = LSN_NONE;
    return text == NULL ? DONE : lsn_parse(text, out, e);
}

/* The control file's timeline is that of the last checkpoint, so behind after a promotion; the name of the
 * WAL file being written is not. */
static const char facts_query[] =
    "SELECT (SELECT system_identifier FROM pg_catalog.pg_control_system()),"
    " CASE WHEN pg_catalog.pg_is_in_recovery() THEN (SELECT timeline_id::bigint FROM "
    "pg_catalog.pg_control_checkpoint())"
    " ELSE ('x' || substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 1, "
    "8))::bit(32)::bigint END,"
    " pg_catalog.current_setting('wal_level'),"
    " pg_catalog.current_setting('max_replication_slots')::int,"
    " (SELECT count(*) FROM pg_catalog.pg_replication_slots),"
    " pg_catalog.current_setting('max_wal_senders')::int,"
    " (SELECT count(*) FROM pg_catalog.pg_stat_replication),"
    " (SELECT setting FROM pg_catalog.pg_settings WHERE name = 'max_slot_wal_keep_size'),"
    " r.rolsuper, r.rolreplication OR r.rolsuper, pg_catalog.pg_is_in_recovery(),"
    " pg_catalog.has_database_privilege(d.oid, 'CREATE'), pg_catalog.pg_encoding_to_char(d.encoding),"
    " (SELECT setting FROM pg_catalog.pg_settings WHERE name = 'wal_sender_timeout'),"
    " (SELECT setting::bigint * CASE unit WHEN 'min' THEN 60 ELSE 1 END FROM pg_catalog.pg_settings"
    "  WHERE name = 'idle_replication_slot_timeout')"
    " FROM pg_catalog.pg_roles r, pg_catalog.pg_database d"
    " WHERE r.rolname = current_user AND d.datname = pg_catalog.current_database()";

status server_facts_read(struct pgconn *c, struct server_facts *out, err *e)
{
    *out = (struct server_facts){.version = pgconn_server_version(c)};
    OWNED(pgrows) struct pgrows *rows = NULL;
    if (!pgconn_query(c, facts_query, 0, NULL, &rows, e).ok)
        return err_wrap(e, "cannot ask the server about itself");
    if (pgrows_count(rows) != 1)
        return err_set(e, ERR_VALIDATION, "the server does not know its own role or database");
    copy_text(out->system_identifier, sizeof out->system_identifier, pgrows_text(rows, 0, 0));
    out->timeline = (uint32_t)pgrows_int(rows, 0, 1);
    copy_text(out->wal_level, sizeof out->wal_level, pgrows_text(rows, 0, 2));
    out->max_replication_slots = (int)pgrows_int(rows, 0, 3);
    out->used_replication_slots = (int)pgrows_int(rows, 0, 4);
    out->max_wal_senders = (int)pgrows_int(rows, 0, 5);
    out->used_wal_senders = (int)pgrows_int(rows, 0, 6);
    /* The setting came with 13; without it there is no limit. */
    out->max_slot_wal_keep_mb = pgrows_text(rows, 0, 7) == NULL ? -1 : pgrows_int(rows, 0, 7);
    out->superuser = pgrows_bool(rows, 0, 8);
    out->replication = pgrows_bool(rows, 0, 9);
    out->in_recovery = pgrows_bool(rows, 0, 10);
    out->may_create = pgrows_bool(rows, 0, 11);
    copy_text(out->encoding, sizeof out->encoding, pgrows_text(rows, 0, 12));
    out->wal_sender_timeout_ms = pgrows_int(rows, 0, 13);
    out->idle_slot_timeout_s = pgrows_int(rows, 0, 14);
    return DONE;
}

status server_wal(struct pgconn *c, lsn *inserted, lsn *flushed, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    TRY(pgconn_query(c,
                     "SELECT CASE WHEN r THEN pg_catalog.pg_last_wal_replay_lsn() ELSE"
                     " pg_catalog.pg_current_wal_insert_lsn() END, CASE WHEN r THEN"
                     " pg_catalog.pg_last_wal_replay_lsn() ELSE pg_catalog.pg_current_wal_flush_lsn() END"
                     " FROM pg_catalog.pg_is_in_recovery() r",
                     0, NULL, &rows, e));
    TRY(row_lsn(rows, 0, 0, inserted, e));
    return row_lsn(rows, 0, 1, flushed, e);
}

static enum slot_state state_of(const char *wal_status)
{
    static const struct {
        const char *word;
        enum slot_state state;
    } words[] = {{"extended", SLOT_EXTENDED}, {"unreserved", SLOT_UNRESERVED}, {"lost", SLOT_LOST}};
    for (size_t i = 0; wal_status != NULL && i < sizeof words / sizeof words[0]; i++)
        if (strcmp(wal_status, words[i].word) == 0)
            return words[i].state;
    return SLOT_OK;
}

status server_slot(struct pgconn *c, const char *slot, struct slot_facts *out, err *e)
{
    *out = (struct slot_facts){.state = SLOT_ABSENT, .safe_wal_size = -1};
    const char *const params[] = {slot};
    OWNED(pgrows) struct pgrows *rows = NULL;
    TRY(pgconn_query(c,
                     "SELECT wal_status, active, active_pid, restart_lsn, confirmed_flush_lsn, safe_wal_size,"
                     " pg_catalog.pg_wal_lsn_diff(CASE WHEN pg_catalog.pg_is_in_recovery()"
                     " THEN pg_catalog.pg_last_wal_replay_lsn() ELSE pg_catalog.pg_current_wal_lsn() END,"
                     " restart_lsn)::bigint, (pg_catalog.to_jsonb(s) ->> 'failover')::bool,"
                     " coalesce(pg_catalog.to_jsonb(s) ->> 'invalidation_reason',"
                     " CASE WHEN (pg_catalog.to_jsonb(s) ->> 'conflicting')::bool AND restart_lsn IS NOT NULL"
                     " THEN 'conflict' END)"
                     " FROM pg_catalog.pg_replication_slots s WHERE slot_name = $1",
                     1, params, &rows, e));
    if (pgrows_count(rows) == 0)
        return DONE;
    out->failover = pgrows_bool(rows, 0, 7);
    copy_text(out->reason, sizeof out->reason, pgrows_text(rows, 0, 8));
    out->state = state_of(pgrows_text(rows, 0, 0));
    out->active = pgrows_bool(rows, 0, 1);
    out->active_pid = (int)pgrows_int(rows, 0, 2);
    TRY(row_lsn(rows, 0, 3, &out->restart_lsn, e));
    TRY(row_lsn(rows, 0, 4, &out->confirmed_flush, e));
    if (pgrows_text(rows, 0, 5) != NULL)
        out->safe_wal_size = pgrows_int(rows, 0, 5);
    out->retained_bytes = pgrows_int(rows, 0, 6);
    return DONE;
}

status server_other_readers(struct pgconn *c, const char *slot, char **out, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    const char *const params[] = {slot != NULL ? slot : ""};
    TRY(pgconn_query(
        c,
        "SELECT string_agg(slot_name::text, ', ' ORDER BY slot_name) FROM"
        " pg_catalog.pg_replication_slots WHERE slot_type = 'logical' AND NOT temporary AND database ="
        " pg_catalog.current_database() AND slot_name <> $1 AND ($1 <> '' OR slot_name !~"
        " '^pgstrand_[0-9a-f]{16}$')",
        1, params, &rows, e));
    const char *names = pgrows_text(rows, 0, 0);
    *out = names == NULL ? NULL : strdup(names);
    return names == NULL || *out != NULL ? DONE : err_no_memory(e);
}

const char *slot_state_name(enum slot_state state)
{
    static const char *const names[] = {"absent", "ok", "extended", "unreserved", "lost"};
    return names[state];
}

/* The words of 17 and 18 (slot.c, SlotInvalidationCauses), and ours for 16's column `conflicting`, which is
 * true for every cause there: only WAL that was removed takes restart_lsn away. 14 and 15 know one cause
 * alone. */
const char *slot_lost_words(const struct slot_facts *s)
{
    static const struct {
        const char *reason;
        const char *words;
    } all[] = {
        {"", "the server has removed WAL it needed (max_slot_wal_keep_size)"},
        {"wal_removed", "the server has removed WAL it needed (max_slot_wal_keep_size)"},
        {"idle_timeout", "nobody read from it for longer than idle_replication_slot_timeout allows"},
        {"wal_level_insufficient", "wal_level was lowered below logical"},
        {"rows_removed", "rows of the catalogue that it needed were removed"},
        {"conflict", "it was in conflict with the recovery of a standby"},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (strcmp(all[i].reason, s->reason) == 0)
            return all[i].words;
    return s->reason;
}

unsigned server_proto_version(int server_version)
{
    if (server_version >= 160000)
        return 4;
    if (server_version >= 150000)
        return 3;
    return server_version >= 140000 ? 2 : 1;
}

bool server_slot_is_near(const struct slot_facts *s)
{
    return s->state == SLOT_UNRESERVED ||
           (s->safe_wal_size >= 0 && s->safe_wal_size < (s->safe_wal_size + s->retained_bytes) / 5);
}
