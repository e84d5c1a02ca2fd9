#include "agent/capture/assembler.h"

#include <stdlib.h>

#include "agent/capture/streams.h"

enum place { OUTSIDE, IN_TRANSACTION, IN_DUPLICATE };

struct assembler {
    struct transaction txn;
    struct streams *streams;
    struct arena arena;
    unsigned version;
    enum place place;
    lsn last_commit; /* of the last transaction put into the log */
    pgtime last_time;
    lsn advanced; /* the position, flushed or not */
    bool waited_for;
};

status assembler_new(const struct assembler_options *options, struct assembler **out, err *e)
{
    const struct log_position *position = logwriter_position(options->log);
    OWNED(assembler) struct assembler *a = calloc(1, sizeof *a);
    if (a == NULL)
        return err_no_memory(e);
    transaction_init(&a->txn, options->log, options->book, options->rules, options->events,
                     options->ddl_rows);
    a->txn.generated = options->generated;
    a->version = options->version;
    a->last_commit = position->commit_lsn;
    a->last_time = position->commit_time;
    a->advanced = position->end_lsn;
    TRY(streams_open(options->spool_dir, &a->txn, options->spool_limit, &a->streams, e));
    *out = a;
    a = NULL;
    return DONE;
}

void assembler_free(struct assembler *a)
{
    if (a == NULL)
        return;
    streams_close(a->streams);
    transaction_fini(&a->txn);
    arena_fini(&a->arena);
    free(a);
}

static status begin(struct assembler *a, const struct pgoutput_message *msg, err *e)
{
    if (a->place != OUTSIDE)
        return err_set(e, ERR_STORAGE, "the server began transaction %u inside another", msg->xid);
    const struct commit head = {.lsn = msg->begin.final_lsn, .time = msg->begin.time, .xid = msg->xid};
    transaction_begin(&a->txn, &head);
    a->place = head.lsn > a->last_commit ? IN_TRANSACTION : IN_DUPLICATE;
    return DONE;
}

static status finish(struct assembler *a, lsn end, err *e)
{
    TRY(transaction_commit(&a->txn, end, e));
    a->last_commit = a->txn.commit.lsn;
    a->last_time = a->txn.commit.time;
    a->advanced = end;
    return DONE;
}

static status commit(struct assembler *a, const struct pgoutput_message *msg, err *e)
{
    const enum place was = a->place;
    a->place = OUTSIDE;
    if (was == OUTSIDE || msg->commit.commit_lsn != a->txn.commit.lsn)
        return err_set(e, ERR_STORAGE, "the server committed a transaction that it never began");
    return was == IN_TRANSACTION ? finish(a, msg->commit.end_lsn, e) : DONE;
}

static status change(struct assembler *a, const struct pgoutput_message *msg, err *e)
{
    if (msg->kind == PGOUTPUT_RELATION)
        return transaction_relation(&a->txn, msg, e);
    if (a->place == IN_TRANSACTION)
        return transaction_change(&a->txn, msg, e);
    if (a->place == IN_DUPLICATE || msg->kind == PGOUTPUT_TYPE)
        return DONE;
    return err_set(e, ERR_STORAGE, "the server sent a change (%c) outside of any transaction", msg->kind);
}

/*
 * Its place in the order is the last byte of its record: the server tells where the record ends, and there
 * the next one begins, which may be the commit of the very transaction that emitted the message. Its time is
 * that of the commit before it, so that capturing it again gives the same record.
 */
static status lone_message(struct assembler *a, const struct pgoutput_message *msg, err *e)
{
    if (strcmp(msg->message.prefix, "pgstrand.wait") == 0) {
        a->waited_for = true;
        return assembler_advance(a, msg->message.lsn, e);
    }
    const struct commit head = {.lsn = msg->message.lsn - 1, .time = a->last_time};
    if (head.lsn <= a->last_commit)
        return DONE;
    transaction_begin(&a->txn, &head);
    TRY(transaction_change(&a->txn, msg, e));
    return finish(a, msg->message.lsn, e);
}

