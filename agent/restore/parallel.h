/*
 * parallel: into an empty database with several connections. One transaction cannot span them: a new database
 * is built beside the target and takes its name when it is complete and proven (newdb.h).
 */
#ifndef PGSTRAND_PARALLEL_H
#define PGSTRAND_PARALLEL_H

#include "agent/restore/job.h"

MUST_CHECK status parallel_check(struct pgconn *c, err *e);

/* Closes *c, the connection to the target, before the names are swapped. */
MUST_CHECK status parallel_run(struct job *job, struct pgconn **c, err *e);

#endif
