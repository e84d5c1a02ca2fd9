/*
 * rowvalue: which table and row somebody means, and what the row was at a seq.
 *
 * Ownership: rowvalue_find -> caller -> rowvalue_fini. Threads: one.
 */
#ifndef PGSTRAND_ROWVALUE_H
#define PGSTRAND_ROWVALUE_H

#include "agent/history/rowhistory.h"

struct rowvalue {
    struct plan *plan;            /* of the state that was asked for */
    const Pgstrand__Table *table; /* as it was then */
    uuid entity;
    bool there;
    const struct relation
        *relation;  /* whose columns `row` has; of the history's, or NULL: the table's columns */
    struct buf row; /* TupleData */
};
void rowvalue_fini(struct rowvalue *v);
OWN_VALUE(rowvalue, rowvalue_fini);

/*
 * The table by its name, with or without schema, as it was at `seq`, and the row by the values of its key, in
 * the order of the columns. ERR_VALIDATION: no such table, several, or another number of values; ERR_SCHEMA:
 * its rows have no key.
 */
MUST_CHECK status rowvalue_find(struct history *h, const char *table, const char *const *key, size_t keys,
                                uint64_t seq, struct rowvalue *out, err *e);

/* The same for an entity of this relation's table. */
MUST_CHECK status rowvalue_find_entity(struct history *h, const struct relation *r, const uuid *entity,
                                       uint64_t seq, struct rowvalue *out, err *e);

/* What it was; from its history where that tells it, else by folding. */
MUST_CHECK status rowvalue_at(struct history *h, const struct rowhistory *r, uint64_t seq, struct rowvalue *v,
                              err *e);

#endif
