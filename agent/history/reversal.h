/*
 * reversal: SQL that brings rows from what they are at one seq back to what they were before another.
 *
 * Each statement finds its row only as it was at the end of the range, in all its columns, and raises an
 * exception (SQLSTATE PS001) otherwise; so nothing is overwritten that was changed since, captured or not.
 * Rows are deleted, then updated, then inserted, the last change first; nobody's triggers fire
 * (session_replication_role), and foreign keys of and into the tables are checked at the end. A row whose key
 * changed is deleted and inserted.
 *
 * Values are literals under fixed settings, compared as their output functions print them.
 *
 * Ownership: reversal_make -> caller -> reversal_fini. Threads: one.
 */
#ifndef PGSTRAND_REVERSAL_H
#define PGSTRAND_REVERSAL_H

#include "agent/history/changes.h"
#include "proto/base/buf.h"

/* SQLSTATEs of its exceptions: */
#define REVERSAL_CHANGED "PS001"  /* a row is not what it was at the end of the range */
#define REVERSAL_TRIGGERS "PS002" /* triggers, or actions of foreign keys, that cannot be switched off */
#define REVERSAL_ORPHANS "PS003"  /* a foreign key would lead to no row */

struct reversal {
    struct changes changes;
    uint64_t first; /* the range that is undone */
    uint64_t last;
    struct buf begin;      /* settings of the transaction, after BEGIN */
    struct buf *statement; /* in order */
    size_t count;
    size_t room;
    size_t deletes, updates, inserts;
};
void reversal_fini(struct reversal *r);
OWN_VALUE(reversal, reversal_fini);

/*
 * Undoes the actions `first` .. `last`; `tables`: glob list, NULL: all. ERR_REFUSED naming the rows that were
 * changed since; ERR_SCHEMA when their tables' columns were, or rows without identity are among them.
 */
MUST_CHECK status reversal_make(struct history *h, uint64_t first, uint64_t last, const char *tables,
                                struct reversal *out, err *e);

/* The whole as text that psql runs. */
MUST_CHECK status reversal_text(const struct reversal *r, struct buf *out, err *e);

/* "public.orders id=7" */
void reversal_name(const struct rowchange *c, struct buf *out);

#endif
