/*
 * baselock: the tables' locks of one connection of a base, so that no application fails or waits long because
 * of them. A COPY's lock lasts as long as its transaction. Who waits for a table that was copied before,
 * while he holds the one that is to be copied next, would be in a deadlock with us, and it is he who fails
 * (pg/lockturns.h). So nothing is waited for for longer than a turn while other locks are held, and what is
 * kept is let go of.
 *
 * Threads: each connection belongs to one.
 */
#ifndef PGSTRAND_BASELOCK_H
#define PGSTRAND_BASELOCK_H

#include "agent/base/basetask.h"
#include "agent/pg/pgconn.h"

/* A connection inside a transaction under the request's snapshot. Its statements wait for a turn at most. */
MUST_CHECK status baselock_connect(const struct base_request *request, struct pgconn **out, err *e);

/* The task's COPY begins. After a failure that baselock_is_held tells, baselock_undo leaves the transaction
 * with the locks that it had before. */
MUST_CHECK status baselock_copy(struct pgconn *conn, const struct basetask *task, err *e);
bool baselock_is_held(const err *e);
MUST_CHECK status baselock_undo(struct pgconn *conn, err *e);

/* Lets go of all locks: a transaction under the same snapshot begins. */
MUST_CHECK status baselock_release(const struct base_request *request, struct pgconn *conn, err *e);

/* With no lock in hand, for some seconds: the task's table. False: not had, baselock_release has to follow.
 * True: its COPY may wait for long for what it meets later, else a large table would be read from its first
 * row again. (Who reindexes a table and then alters it in one transaction may be told of a deadlock.) With
 * this table in hand nothing else may: after it, baselock_limit. */
MUST_CHECK status baselock_wait(struct pgconn *conn, const struct basetask *task, bool *had, err *e);
MUST_CHECK status baselock_limit(struct pgconn *conn, err *e);

/*
 * The locks that were taken before the snapshot (base_request.locks) are given up when somebody waits for one
 * of them: our own connections wait behind him, and for them we do, which no server sees. True: they are
 * gone.
 */
bool baselock_give_way(struct pgconn *locks);

#endif
