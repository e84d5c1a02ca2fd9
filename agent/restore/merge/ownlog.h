/*
 * ownlog: merging into the database that this data directory captures asks its log which rows are newer
 * there. What the log does not have yet would count as old, so it is waited for: ten seconds, and not at all
 * when no agent runs.
 *
 * Threads: one. Failure: ERR_TIMEOUT when the log does not get there, ERR_INTERRUPTED when progress->stopped
 * says so.
 */
#ifndef PGSTRAND_OWNLOG_H
#define PGSTRAND_OWNLOG_H

#include "agent/pg/pgconn.h"
#include "agent/restore/restore.h"

/* Before a restore begins: what is committed now. ERR_TIMEOUT is a failure if the answer decides which rows
 * are replaced, else it is said. Any other database, any other mode: nothing. */
MUST_CHECK status ownlog_complete(struct datadir *d, const struct restore_request *request,
                                  const struct progress *progress, err *e);

/* When a merge holds its locks: what was committed before. `c` is the connection that holds them; another one
 * makes an idle server flush and send. */
MUST_CHECK status ownlog_catch_up(struct datadir *d, const struct restore_request *request, struct pgconn *c,
                                  const struct progress *progress, err *e);

#endif
