/*
 * uncaptured: what PostgreSQL does not decode and a database has all the same: unlogged tables, each of which
 * is told once, large objects and temporary tables, which are told once at all; by init or, when they came
 * later, by the agent. The SetupRecord holds what was told.
 */
#ifndef PGSTRAND_UNCAPTURED_H
#define PGSTRAND_UNCAPTURED_H

#include "agent/setup/setup.h"
#include "agent/setup/setuprecord.h"

/* Two columns: are there large objects, are there temporary tables. */
extern const char uncaptured_others[];
/* The unlogged tables: OID and name. */
extern const char uncaptured_tables[];

/* Into the record, which the caller saves: what preflight found. */
MUST_CHECK status uncaptured_note(const struct preflight *p, Pgstrand__SetupRecord *record, err *e);

/* Looks, says what is new, and writes it down. */
MUST_CHECK status uncaptured_tell(struct pgconn *c, struct datadir *d, const struct progress *progress,
                                  err *e);

#endif
