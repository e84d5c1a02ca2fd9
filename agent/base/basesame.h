/*
 * basesame: is what was copied still what the transaction's snapshot shows? A snapshot keeps rows, not
 * definitions: a table is found by its name of now, and a column by its; there may be others under them. And
 * TRUNCATE and rewrites are not MVCC-safe (PostgreSQL documentation, 13.6): when one was committed between
 * the snapshot and the COPY's lock, the table looked empty.
 *
 * Asked in the COPY's transaction, whose lock keeps things as they were for it.
 */
#ifndef PGSTRAND_BASESAME_H
#define PGSTRAND_BASESAME_H

#include "agent/pg/tables.h"

/* The index of the first table that is not goes to *changed; `count` when all are. */
MUST_CHECK status basesame_check(struct pgconn *conn, const struct table_info *const *tables, size_t count,
                                 size_t *changed, err *e);

/* Does the failure of a COPY say so? No such table, or no such column, any more. */
bool basesame_is_gone(const err *e);

#endif
