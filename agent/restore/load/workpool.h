/*
 * workpool: numbered tasks over several threads, each with a database connection of its own. Tasks start in
 * their order, or as `take` says; after a failure no new one starts, and the first failure is the one that is
 * told.
 *
 * Threads: workpool_run returns when all have ended; progress is told from the caller's thread.
 */
#ifndef PGSTRAND_WORKPOOL_H
#define PGSTRAND_WORKPOOL_H

#include "agent/pg/pgconn.h"
#include "agent/progress.h"

#define WORKPOOL_MAX 64 /* more workers are not started */

struct workpool {
    int workers;
    size_t tasks;
    void *context;
    /* In a worker's thread. */
    status (*connect)(void *context, struct pgconn **out, err *e);
    status (*task)(void *context, struct pgconn *c, size_t number, err *e);
    /* One call at a time. NULL: in the order of their numbers. `take`: false while none may start before
     * another one has ended. `ended`: the task ended well. */
    bool (*take)(void *context, size_t *number);
    void (*ended)(void *context, size_t number);
    const struct progress *progress;
    const char *what; /* for progress */
    /* `workers` connections that outlive the run, NULL where there is none yet; closed by the caller. NULL:
     * each worker closes its own. */
    struct pgconn **kept;
};

MUST_CHECK status workpool_run(const struct workpool *pool, err *e);

#endif
