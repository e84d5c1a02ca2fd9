/*
 * setsequences: the captured values, and none behind the columns that take numbers from it.
 */
#ifndef PGSTRAND_SETSEQUENCES_H
#define PGSTRAND_SETSEQUENCES_H

#include "agent/restore/job.h"

/* As captured with the last snapshot up to the target; those of tiers that do not come are left alone. */
MUST_CHECK status setsequences_captured(struct job *job, struct pgconn *c, err *e);

/* Moves every sequence past what the columns that use it hold. Quick once there are indexes. */
MUST_CHECK status setsequences_pass_columns(struct pgconn *c, err *e);

#endif
