/*
 * dryrun: what a fresh or replace restore would change, table by table; merge looks by itself. The final rows
 * are made as for the restore, compared in a transaction of the target that is rolled back, and the target
 * stays as it is.
 */
#ifndef PGSTRAND_DRYRUN_H
#define PGSTRAND_DRYRUN_H

#include "agent/restore/job.h"

MUST_CHECK status dryrun_fresh(struct job *job, err *e);
MUST_CHECK status dryrun_replace(struct job *job, struct pgconn *c, err *e);

#endif
