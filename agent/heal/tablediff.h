/*
 * tablediff: one table of the database against its last known state.
 *
 * Digests first: where the state's digest is known without reading its rows, the table is read once and only
 * compared row by row when the digests differ.
 */
#ifndef PGSTRAND_TABLEDIFF_H
#define PGSTRAND_TABLEDIFF_H

#include "agent/heal/known.h"
#include "agent/heal/rowdiff.h"
#include "agent/pg/tables.h"

struct tablediff {
    struct datadir *d;
    struct pgconn *conn; /* inside the transaction whose snapshot counts */
    struct known *known;
    const struct progress *progress;
};

/* Table `i` of the plan as `table` is in the database; it must have the same columns. The table's part of the
 * fold is used up. *changes: how many were told. */
MUST_CHECK status tablediff_run(const struct tablediff *t, size_t i, const struct table_info *table,
                                const struct rowdiff_sink *sink, uint64_t *changes, err *e);

#endif
