/*
 * restorereport: what a restore tells of itself: the fields of its restore_result.
 */
#ifndef PGSTRAND_RESTOREREPORT_H
#define PGSTRAND_RESTOREREPORT_H

#include "agent/restore/job.h"

/* When the actions were gathered: what was reached, which snapshots were read, which tables are left out. */
MUST_CHECK status restorereport_target(struct job *job, err *e);
MUST_CHECK status restorereport_links(struct job *job, err *e);
MUST_CHECK status restorereport_skipped(struct job *job, err *e);

/* At the end: what became of each table. */
MUST_CHECK status restorereport_tables(struct job *job, err *e);

#endif
