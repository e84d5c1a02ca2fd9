/*
 * membership: marks the rows that belong to other businesses, wave by wave (README.md).
 */
#ifndef PGSTRAND_MEMBERSHIP_H
#define PGSTRAND_MEMBERSHIP_H

#include "agent/restore/filter/fkgraph.h"
#include "agent/restore/filter/keyindex.h"
#include "agent/restore/filter/markedrows.h"

/* A table's part in it. */
struct member_table {
    struct markedrows rows; /* without a file when its rows do not come at all */
    bool here;              /* there are rows of it to look at */
    bool outside;           /* shared or excluded: its foreign keys do not count */
    unsigned wave;          /* from 1; 0: not tied to the root table */
    bool down;              /* what it leads to decides; else what leads to it */
    bool stale;             /* something that its rows depend on has changed */
    uint64_t torn;          /* rows that belong to a business that comes and to one that does not */
    uint64_t dangling;      /* rows left out because they lead to no row */
};

struct membership {
    const struct fkgraph *graph;
    struct member_table *table; /* by the plan's tables */
    size_t count;
    struct keyindex *index;
    unsigned waves;
    struct buf key;
};

/* Which wave each table is of; tables of the first have wave 1 already. Looks at no row. */
void membership_order(struct membership *m);

/* Marks all rows; those of the root table are marked already. */
MUST_CHECK status membership_mark(struct membership *m, err *e);

#endif
