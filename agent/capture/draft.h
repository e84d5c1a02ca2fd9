/*
 * draft: the actions of a streamed transaction before it is known whether it commits: encoded into a file as
 * they arrive (bulkfile.h), with relations by number instead of by version of the log, because a version is
 * given only to what commits.
 *
 * Threads: one. Ownership: {0} -> draft_fini.
 */
#ifndef PGSTRAND_DRAFT_H
#define PGSTRAND_DRAFT_H

#include "agent/capture/relmap.h"
#include "store/bulkfile.h"

struct draft_relation {
    struct relation *shape;
    struct table_tier rule; /* borrows from the tier rules */
    enum tier tier;
};

struct draft {
    struct bulkfile *file;
    struct draft_relation *relation; /* by number - 1 */
    uint32_t count;
    size_t cap;
};

void draft_fini(struct draft *d);
OWN_VALUE(draft, draft_fini);

/* A new number for the relation's present shape under this tier. */
MUST_CHECK status draft_number(struct draft *d, const struct rel_entry *rel, enum tier tier, uint32_t *number,
                               err *e);
/* Forgets the numbers above `count`. */
void draft_cut(struct draft *d, uint32_t count);

#endif
