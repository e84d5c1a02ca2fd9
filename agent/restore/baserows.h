/*
 * baserows: the rows of one table's base, as the fold wants them: pieces of whole lines.
 *
 * Threads: one per handle; several tables may be read at once. Ownership: pieces are borrowed until the next
 * one.
 */
#ifndef PGSTRAND_BASEROWS_H
#define PGSTRAND_BASEROWS_H

#include "agent/restore/foldemit.h"
#include "agent/restore/plan.h"

struct baserows;

MUST_CHECK status baserows_open(const struct plan *p, const struct plan_table *t, struct baserows **out,
                                err *e);
void baserows_close(struct baserows *b); /* NULL-safe */
OWN_POINTER(baserows, baserows_close);

/* Valid as long as the handle. */
struct fold_source baserows_source(struct baserows *b);

#endif
