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

/* Are the labels of enum types still those of the snapshot? COPY writes a value with the label of now
 * (enum_out reads the newest catalogue), whatever the schema's dump calls it. Asked when all rows are copied,
 * in a transaction under the snapshot, which it ends. */
MUST_CHECK status basesame_labels(struct pgconn *conn, bool *same, err *e);

/* Does the failure of a COPY or LOCK say so? No such table, column or schema any more, or something else has
 * the name. */
bool basesame_is_gone(const err *e);

#endif
