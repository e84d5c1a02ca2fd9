/*
 * lockturns: waiting for the locks of tables that an application uses. Who holds the one that we wait for,
 * and then waits for one that we have, is in a deadlock, and it is he who finds it, and fails: we began to
 * wait before him. So we wait for less time than anybody waits before he looks for deadlocks
 * (deadlock_timeout), let go of all that was taken, and begin again.
 *
 * Threads: one. Time: by the clock that nobody sets.
 */
#ifndef PGSTRAND_LOCKTURNS_H
#define PGSTRAND_LOCKTURNS_H

#include "agent/pg/pgconn.h"

struct lockturns {
    int turn_ms; /* that one turn may wait for */
    int64_t until;
    int64_t pause_ms;
};

/* `patience_ms`: for all turns together. */
MUST_CHECK status lockturns_begin(struct pgconn *c, int64_t patience_ms, struct lockturns *out, err *e);

/* After a turn in vain, with nothing held: a pause. False: the time is up. */
bool lockturns_again(struct lockturns *t);

/* In an open transaction: `lock` is a LOCK TABLE. ERR_TIMEOUT when it is not to be had in that time; the
 * transaction then holds what it held before. After any other failure it can only be rolled back. */
MUST_CHECK status lockturns_take(struct pgconn *c, const char *lock, int64_t patience_ms, err *e);

#endif
