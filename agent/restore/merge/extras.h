/*
 * extras: columns that only the target has: a row that a merge takes away and brings again, under its key or
 * the one that it moved to, keeps their values.
 *
 * Their values wait in a temporary table. Threads: one.
 */
#ifndef PGSTRAND_EXTRAS_H
#define PGSTRAND_EXTRAS_H

#include "agent/restore/merge/stage.h"

/* Before rows are deleted, when there are verdicts. Nothing where the table has no such column, or no key. */
MUST_CHECK status extras_keep(const struct stage *s, const struct job *job, struct pgconn *c, err *e);

/* When all rows are there. */
MUST_CHECK status extras_return(const struct stage *s, const struct job *job, struct pgconn *c, err *e);

#endif
