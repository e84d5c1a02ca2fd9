#include "agent/restore/load/workpool.h"

#include <pthread.h>

struct shared {
    const struct workpool *pool;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t started;
    size_t done;
    int running;
    int seats; /* taken by workers: numbers of kept connections */
    bool failed;
    err why;
};

static bool choose(struct shared *s, size_t *number)
{
    const struct workpool *pool = s->pool;
    if (pool->take != NULL)
        return pool->take(pool->context, number);
    *number = s->started;
    return true;
}

/* The number of the next task, waiting for one that may start; false when there is none left or something
 * failed. */
static bool take_task(struct shared *s, size_t *number)
{
    bool any = false;
    (void)pthread_mutex_lock(&s->lock);
    while (!any && !s->failed && s->started < s->pool->tasks) {
        any = choose(s, number);
        if (!any)
            (void)pthread_cond_wait(&s->changed, &s->lock);
    }
    s->started += any;
    (void)pthread_mutex_unlock(&s->lock);
    return any;
}

static void tell_failure(struct shared *s, const err *why)
{
    (void)pthread_mutex_lock(&s->lock);
    if (!s->failed) {
        s->failed = true;
        s->why = *why;
    }
    (void)pthread_cond_broadcast(&s->changed);
    (void)pthread_mutex_unlock(&s->lock);
}

static void tell_ended(struct shared *s, size_t number)
{
    (void)pthread_mutex_lock(&s->lock);
    s->done++;
    if (s->pool->ended != NULL)
        s->pool->ended(s->pool->context, number);
    (void)pthread_cond_broadcast(&s->changed);
    (void)pthread_mutex_unlock(&s->lock);
}

/* Where the worker's connection is, or will be. */
static struct pgconn **take_seat(struct shared *s, struct pgconn **own)
{
    if (s->pool->kept == NULL)
        return own;
    (void)pthread_mutex_lock(&s->lock);
    struct pgconn **seat = &s->pool->kept[s->seats++];
    (void)pthread_mutex_unlock(&s->lock);
    return seat;
}

static void *work(void *context)
{
    struct shared *s = context;
    const struct workpool *pool = s->pool;
    OWNED(pgconn) struct pgconn *own = NULL;
    struct pgconn **c = take_seat(s, &own);
    err e = ERR_INIT;
    size_t number;
    bool connected = *c != NULL || pool->connect(pool->context, c, &e).ok;
    if (!connected)
        tell_failure(s, &e);
    while (connected && take_task(s, &number)) {
        if (pool->task(pool->context, *c, number, &e).ok)
            tell_ended(s, number);
        else
            tell_failure(s, &e);
    }
    (void)pthread_mutex_lock(&s->lock);
    s->running--;
    (void)pthread_cond_broadcast(&s->changed);
    (void)pthread_mutex_unlock(&s->lock);
    return NULL;
}

static void wait_for_all(struct shared *s)
{
    const struct workpool *pool = s->pool;
    (void)pthread_mutex_lock(&s->lock);
    while (s->running > 0) {
        (void)pthread_cond_wait(&s->changed, &s->lock);
        size_t done = s->done;
        (void)pthread_mutex_unlock(&s->lock);
        pool->progress->step(pool->progress->context, pool->what, done, pool->tasks);
        (void)pthread_mutex_lock(&s->lock);
    }
    (void)pthread_mutex_unlock(&s->lock);
}

status workpool_run(const struct workpool *pool, err *e)
{
    struct shared s = {.pool = pool};
    pthread_t thread[WORKPOOL_MAX];
    int workers = pool->workers > WORKPOOL_MAX ? WORKPOOL_MAX : pool->workers;
    int started = 0;
    if ((size_t)workers > pool->tasks)
        workers = (int)pool->tasks;
    (void)pthread_mutex_init(&s.lock, NULL);
    (void)pthread_cond_init(&s.changed, NULL);
    for (; started < workers; started++) {
        (void)pthread_mutex_lock(&s.lock);
        s.running++;
        (void)pthread_mutex_unlock(&s.lock);
        int code = pthread_create(&thread[started], NULL, work, &s);
        if (code == 0)
            continue;
        err why = ERR_INIT;
        (void)err_errno(&why, code, "cannot start a thread").ok;
        tell_failure(&s, &why);
        (void)pthread_mutex_lock(&s.lock);
        s.running--;
        (void)pthread_mutex_unlock(&s.lock);
        break;
    }
    wait_for_all(&s);
    for (int i = 0; i < started; i++)
        (void)pthread_join(thread[i], NULL);
    (void)pthread_cond_destroy(&s.changed);
    (void)pthread_mutex_destroy(&s.lock);
    if (!s.failed)
        return DONE;
    *e = s.why;
    return FAILED;
}
