#include "agent/capture/session.h"

#include <sys/statvfs.h>

#include "agent/capture/committer.h"
#include "agent/capture/receiver.h"
#include "agent/capture/source.h"
#include "agent/lineage.h"
#include "store/io.h"

#define STATUS_MS_MAX 10000 /* whatever the server's timeout is */
/* A full disk: how much room must be there before the next try. */
#define ROOM_ENOUGH ((uint64_t)16 << 20)
#define ROOM_LOOK_MS 1000

/* A log that was lost begins again behind the chain; what was in it shows as a slot that is ahead. */
static status open_log(struct capture *c, struct logwriter **out, err *e)
{
    struct log_options options = {
        .node = c->data->identity.node,
        .incarnation = c->data->identity.incarnation,
        .segment_bytes = c->data->config->log_segment_bytes,
        .start_lsn = c->slot_lsn,
    };
    struct lineage_end end;
    TRY(lineage_before_log(c->data, &end, e));
    options.start_seq = end.seq;
    options.start_relation = end.relation;
    return logwriter_open(c->data->log, &options, out, e);
}

static int64_t status_interval(const struct capture *c, const struct source_facts *facts)
{
    int64_t ms = STATUS_MS_MAX;
    if (facts->wal_sender_timeout_ms > 0 && facts->wal_sender_timeout_ms / 3 < ms)
        ms = facts->wal_sender_timeout_ms / 3;
    if (c->data->config->status_interval_ms > 0 && (int64_t)c->data->config->status_interval_ms < ms)
        ms = (int64_t)c->data->config->status_interval_ms;
    return ms > 0 ? ms : 1;
}

static uint64_t room(const struct capture *c)
{
    struct statvfs fs;
    return statvfs(c->data->root, &fs) == 0 ? (uint64_t)fs.f_bavail * fs.f_frsize : 0;
}

/* The disk is full: nothing is confirmed any more, but the server must not take us for dead. */
static status wait_for_room(struct capture *c, struct receiver *r, err *e)
{
    while (!atomic_load(&c->stop)) {
        TRY(receiver_idle(r, ROOM_LOOK_MS, e));
        if (room(c) >= ROOM_ENOUGH)
            break;
    }
    return DONE;
}

static void publish_exchange(struct capture *c, struct exchange *x)
{
    (void)pthread_mutex_lock(&c->lock);
    c->exchange = x;
    (void)pthread_mutex_unlock(&c->lock);
}

static status stream(struct capture *c, struct committer *committer, struct receiver *r, err *e)
{
    TRY(committer_start(committer, e));
    publish_exchange(c, committer->exchange);
    const status ran = receiver_run(r, e);
    publish_exchange(c, NULL);
    exchange_close(committer->exchange);
    committer_join(committer);
    return ran;
}

/* The log and the assembler are closed before a full disk is waited out: what they hold is lost anyway, and
 * the spools' room is given back. */
static status assemble(struct capture *c, struct exchange *x, struct receiver *r,
                       const struct source_facts *facts, err *e)
{
    OWNED(logwriter) struct logwriter *log = NULL;
    OWNED(generated) struct generated *generated = NULL;
    OWNED(assembler) struct assembler *assembler = NULL;
    const struct capture_events events = {
        .context = c->observer.context, .table_seen = c->observer.table_seen, .notice = c->observer.notice};
    TRY(open_log(c, &log, e));
    if (facts->version >= GENERATED_SINCE)
        TRY(generated_new(c->conninfo, &generated, e));
    const struct assembler_options options = {
        .log = log,
        .book = c->book,
        .rules = c->data->config->tiers,
        .events = &events,
        .spool_dir = c->data->spool,
        .spool_limit = c->data->config->spool_bytes,
        .version = facts->proto_version,
        .generated = generated,
        .ddl_rows = c->ddl_rows,
    };
    TRY(assembler_new(&options, &assembler, e));
    struct committer committer = {
        .exchange = x,
        .log = log,
        .assembler = assembler,
        .observer = &c->observer,
        .trim_through = &c->trim_through,
        .bytes_before = c->bytes,
    };
    const status ran = stream(c, &committer, r, e);
    log = committer.log;
    c->bytes += assembler_totals(assembler).bytes;
    return ran;
}

