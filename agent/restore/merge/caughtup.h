/*
 * caughtup: waits until the target's own log has every change that was committed before the call: a merge
 * that holds the tables' locks asks the log which rows are newer, and what the log does not have yet would
 * count as old.
 *
 * Threads: one.
 */
#ifndef PGSTRAND_CAUGHTUP_H
#define PGSTRAND_CAUGHTUP_H

#include "agent/restore/job.h"

/* `c` may be inside a transaction; a second connection makes an idle server flush and send. ERR_TIMEOUT when
 * the log is not that far after ten seconds. */
MUST_CHECK status caughtup_wait(struct job *job, struct pgconn *c, err *e);

#endif
