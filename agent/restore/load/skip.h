/*
 * skip: --on-error skip: a row that the target refuses is left out, and kept with its error in the
 * catalogue's quarantine (pgstrand log --failed). Rows go in together; when the server refuses them, halves
 * are tried, until the row is found.
 *
 * Data that does not fit its type and violated constraints are skipped; whatever else fails ends the restore.
 * Threads: one.
 */
#ifndef PGSTRAND_SKIP_H
#define PGSTRAND_SKIP_H

#include "agent/restore/job.h"

/* Rows of a table with numbers from 1 in the column pgstrand_row. */
struct skip_rows {
    size_t table;      /* of the plan */
    const char *stage; /* quoted name of the table that has them */
    uint64_t rows;
    void *context;
    /* Brings the rows `from` to `to` into the target. */
    status (*bring)(void *context, struct pgconn *c, uint64_t from, uint64_t to, err *e);
};
/* In the open transaction. The proof's expected digest loses the rows that are left out. */
MUST_CHECK status skip_bring(struct job *job, struct pgconn *c, const struct skip_rows *rows, err *e);

/* loadtable_load, with rows left out that the table does not take. */
MUST_CHECK status skip_load(struct job *job, struct pgconn *c, size_t table, err *e);

/* The same into another table with its columns (quoted name). */
MUST_CHECK status skip_load_as(struct job *job, struct pgconn *c, size_t table, const char *into, err *e);

/* COMMIT: what was left out is in the quarantine when it is done, and only then. */
MUST_CHECK status skip_commit(struct job *job, struct pgconn *c, err *e);

#endif