static status replay_held(void *context, struct bytes raw, err *e)
{
    struct assembler *a = context;
    struct pgoutput_message msg;
    arena_reset(&a->arena);
    TRY(pgoutput_decode(raw, a->version, true, &a->arena, &msg, e));
    return change(a, &msg, e);
}

/* What came with the stream belongs to this transaction now; what it announced counts for later ones, too. */
static status take_stream(struct assembler *a, struct streamed *stream, err *e)
{
    TRY(streamed_held(stream, replay_held, a, e));
    return a->place == IN_TRANSACTION ? streamed_into(stream, &a->txn, e) : DONE;
}

static status stream_commit(struct assembler *a, const struct pgoutput_message *msg, err *e)
{
    const lsn end = msg->commit.end_lsn;
    const struct commit head = {.lsn = msg->commit.commit_lsn, .time = msg->commit.time, .xid = msg->xid};
    struct streamed *stream = streams_find(a->streams, head.xid);
    transaction_begin(&a->txn, &head);
    a->place = head.lsn > a->last_commit ? IN_TRANSACTION : IN_DUPLICATE;
    if (stream != NULL)
        TRY(take_stream(a, stream, e));
    streams_drop(a->streams, head.xid);
    const enum place was = a->place;
    a->place = OUTSIDE;
    return was == IN_TRANSACTION ? finish(a, end, e) : DONE;
}

static status dispatch(struct assembler *a, const struct pgoutput_message *msg, err *e)
{
    switch (msg->kind) {
    case PGOUTPUT_BEGIN:
        return begin(a, msg, e);
    case PGOUTPUT_COMMIT:
        return commit(a, msg, e);
    case PGOUTPUT_STREAM_START:
        return streams_start(a->streams, msg->xid, msg->stream_start.first, e);
    case PGOUTPUT_STREAM_COMMIT:
        return stream_commit(a, msg, e);
    case PGOUTPUT_STREAM_ABORT:
        streams_abort(a->streams, msg->xid, msg->stream_abort.subxid);
        return DONE;
    case PGOUTPUT_MESSAGE:
        return (msg->message.flags & 1u) != 0 ? change(a, msg, e) : lone_message(a, msg, e);
    case PGOUTPUT_BEGIN_PREPARE:
    case PGOUTPUT_PREPARE:
    case PGOUTPUT_COMMIT_PREPARED:
    case PGOUTPUT_ROLLBACK_PREPARED:
    case PGOUTPUT_STREAM_PREPARE:
        return err_set(e, ERR_REFUSED,
                       "the slot decodes two-phase transactions when they are prepared, which pgstrand did "
                       "not ask for: somebody changed the slot; make it again with pgstrand init");
    default:
        return change(a, msg, e);
    }
}

status assembler_message(struct assembler *a, struct bytes raw, err *e)
{
    struct pgoutput_message msg;
    struct streamed *stream = streams_current(a->streams);
    if (a->arena.used > 0)
        arena_reset(&a->arena);
    TRY(pgoutput_decode(raw, a->version, stream != NULL, &a->arena, &msg, e));
    if (stream == NULL)
        return dispatch(a, &msg, e);
    if (msg.kind == PGOUTPUT_STREAM_STOP)
        return streams_stop(a->streams, e);
    return streamed_message(stream, raw, &msg, e);
}

status assembler_advance(struct assembler *a, lsn end, err *e)
{
    if (a->place != OUTSIDE || end <= a->advanced)
        return DONE;
    TRY(logwriter_advance(a->txn.log, end, e));
    a->advanced = end;
    return DONE;
}

bool assembler_waited_for(struct assembler *a)
{
    const bool was = a->waited_for;
    a->waited_for = false;
    return was;
}

size_t assembler_marks(struct assembler *a, const struct schema_mark **out)
{
    const size_t count = a->txn.mark_count;
    *out = a->txn.mark;
    a->txn.mark_count = 0;
    return count;
}

struct assembler_totals assembler_totals(const struct assembler *a)
{
    return (struct assembler_totals){.bytes = a->txn.bytes, .actions = a->txn.actions};
}
