/*
 * waiting: until everything that was committed before a moment is durable in the log.
 */
#ifndef PGSTRAND_WAITING_H
#define PGSTRAND_WAITING_H

#include "agent/datadir.h"
#include "agent/pg/pgconn.h"
#include "agent/progress.h"

struct waited {
    uint64_t seq; /* the last one in the log when the target was reached */
    lsn lsn;      /* everything that ends at or before it is durable */
};

/*
 * Until the log's position is at or past `target`; LSN_NONE: where the server inserts WAL now. `c` may be
 * NULL when there is a target: then an idle server cannot be nudged. ERR_TIMEOUT after `timeout` seconds says
 * how far it is and whether the agent runs; ERR_INTERRUPTED when progress->stopped says so.
 */
MUST_CHECK status waiting_run(struct datadir *d, struct pgconn *c, lsn target, double timeout,
                              const struct progress *progress, struct waited *out, err *e);

#endif
