/*
 * analyze: statistics of the restored tables, so that the first queries have good plans. Over several
 * connections, after the rows are committed.
 */
#ifndef PGSTRAND_ANALYZE_H
#define PGSTRAND_ANALYZE_H

#include "agent/restore/job.h"

/* Of the tables that have rows. A failure is a warning: the rows are there, and autovacuum will do it. */
MUST_CHECK status analyze_tables(struct job *job, err *e);

#endif
