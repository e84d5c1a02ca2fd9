/*
 * rowproof: the server adds up hashes of the rows that it holds (proto/rowsum.h), to be compared with the sum
 * of what it was sent. That costs a third of reading every row back, and says the same (ADR-row-sums.md).
 *
 * Threads: as the connection's.
 */
#ifndef PGSTRAND_ROWPROOF_H
#define PGSTRAND_ROWPROOF_H

#include "agent/restore/load/loadform.h"
#include "proto/rowsum.h"

/* Does this server hash as we do? (Words are taken as they lie in memory.) */
MUST_CHECK status rowproof_agrees(struct pgconn *c, bool *agrees, err *e);

/* The SQL expression of a row's hash; malloc'ed. `f` has sums. */
MUST_CHECK status rowproof_expression(const struct loadform *f, const Pgstrand__Table *t, char **out, err *e);

/* Adds the rows of the table to *found, those of the pages that `where` limits it to (" WHERE ...", or "").
 */
MUST_CHECK status rowproof_sum(struct pgconn *c, const Pgstrand__Table *t, const char *expression,
                               const char *where, struct rowsum *found, err *e);

#endif
