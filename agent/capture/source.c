#include "agent/capture/source.h"

#include "proto/base/buf.h"

static status check_server(struct pgconn *c, const struct identity *identity, struct source_facts *out,
                           err *e)
{
    struct server_facts server;
    TRY(server_facts_read(c, &server, e));
    out->version = server.version;
    out->proto_version = server_proto_version(server.version);
    out->wal_sender_timeout_ms = server.wal_sender_timeout_ms;
    if (strcmp(server.system_identifier, identity->system_identifier) != 0)
        return err_set(e, ERR_REFUSED,
                       "database %s is on another server than the one that was captured (system identifier "
                       "%s, not %s): its changes do not belong to this chain; run pgstrand init with a new "
                       "data directory",
                       pgconn_database(c), server.system_identifier, identity->system_identifier);
    if (server.timeline != identity->timeline)
        return err_set(e, ERR_REFUSED,
                       "the server is on timeline %u, the captured history on %u: it was promoted or "
                       "restored, and changes may be missing; run pgstrand init with a new data directory",
                       server.timeline, identity->timeline);
    if (strcmp(pgconn_database(c), identity->database) != 0)
        return err_set(e, ERR_REFUSED, "the connection leads to database %s, but %s is what is captured",
                       pgconn_database(c), identity->database);
    return DONE;
}

static status check_publication(struct pgconn *c, const char *publication, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    const char *const params[] = {publication};
    TRY(pgconn_query(c, "SELECT 1 FROM pg_catalog.pg_publication WHERE pubname = $1", 1, params, &rows, e));
    if (pgrows_count(rows) == 1)
        return DONE;
    return err_set(e, ERR_REFUSED,
                   "publication %s is gone from database %s: changes since then cannot be decoded; run "
                   "pgstrand uninstall and pgstrand init again",
                   publication, pgconn_database(c));
}

static status check_slot(const char *name, const struct slot_facts *slot, const struct log_position *position,
                         err *e)
{
    char ours[LSN_TEXT];
    char theirs[LSN_TEXT];
    if (slot->state == SLOT_ABSENT)
        return err_set(e, ERR_REFUSED,
                       "replication slot %s is gone: changes since %s are lost; run pgstrand uninstall and "
                       "pgstrand init again",
                       name, lsn_format(position->end_lsn, ours));
    if (slot->state == SLOT_LOST)
        return err_set(e, ERR_REFUSED,
                       "replication slot %s was invalidated because it held too much WAL "
                       "(max_slot_wal_keep_size): changes since %s are lost; run pgstrand uninstall and "
                       "pgstrand init again",
                       name, lsn_format(position->end_lsn, ours));
    if (slot->confirmed_flush > position->end_lsn)
        return err_set(e, ERR_REFUSED,
                       "replication slot %s was confirmed up to %s, but the log ends at %s: somebody else "
                       "read from the slot or the log was put back, and the changes between are lost; run "
                       "pgstrand uninstall and pgstrand init again",
                       name, lsn_format(slot->confirmed_flush, theirs), lsn_format(position->end_lsn, ours));
    if (slot->active)
        return err_set(e, ERR_TIMEOUT, "replication slot %s is in use by server process %d; waiting for it",
                       name, slot->active_pid);
    return DONE;
}

status source_check(const char *conninfo, const struct identity *identity,
                    const struct log_position *position, struct source_facts *out, err *e)
{
    OWNED(pgconn) struct pgconn *c = NULL;
    *out = (struct source_facts){0};
    TRY(pgconn_open(conninfo, PGCONN_QUERY, &c, e));
    TRY(check_server(c, identity, out, e));
    TRY(check_publication(c, identity->publication, e));
    TRY(server_slot(c, identity->slot, &out->slot, e));
    return check_slot(identity->slot, &out->slot, position, e);
}

/* Streaming and messages came with 14; 'parallel' (16) is not asked for: it announces nothing we need. */
static void start_command(struct buf *out, const struct identity *identity, unsigned proto_version, lsn start)
{
    char text[LSN_TEXT];
    buf_text(out, "START_REPLICATION SLOT ");
    pgconn_quote_name(out, identity->slot);
    buf_printf(out, " LOGICAL %s (proto_version '%u', publication_names ", lsn_format(start, text),
               proto_version);
    OWNED(buf) struct buf name = {0};
    pgconn_quote_name(&name, identity->publication); /* the value is a list of identifiers */
    pgconn_quote_literal(out, buf_cstring(&name));
    if (proto_version >= 2)
        buf_text(out, ", streaming 'on', messages 'true'");
    buf_text(out, ")");
}

status source_start(const char *conninfo, const struct identity *identity, const struct source_facts *facts,
                    lsn start, struct pgconn **out, err *e)
{
    OWNED(pgconn) struct pgconn *c = NULL;
    OWNED(buf) struct buf command = {0};
    TRY(pgconn_open(conninfo, PGCONN_REPLICATION, &c, e));
    start_command(&command, identity, facts->proto_version, start);
    TRY(buf_done(&command, e));
    TRY(pgconn_stream_start(c, buf_cstring(&command), e));
    *out = c;
    c = NULL;
    return DONE;
}
