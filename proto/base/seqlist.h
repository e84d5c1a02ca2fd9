/*
 * seqlist: a growing list of numbers: seqs of actions, or numbers of frames.
 *
 * Ownership: {0} -> seqlist_fini.
 */
#ifndef PGSTRAND_SEQLIST_H
#define PGSTRAND_SEQLIST_H

#include <stdint.h>

#include "proto/base/err.h"
#include "proto/base/own.h"

struct seqlist {
    uint64_t *seq;
    size_t count;
    size_t room;
};
void seqlist_fini(struct seqlist *l);
OWN_VALUE(seqlist, seqlist_fini);

MUST_CHECK status seqlist_add(struct seqlist *l, uint64_t seq, err *e);

/* Ascending, each once. */
void seqlist_sort(struct seqlist *l);

/* In a sorted list: the place of the first number that is not below `seq`; count: there is none. */
size_t seqlist_from(const struct seqlist *l, uint64_t seq);
bool seqlist_has(const struct seqlist *l, uint64_t seq);

#endif
