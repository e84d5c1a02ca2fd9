/*
 * uncaptured: what PostgreSQL does not decode and a database has all the same: unlogged tables and large
 * objects. Each is told once, by init or, when it came later, by the agent; the SetupRecord holds what was
 * told.
 */
#ifndef PGSTRAND_UNCAPTURED_H
#define PGSTRAND_UNCAPTURED_H

#include "agent/setup/setup.h"
#include "agent/setup/setuprecord.h"

/* Into the record, which the caller saves: what preflight found. */
MUST_CHECK status uncaptured_note(const struct preflight *p, Pgstrand__SetupRecord *record, err *e);

/* Looks, says what is new, and writes it down. */
MUST_CHECK status uncaptured_tell(struct pgconn *c, struct datadir *d, const struct progress *progress,
                                  err *e);

#endif
