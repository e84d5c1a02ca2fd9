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

/* Both, in a database whose sequences are in use (replace): with --tables only those that the tables with
 * these OIDs ("1,2") use, and taken back with the transaction, but for sequences that the role does not own.
 */
MUST_CHECK status setsequences_exchange(struct job *job, struct pgconn *c, const char *oids, err *e);

#endif
