/*
 * baseindex: in which frames of a FULL an entity's row lies, and in which line there.
 *
 * One run (store/hashrun.h) beside those of the actions, DATA/index/lines-<snapshot>.run, made when it is
 * first asked for. Derived, as those are. A FULL that is not the own one's has none: its rows are read
 * through.
 *
 * Threads: one per handle. Memory while making: PAIRSORT_PAIRS pairs and a frame.
 */
#ifndef PGSTRAND_BASEINDEX_H
#define PGSTRAND_BASEINDEX_H

#include "agent/history/entityindex.h"

struct baseindex;

/* Makes it when it is not there (said through `progress`). */
MUST_CHECK status baseindex_open(const struct datadir *d, const struct chain_link *full,
                                 const struct progress *progress, struct baseindex **out, err *e);
void baseindex_close(struct baseindex *x); /* NULL-safe */
OWN_POINTER(baseindex, baseindex_close);

/* Adds the frames of the tier's ROWS section that may have the row; `lines`, unless NULL, gets for each the
 * number of the line there, from 0. */
MUST_CHECK status baseindex_find(struct baseindex *x, const uuid *entity, enum tier tier,
                                 struct seqlist *frames, struct seqlist *lines, err *e);

#endif
