#include "agent/relay.h"

#include <pthread.h>

struct relay {
    struct relay_options options;
    struct buf block[RELAY_BLOCKS];
    size_t filling; /* by the caller, */
    size_t taking;  /* by the thread: numbers of blocks */
    pthread_t thread;
    bool started;
    pthread_mutex_t lock; /* over what follows */
    pthread_cond_t given, taken;
    size_t full; /* handed over and not empty again */
    bool closed; /* the thread is to end */
    bool failed;
    err why;
};

status relay_new(const struct relay_options *options, struct relay **out, err *e)
{
    struct relay *r = calloc(1, sizeof *r);
    if (r == NULL)
        return err_no_memory(e);
    r->options = *options;
    (void)pthread_mutex_init(&r->lock, NULL);
    (void)pthread_cond_init(&r->given, NULL);
    (void)pthread_cond_init(&r->taken, NULL);
    *out = r;
    return DONE;
}

void relay_free(struct relay *r)
{
    if (r == NULL)
        return;
    (void)pthread_mutex_lock(&r->lock);
    r->closed = true;
    (void)pthread_cond_signal(&r->given);
    (void)pthread_mutex_unlock(&r->lock);
    if (r->started)
        (void)pthread_join(r->thread, NULL);
    for (size_t i = 0; i < RELAY_BLOCKS; i++)
        buf_fini(&r->block[i]);
    (void)pthread_cond_destroy(&r->taken);
    (void)pthread_cond_destroy(&r->given);
    (void)pthread_mutex_destroy(&r->lock);
    free(r);
}

struct buf *relay_block(struct relay *r)
{
    return &r->block[r->filling];
}

/* ---- taking ---- */

/* One call at a time: the thread's, or the caller's while there is no thread. */
static void take(struct relay *r, struct buf *block)
{
    err why = ERR_INIT;
    const status done = r->options.take(r->options.context, buf_view(block), &why);
    buf_shed(block, 2 * r->options.bytes);
    if (done.ok)
        return;
    (void)pthread_mutex_lock(&r->lock);
    r->failed = true;
    r->why = why;
    (void)pthread_mutex_unlock(&r->lock);
}

/* Waits for a block; false: there is nothing more to do. */
static bool wait_given(struct relay *r)
{
    (void)pthread_mutex_lock(&r->lock);
    while (r->full == 0 && !r->closed)
        (void)pthread_cond_wait(&r->given, &r->lock);
    const bool any = !r->closed;
    (void)pthread_mutex_unlock(&r->lock);
    return any;
}

static bool has_failed(struct relay *r)
{
    (void)pthread_mutex_lock(&r->lock);
    const bool failed = r->failed;
    (void)pthread_mutex_unlock(&r->lock);
    return failed;
}

static void *run(void *context)
{
    struct relay *r = context;
    while (wait_given(r)) {
        struct buf *block = &r->block[r->taking];
        if (has_failed(r))
            buf_reset(block);
        else
            take(r, block);
        r->taking = (r->taking + 1) % RELAY_BLOCKS;
        (void)pthread_mutex_lock(&r->lock);
        r->full--;
        (void)pthread_cond_signal(&r->taken);
        (void)pthread_mutex_unlock(&r->lock);
    }
    return NULL;
}

/* ---- giving ---- */

/* Waits until at most so many blocks are with the thread. */
static status wait_taken(struct relay *r, size_t most, err *e)
{
    (void)pthread_mutex_lock(&r->lock);
    while (r->full > most)
        (void)pthread_cond_wait(&r->taken, &r->lock);
    const bool failed = r->failed;
    if (failed)
        *e = r->why;
    (void)pthread_mutex_unlock(&r->lock);
    return failed ? FAILED : DONE;
}

/* The block goes to the thread; there is an empty one to go on with. */
static status give(struct relay *r, err *e)
{
    (void)pthread_mutex_lock(&r->lock);
    r->full++;
    (void)pthread_cond_signal(&r->given);
    (void)pthread_mutex_unlock(&r->lock);
    r->filling = (r->filling + 1) % RELAY_BLOCKS;
    return wait_taken(r, RELAY_BLOCKS - 1, e);
}

static status take_here(struct relay *r, err *e)
{
    TRY(wait_taken(r, 0, e)); /* or it has failed before */
    take(r, relay_block(r));
    return wait_taken(r, 0, e);
}

status relay_pass(struct relay *r, err *e)
{
    const struct buf *block = relay_block(r);
    TRY(buf_done(block, e));
    if (block->len < r->options.bytes)
        return DONE;
    r->started = r->started || pthread_create(&r->thread, NULL, run, r) == 0;
    return r->started ? give(r, e) : take_here(r, e);
}

status relay_settle(struct relay *r, err *e)
{
    const struct buf *block = relay_block(r);
    TRY(buf_done(block, e));
    if (block->len > 0)
        TRY(r->started ? give(r, e) : take_here(r, e));
    return wait_taken(r, 0, e);
}
