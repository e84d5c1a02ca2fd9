/*
 * dependencies: what an action stands on: the one before on the same row, and the ones that last touched the
 * rows to which its foreign keys lead.
 *
 * By the index alone: an entity whose hash another one shares (one among 100,000 of 10 million) may be given
 * that one's seq.
 *
 * Ownership: dependencies_open -> caller -> dependencies_close (NULL-safe). Threads: one.
 */
#ifndef PGSTRAND_DEPENDENCIES_H
#define PGSTRAND_DEPENDENCIES_H

#include "agent/history/history.h"
#include "proto/action.h"
#include "proto/relation.h"

struct dependencies;

/* Foreign keys as the newest schema has them. `h` must outlive it. */
MUST_CHECK status dependencies_open(struct history *h, struct dependencies **out, err *e);
void dependencies_close(struct dependencies *d);
OWN_POINTER(dependencies, dependencies_close);

/* The row's action before `seq`; 0: none, or the row is one of a table without key. */
MUST_CHECK status dependencies_previous(struct dependencies *d, const struct relation *r,
                                        const struct action *a, uint64_t seq, uint64_t *out, err *e);

struct dependency {
    char constraint[64]; /* its name, cut when it is longer */
    const Pgstrand__Table *parent;
    uuid entity;  /* the row it leads to */
    uint64_t seq; /* that touched it last; 0: none, it is the base's */
};

/* The rows that the new row's foreign keys lead to: at most `max`; *count of them. Keys that do not lead to a
 * table's own key are left out. */
MUST_CHECK status dependencies_parents(struct dependencies *d, const struct relation *r,
                                       const struct action *a, uint64_t seq, struct dependency *out,
                                       size_t max, size_t *count, err *e);

#endif
