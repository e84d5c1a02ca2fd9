/*
 * targetfit: the chain's tables in a target that has them already, perhaps in a newer form: which of the
 * target's columns each of the chain's columns is.
 *
 * By name; else the target's column that was renamed since: in the same database by its attribute number,
 * elsewhere by its place between columns that are known. A column of the chain that the target dropped (its
 * attribute is still there, dropped, at that place) is left out and reported; one that the target never had
 * makes the chain newer than the target: refused. Columns that only the target has get their defaults.
 *
 * The plan's tables are changed: what is restored afterwards has the target's names and none of the dropped
 * columns (plan_table: message, sealed, extra). Threads: one.
 */
#ifndef PGSTRAND_TARGETFIT_H
#define PGSTRAND_TARGETFIT_H

#include "agent/pg/tables.h"
#include "agent/restore/job.h"

/* ERR_SCHEMA when a table or a column is missing, has another type, or would stay empty though it must not.
 * Only looks at the target. */
MUST_CHECK status targetfit_tables(struct job *job, struct pgconn *c, const struct table_list *there, err *e);

#endif
