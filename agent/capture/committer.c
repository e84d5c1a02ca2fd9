#include "agent/capture/committer.h"

#include <time.h>

static int64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static status flush(struct committer *c, err *e)
{
    const struct schema_mark *marks;
    TRY(logwriter_flush(c->log, e));
    const struct log_position *at = logwriter_position(c->log);
    const struct assembler_totals totals = assembler_totals(c->assembler);
    const size_t count = assembler_marks(c->assembler, &marks);
    exchange_set_durable(c->exchange, at->end_lsn);
    c->flushed_at = now_ms();
    /* First: who sees the seq knows what there was up to it. */
    for (size_t i = 0; i < count; i++)
        c->observer->schema_changed(c->observer->context, marks[i].seq, marks[i].at, marks[i].what);
    c->observer->flushed(c->observer->context, at->last_seq, at->end_lsn, c->bytes_before + totals.bytes);
    return DONE;
}

static status flush_deferred(struct committer *c, err *e)
{
    if (c->deferred == LSN_NONE)
        return DONE;
    TRY(assembler_advance(c->assembler, c->deferred, e));
    c->deferred = LSN_NONE;
    return flush(c, e);
}

/* What a batch holds besides messages. */
struct keepalives {
    lsn end;
    bool urgent;
    bool messages;
};

static status work_through(struct committer *c, const struct batch *batch, struct keepalives *seen, err *e)
{
    struct batch_record record;
    *seen = (struct keepalives){.end = LSN_NONE};
    for (size_t at = 0; batch_next(batch, &at, &record);) {
        if (record.kind == BATCH_MESSAGE) {
            seen->messages = true;
            seen->end = LSN_NONE; /* what comes after it counts */
            TRY(assembler_message(c->assembler, record.payload, e));
        } else {
            seen->end = record.end;
            seen->urgent = seen->urgent || record.kind == BATCH_URGENT;
        }
    }
    return DONE;
}

static status take_batch(struct committer *c, const struct batch *batch, err *e)
{
    struct keepalives seen;
    TRY(work_through(c, batch, &seen, e));
    const bool waited_for = assembler_waited_for(c->assembler);
    if (seen.messages)
        c->deferred = LSN_NONE;
    if (seen.end != LSN_NONE)
        c->deferred = seen.end;
    if (seen.messages) {
        if (c->deferred != LSN_NONE)
            TRY(assembler_advance(c->assembler, c->deferred, e));
        c->deferred = LSN_NONE;
        TRY(flush(c, e));
    }
    /* The keepalive that comes behind a marker is what its sender waits for. */
    if (waited_for)
        c->flushed_at = 0;
    if (seen.urgent || now_ms() - c->flushed_at >= COMMITTER_IDLE_MS)
        TRY(flush_deferred(c, e));
    return DONE;
}

static status trim(struct committer *c, err *e)
{
    const uint64_t through = atomic_exchange(c->trim_through, 0);
    return through == 0 ? DONE : logwriter_trim(c->log, through, e);
}

static int patience(const struct committer *c)
{
    if (c->deferred == LSN_NONE)
        return -1;
    const int64_t left = c->flushed_at + COMMITTER_IDLE_MS - now_ms();
    return left > 0 ? (int)left : 0;
}

static status work(struct committer *c, err *e)
{
    for (bool closed = false; !closed;) {
        struct batch *batch = exchange_take(c->exchange, patience(c), &closed);
        if (batch != NULL) {
            TRY(take_batch(c, batch, e));
            exchange_give_back(c->exchange, batch);
        } else if (closed || patience(c) == 0) {
            TRY(flush_deferred(c, e));
        }
        TRY(trim(c, e));
    }
    return DONE;
}

static void *run(void *context)
{
    struct committer *c = context;
    err e = ERR_INIT;
    const bool worked = work(c, &e).ok;
    /* Here and not by the receiver: LMDB's write lock is the thread's that took it. */
    logwriter_close(c->log);
    c->log = NULL;
    exchange_end(c->exchange, worked ? NULL : &e);
    return NULL;
}

status committer_start(struct committer *c, err *e)
{
    const int code = pthread_create(&c->thread, NULL, run, c);
    if (code != 0)
        return err_errno(e, code, "cannot start a thread");
    (void)pthread_setname_np(c->thread, "committer");
    c->started = true;
    return DONE;
}

void committer_join(struct committer *c)
{
    if (c->started)
        (void)pthread_join(c->thread, NULL);
    c->started = false;
}