static status log_position_now(struct capture *c, struct log_position *out, err *e)
{
    OWNED(logwriter) struct logwriter *log = NULL;
    TRY(open_log(c, &log, e));
    *out = *logwriter_position(log);
    return DONE;
}

/* Written down: the publication as it was met first, and a timeline that the slot has followed. */
static status note_source(struct capture *c, const struct source_facts *facts, err *e)
{
    PB_OWNED(Pgstrand__IdentityRecord) *record = NULL;
    const struct identity *id = &c->data->identity;
    const bool promoted = facts->timeline != id->timeline;
    if (!promoted && facts->publication_oid == id->publication_oid)
        return DONE;
    TRY(catalog_get(c->data->catalog, CATALOG_IDENTITY, (struct bytes){0},
                    (ProtobufCMessage **)(void *)&record, e));
    if (record == NULL)
        return err_set(e, ERR_STORAGE, "the catalogue in %s has lost its identity", c->data->root);
    record->has_timeline = true;
    record->timeline = facts->timeline;
    record->has_publication_oid = true;
    record->publication_oid = facts->publication_oid;
    TRY(datadir_set_identity(c->data, record, e));
    if (promoted)
        c->observer.notice(c->observer.context,
                           "the server was promoted, and its slot goes on: so does the capture");
    return DONE;
}

/*
 * A server that fails over a change fails again at every try, while each new connection looks well: so it is
 * told until something new comes. Internal errors (XX) and exceeded limits (54): a message of more than 1 GB
 * is "invalid memory alloc request size", which byteaout meets at 537 MB.
 */
static status explain_stuck(struct capture *c, err *e)
{
    struct log_position position;
    err ignored = ERR_INIT;
    char at[LSN_TEXT];
    const bool over_change = strncmp(e->sqlstate, "XX", 2) == 0 || strncmp(e->sqlstate, "54", 2) == 0;
    if (!over_change || e->origin != FROM_LIBPQ || !log_position_now(c, &position, &ignored).ok)
        return FAILED;
    c->stuck = true;
    c->stuck_seq = position.last_seq;
    return err_wrap(
        e,
        "the server cannot send what was committed after %s; when a row is larger than 1 GB as text "
        "(a bytea counts twice), make it smaller, then drop slot %s and capture begins anew",
        lsn_format(position.end_lsn, at), c->data->identity.slot);
}

status session_run(struct capture *c, err *e)
{
    struct log_position position;
    struct source_facts facts;
    OWNED(pgconn) struct pgconn *conn = NULL;
    OWNED(exchange) struct exchange x = {.event = -1};
    c->connected = false;
    c->loss = LOSS_NONE;
    TRY(log_position_now(c, &position, e));
    /* What an earlier run left unsealed is to be sealed, also when nothing new comes. */
    c->observer.flushed(c->observer.context, position.last_seq, position.end_lsn, c->bytes);
    const status checked = source_check(c->conninfo, &c->data->identity, &position, &facts, e);
    c->loss = facts.loss;
    TRY(checked);
    TRY(note_source(c, &facts, e));
    TRY(source_start(c->conninfo, &c->data->identity, &facts, position.end_lsn, &conn, e));
    TRY(exchange_init(&x, position.end_lsn, e));
    struct receiver r = {
        .stream = conn,
        .exchange = &x,
        .status_ms = status_interval(c, &facts),
        .stop = &c->stop,
        .stop_event = c->stop_event,
        .received = &c->received,
        .server_end = &c->server_end,
    };
    c->connected = true;
    c->stuck = c->stuck && c->stuck_seq == position.last_seq;
    if (!c->stuck)
        c->observer.connection(c->observer.context, NULL);
    if (assemble(c, &x, &r, &facts, e).ok)
        return DONE;
    if (io_is_full(e) && !atomic_load(&c->stop)) {
        err lost = ERR_INIT; /* of the connection while waiting: the next session finds out */
        c->observer.connection(c->observer.context, e);
        const status waited = wait_for_room(c, &r, &lost);
        (void)waited;
    }
    return explain_stuck(c, e);
}
