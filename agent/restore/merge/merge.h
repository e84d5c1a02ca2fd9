/*
 * merge: into a database that has the schema and rows of its own: rows of the chain are added, and replace
 * those of the same key; what else the target has stays.
 *
 * The final rows go to temporary tables and are compared there with the target's (stage, verdict). Rows that
 * differ are deleted and inserted, so that unique values may change places. Merging twice is the same as
 * once: what the target remembers is not merged again, and rows that are equal are left alone. There is no
 * digest to prove: the target holds more than the chain.
 *
 * One transaction; writers of the merged tables wait for it, readers do not.
 */
#ifndef PGSTRAND_MERGE_H
#define PGSTRAND_MERGE_H

#include "agent/restore/job.h"

/* What must hold before anything is read; fits the plan's tables to the target's (targetfit.h). */
MUST_CHECK status merge_check(struct job *job, struct pgconn *c, err *e);

/* With the request's dry_run it only looks. */
MUST_CHECK status merge_run(struct job *job, struct pgconn *c, err *e);

#endif
