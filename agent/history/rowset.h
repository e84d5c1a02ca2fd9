/*
 * rowset: rows by entity, with the table each is of, and tables as a whole.
 *
 * Ownership: {0} -> rowset_fini. Threads: one.
 */
#ifndef PGSTRAND_ROWSET_H
#define PGSTRAND_ROWSET_H

#include "proto/base/own.h"
#include "proto/base/uuid.h"

struct rowset_row {
    uuid entity;
    uint32_t table; /* number in the set */
    bool asked;     /* false: only needed to know the state of one that is */
    uint64_t first; /* the caller's: the first and the last seq that touched it */
    uint64_t last;
};

struct rowset_table {
    uuid id;
    bool whole;         /* all its rows are meant */
    uint64_t rewritten; /* the caller's: the last seq at which it was rewritten and told again; 0: never */
};

struct rowset {
    struct rowset_row *row;
    size_t count;
    size_t room;
    uint32_t *slot; /* hash table of places in `row`, plus one; 0: free */
    size_t slots;
    struct rowset_table *table;
    uint32_t tables;
};
void rowset_fini(struct rowset *s);
OWN_VALUE(rowset, rowset_fini);

/* Its number; added when it is not there. */
MUST_CHECK status rowset_table(struct rowset *s, const uuid *id, uint32_t *number, err *e);
/* NULL when it is not in the set. */
const struct rowset_table *rowset_find_table(const struct rowset *s, const uuid *id);

/* The place of the row in s->row; added (not asked for) when it is not there. */
MUST_CHECK status rowset_row(struct rowset *s, uint32_t table, const uuid *entity, size_t *place, err *e);
/* NULL when it is not there. */
struct rowset_row *rowset_find(const struct rowset *s, const uuid *entity);

#endif
