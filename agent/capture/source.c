#include "agent/capture/source.h"

#include "agent/capture/timeline.h"
#include "proto/base/buf.h"

static status lose(struct source_facts *facts, enum capture_loss loss)
{
    facts->loss = loss;
    return FAILED;
}

static status check_server(struct pgconn *c, const struct identity *identity,
                           const struct server_facts *server, struct source_facts *out, err *e)
{
    if (strcmp(pgconn_database(c), identity->database) != 0)
        return err_set(e, ERR_REFUSED, "the connection leads to database %s, but %s is what is captured",
                       pgconn_database(c), identity->database);
    if (strcmp(server->system_identifier, identity->system_identifier) != 0) {
        (void)err_set(
            e, ERR_REFUSED,
            "database %s is on another server than the one that was captured (system identifier %s, "
            "not %s): its changes do not belong to this incarnation",
            pgconn_database(c), server->system_identifier, identity->system_identifier);
        return lose(out, LOSS_SERVER);
    }
    if (server->in_recovery)
        return err_set(
            e, ERR_TIMEOUT,
            "the server is a standby in recovery: waiting until it is promoted, or name the primary "
            "in [source] conninfo");
    return DONE;
}

/* A slot that the promoted standby had synchronized goes on. */
static status check_timeline(const char *conninfo, const struct identity *identity,
                             const struct log_position *position, struct source_facts *out, err *e)
{
    bool goes_on = false;
    if (out->timeline == identity->timeline)
        return DONE;
    if (out->slot.failover && out->slot.state != SLOT_LOST)
        TRY(timeline_reaches(conninfo, out->timeline, identity->timeline, position->end_lsn, &goes_on, e));
    if (goes_on)
        return DONE;
    (void)err_set(
        e, ERR_REFUSED,
        "the server is on timeline %u, the captured history on %u: it was promoted or restored, and "
        "changes may be missing",
        out->timeline, identity->timeline);
    return lose(out, LOSS_TIMELINE);
}

/* Only flushed WAL is sent, and a crash loses none of it. */
static status check_wal(struct pgconn *c, const struct log_position *position, struct source_facts *out,
                        err *e)
{
    char ours[LSN_TEXT];
    char theirs[LSN_TEXT];
    lsn inserted = LSN_NONE, flushed = LSN_NONE;
    TRY(server_wal(c, &inserted, &flushed, e));
    if (position->end_lsn <= flushed)
        return DONE;
    (void)err_set(e, ERR_REFUSED,
                  "the server's WAL ends at %s, the log at %s: the server was put back to an older state",
                  lsn_format(flushed, theirs), lsn_format(position->end_lsn, ours));
    return lose(out, LOSS_BACK_IN_TIME);
}

/* One that was dropped and made again in between has missed changes, and decoding may say nothing about it.
 */
static status check_publication(struct pgconn *c, const struct identity *identity, struct source_facts *out,
                                err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    const char *const params[] = {identity->publication};
    TRY(pgconn_query(c, "SELECT oid FROM pg_catalog.pg_publication WHERE pubname = $1", 1, params, &rows, e));
    if (pgrows_count(rows) == 1) {
        out->publication_oid = (uint32_t)pgrows_int(rows, 0, 0);
        if (identity->publication_oid == 0 || out->publication_oid == identity->publication_oid)
            return DONE;
    }
    (void)err_set(
        e, ERR_REFUSED, "publication %s is gone from database %s%s: changes since then cannot be decoded",
        identity->publication, pgconn_database(c), pgrows_count(rows) == 1 ? ", and was made again" : "");
    return lose(out, LOSS_PUBLICATION);
}

static status check_slot(const char *name, const struct log_position *position, struct source_facts *out,
                         err *e)
{
    const struct slot_facts *slot = &out->slot;
    char ours[LSN_TEXT];
    char theirs[LSN_TEXT];
    (void)lsn_format(position->end_lsn, ours);
    if (slot->state == SLOT_ABSENT) {
        (void)err_set(e, ERR_REFUSED, "replication slot %s is gone: changes since %s are lost", name, ours);
        return lose(out, LOSS_SLOT_GONE);
    }
    if (slot->state == SLOT_LOST) {
        (void)err_set(e, ERR_REFUSED, "replication slot %s was invalidated, %s: changes since %s are lost",
                      name, slot_lost_words(slot), ours);
        return lose(out, LOSS_SLOT_INVALID);
    }
    if (slot->confirmed_flush > position->end_lsn) {
        (void)err_set(
            e, ERR_REFUSED,
            "replication slot %s was confirmed up to %s, but the log ends at %s: somebody else read "
            "from the slot or the log was put back, and the changes between are lost",
            name, lsn_format(slot->confirmed_flush, theirs), ours);
        return lose(out, LOSS_SLOT_AHEAD);
    }
    if (slot->active)
        return err_set(e, ERR_TIMEOUT, "replication slot %s is in use by server process %d; waiting for it",
                       name, slot->active_pid);
    return DONE;
}

status source_check(const char *conninfo, const struct identity *identity,
                    const struct log_position *position, struct source_facts *out, err *e)
{
    OWNED(pgconn) struct pgconn *c = NULL;
    struct server_facts server;
    *out = (struct source_facts){0};
    TRY(pgconn_open(conninfo, PGCONN_QUERY, &c, e));
    TRY(server_facts_read(c, &server, e));
    out->version = server.version;
    out->proto_version = server_proto_version(server.version);
    out->wal_sender_timeout_ms = server.wal_sender_timeout_ms;
    out->timeline = server.timeline;
    TRY(check_server(c, identity, &server, out, e));
    TRY(server_slot(c, identity->slot, &out->slot, e));
    TRY(check_timeline(conninfo, identity, position, out, e));
    TRY(check_wal(c, position, out, e));
    TRY(check_publication(c, identity, out, e));
    return check_slot(identity->slot, position, out, e);
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
