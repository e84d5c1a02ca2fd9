/*
 * lockturns: waiting for the locks of tables that an application uses. Who holds the one that we wait for,
 * and then waits for one that we have, is in a deadlock, and it is he who finds it, and fails: we began to
 * wait before him. So we wait for less time than anybody waits before he looks for deadlocks
 * (deadlock_timeout), let go of all that was taken, and begin again. pg_dump knows only a limit for each
 * lock: where it meets several that are held, one after the other, it may still be too long.
 *
 * Threads: one. Time: by the clock that nobody sets.
 */
#ifndef PGSTRAND_LOCKTURNS_H
#define PGSTRAND_LOCKTURNS_H

#include "agent/pg/pgconn.h"

struct lockturns {
    int turn_ms; /* that one turn may wait for, over all its locks */
    int64_t until;
    int64_t pause_ms;
};

/* How long a wait may be so that it is over before anybody looks for deadlocks. */
MUST_CHECK status lockturns_turn(struct pgconn *c, int *turn_ms, err *e);

/* `patience_ms`: for all turns together. */
MUST_CHECK status lockturns_begin(struct pgconn *c, int64_t patience_ms, struct lockturns *out, err *e);

/* Milliseconds of a clock that nobody sets. */
int64_t lockturns_now(void);

/* After a turn in vain, with nothing held: a pause. False: the time is up. */
bool lockturns_again(struct lockturns *t);

/* In an open transaction: ACCESS SHARE on each. `tables`: quoted names, each ended by a zero byte.
 * ERR_TIMEOUT with sqlstate 55P03 when they are not to be had in that time; the transaction then holds what
 * it held before. After any other failure, a cancel's among them, it can only be rolled back. */
MUST_CHECK status lockturns_take(struct pgconn *c, struct bytes tables, int64_t patience_ms, err *e);

/* The same, so that they can be let go of before the transaction ends, from the last one on: the `i`-th and
 * those behind it, and the locks that statements took since. Behind the thousandth they go with that one. */
MUST_CHECK status lockturns_take_each(struct pgconn *c, struct bytes tables, int64_t patience_ms, err *e);
MUST_CHECK status lockturns_let_go(struct pgconn *c, size_t i, err *e);

#endif
