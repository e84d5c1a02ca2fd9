/*
 * entityindex: the seqs of the actions about an entity, over the whole of log and chain.
 *
 * Sorted runs in DATA/index (store/hashrun.h), each for a range of seqs; what comes behind the last run is in
 * memory. A run is made from the actions alone, so it does not matter whether they are sealed when it is made
 * or when it is used, nor how frames are laid out. Runs stand in tiers, each eight times as large as the one
 * below: eight neighbours of a tier are merged into one of the next, so that an action is written once a
 * tier, and there are at most seven runs of each.
 *
 * Derived: what is damaged, or does not belong to this log and chain, is thrown away and made again. What is
 * killed while making one leaves a .part, or runs that others contain; the next one that makes any removes
 * them.
 *
 * Memory:  while making, PAIRSORT_PAIRS pairs; open, 16 bytes for each 8 KiB of runs, and the tail.
 * Threads: one per handle; one maker at a time (DATA/index.lock).
 */
#ifndef PGSTRAND_ENTITYINDEX_H
#define PGSTRAND_ENTITYINDEX_H

#include "agent/datadir.h"
#include "agent/progress.h"
#include "proto/base/seqlist.h"
#include "store/chain.h"

struct entityindex;

struct entityindex_place {
    const struct datadir *d;
    const struct chain *chain;
    const char *log; /* NULL: there is none */
};

/* Makes what is missing, when that is much (said through `progress`). Where it cannot be written the rest is
 * kept in memory, however much it is. */
MUST_CHECK status entityindex_open(const struct entityindex_place *place, const struct progress *progress,
                                   struct entityindex **out, err *e);
void entityindex_close(struct entityindex *x);
OWN_POINTER(entityindex, entityindex_close);

/* Adds the seqs of all actions filed under `entity` (entitykey.h); another's may be among them. */
MUST_CHECK status entityindex_find(struct entityindex *x, const uuid *entity, struct seqlist *out, err *e);

/* The last seq it knows. */
uint64_t entityindex_end(const struct entityindex *x);

/* Makes runs for what has none yet, when that are at least `least` actions: for the agent, so that commands
 * find little to do. *made: how many actions. */
MUST_CHECK status entityindex_make(const struct entityindex_place *place, uint64_t least,
                                   const struct progress *progress, uint64_t *made, err *e);

/* Throws all runs away. */
MUST_CHECK status entityindex_drop(const struct datadir *d, err *e);

#endif
