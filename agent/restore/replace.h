/*
 * replace: into a database that has the schema already: its rows are exchanged, in one transaction.
 *
 * Emptied are the tables whose rows come; on another device also the tables of the device tier; and the
 * transient ones. TRUNCATE is used when no foreign key leads from outside into what is emptied, else DELETE.
 * Where session_replication_role may be set nobody's triggers fire, and foreign keys are then checked by
 * queries. Where not, foreign keys are dropped and added again, and user triggers are disabled meanwhile.
 */
#ifndef PGSTRAND_REPLACE_H
#define PGSTRAND_REPLACE_H

#include "agent/restore/job.h"

/* What must hold before anything is read: the tables fit, and become what the target has of them
 * (targetfit.h); no trigger that would fire. */
MUST_CHECK status replace_check(struct job *job, struct pgconn *c, err *e);

MUST_CHECK status replace_run(struct job *job, struct pgconn *c, err *e);

#endif
