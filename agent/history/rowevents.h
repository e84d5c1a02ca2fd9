/*
 * rowevents: the events of a row's history as they are found: read by seq, copied, chosen by key. For
 * rowhistory.c alone.
 */
#ifndef PGSTRAND_ROWEVENTS_H
#define PGSTRAND_ROWEVENTS_H

#include "agent/history/rowhistory.h"

/* Adds the actions about `entity` (TRUNCATEs of `table` too, unless that is NULL) whose seq lies in
 * [from, to], each once. */
MUST_CHECK status rowevents_add(struct history *h, struct rowhistory *r, const uuid *entity, uint64_t from,
                                uint64_t to, err *e);
MUST_CHECK status rowevents_add_truncates(struct history *h, struct rowhistory *r, const uuid *table, err *e);

/* The row as the chain's first FULL has it, before what came after that FULL; nothing when it has none. */
MUST_CHECK status rowevents_add_base(struct history *h, struct rowhistory *r, const uuid *entity, err *e);

void rowevents_sort(struct rowhistory *r);

#endif
