/*
 * analyze: statistics of the restored tables, so that the first queries have good plans.
 *
 * From a small sample, which takes a tenth of the time and is enough to choose between an index and a scan.
 * Each column is named: the server then goes on counting the table as changed (do_analyze_rel in analyze.c
 * resets the counter only without a list), so that autovacuum replaces them by full ones within a minute or
 * so.
 */
#ifndef PGSTRAND_ANALYZE_H
#define PGSTRAND_ANALYZE_H

#include "agent/restore/job.h"

/* Of the tables that have rows, over connections of its own, after the rows were committed. A failure is a
 * warning: the rows are there. */
MUST_CHECK status analyze_tables(struct job *job, err *e);

/* What a connection needs before analyze_table. */
MUST_CHECK status analyze_settings(struct pgconn *c, err *e);
MUST_CHECK status analyze_table(struct pgconn *c, const Pgstrand__Table *t, err *e);
MUST_CHECK status analyze_warn(struct job *job, const err *why, err *e);

#endif
