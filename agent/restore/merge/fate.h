/*
 * fate: what became of the rows whose key changed on the source: each key that was left for another one is
 * followed from one change to the next, to the key that the row has in the end, unless it was deleted on the
 * way.
 *
 * Columns: k1, k2, ... (the key that was left), p1, p2, ... (the row's key at last); only rows that were not
 * deleted. The table goes with the transaction. Threads: one.
 */
#ifndef PGSTRAND_FATE_H
#define PGSTRAND_FATE_H

#include "agent/restore/merge/stage.h"

/* For a stage with a key; the source's history is loaded (touches.h). */
MUST_CHECK status fate_make(const struct stage *s, struct pgconn *c, err *e);

void fate_name(struct buf *out, const struct stage *s);

/* A condition, appended: the row that `alias` was on the source lives there under another key. */
void fate_lives(struct buf *out, const struct stage *s, const char *alias);

#endif
