/*
 * reversalsql: the statements of a reversal, one row at a time; for reversal.c alone. Pure.
 */
#ifndef PGSTRAND_REVERSALSQL_H
#define PGSTRAND_REVERSALSQL_H

#include "agent/history/changes.h"
#include "proto/base/buf.h"

/* The row that the range made goes; the one it removed comes; the one it changed becomes what it was. */
MUST_CHECK status reversalsql_row(const struct rowchange *c, struct buf *out, err *e);

/* Begins a transaction that depends on no setting, fires no triggers of these tables ("'a.b'::regclass,
 * ...") and no ON DELETE or ON UPDATE of keys into them, and says so where it may not switch them off. */
MUST_CHECK status reversalsql_begin(const char *tables, struct buf *out, err *e);

/* Refuses when a foreign key of or into these tables leads to no row. */
MUST_CHECK status reversalsql_check(const char *tables, struct buf *out, err *e);

/* Wraps statements into a block whose quotes they cannot end. */
MUST_CHECK status reversalsql_block(struct bytes statements, struct buf *out, err *e);

#endif
