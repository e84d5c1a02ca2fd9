/*
 * baserows: the rows of one table's base, as the fold wants them: pieces of whole lines.
 *
 * Threads: one per handle; several tables may be read at once. Ownership: pieces are borrowed until the next
 * one.
 */
#ifndef PGSTRAND_BASEROWS_H
#define PGSTRAND_BASEROWS_H

#include "agent/restore/fold/foldemit.h"
#include "agent/restore/plan/plan.h"

struct baserows;

MUST_CHECK status baserows_open(const struct plan *p, const struct plan_table *t, struct baserows **out,
                                err *e);
void baserows_close(struct baserows *b); /* NULL-safe */
OWN_POINTER(baserows, baserows_close);

/* The bytes of all bases, before compression, added to bytes[] by the plan's tables. */
MUST_CHECK status baserows_bytes(const struct plan *p, uint64_t *bytes, err *e);

/* Valid as long as the handle. */
struct fold_source baserows_source(struct baserows *b);

#endif
