/*
 * reversalapply: a reversal carried out in the database that it was captured from, in one transaction that
 * carries the replication origin pgstrand_revert and says who did it; captured like any other.
 */
#ifndef PGSTRAND_REVERSALAPPLY_H
#define PGSTRAND_REVERSALAPPLY_H

#include "agent/history/reversal.h"

#define REVERSALAPPLY_ORIGIN "pgstrand_revert"

/* ERR_REFUSED, and nothing changed, when a row is not what it was at the end of the range, when triggers
 * would interfere or a foreign key would lead nowhere, or when the database is not the one that was captured.
 * *marked false: the role may not set an origin. */
MUST_CHECK status reversalapply_run(struct datadir *d, const struct reversal *r,
                                    const struct progress *progress, bool *marked, err *e);

#endif
