/*
 * fresh: into an empty database, everything in one transaction.
 */
#ifndef PGSTRAND_FRESH_H
#define PGSTRAND_FRESH_H

#include "agent/restore/job.h"

/* What must hold before anything is read: empty, roles, event triggers. */
MUST_CHECK status fresh_check(const struct plan *p, struct pgconn *c, err *e);

MUST_CHECK status fresh_run(struct job *job, struct pgconn *c, err *e);

#endif
