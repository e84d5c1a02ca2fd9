/*
 * pairsort: (hash, number) pairs as they come, sorted and written as runs (store/hashrun.h): as many as fit
 * into its memory at a time, and runs merged into one.
 *
 * Ownership: {0} -> pairsort_fini. Memory: twice PAIRSORT_PAIRS pairs. Threads: one.
 */
#ifndef PGSTRAND_PAIRSORT_H
#define PGSTRAND_PAIRSORT_H

#include "store/hashrun.h"

#define PAIRSORT_PAIRS ((size_t)1 << 20) /* 16 MiB, and as much again to sort them */

struct pair {
    uint64_t hash;
    uint64_t number;
};

struct pairsort {
    struct pair *pair;
    size_t count;
    size_t room;
    bool disordered; /* numbers did not come in ascending order */
};
void pairsort_fini(struct pairsort *s);
OWN_VALUE(pairsort, pairsort_fini);

MUST_CHECK status pairsort_add(struct pairsort *s, uint64_t hash, uint64_t number, err *e);
static inline bool pairsort_is_full(const struct pairsort *s)
{
    return s->count >= PAIRSORT_PAIRS;
}

void pairsort_sort(struct pairsort *s);

/* Sorts, writes and publishes what it holds, and is empty afterwards. */
MUST_CHECK status pairsort_write(struct pairsort *s, const char *path, const struct hashrun_head *head,
                                 err *e);

/* Pairs of a sorted one. */
MUST_CHECK status pairsort_find(const struct pairsort *s, uint64_t hash, struct seqlist *out, err *e);

/* The pairs of all the runs as one. */
MUST_CHECK status pairsort_merge(struct hashrun *const *run, size_t count, const char *path,
                                 const struct hashrun_head *head, err *e);

#endif
