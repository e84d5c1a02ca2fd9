/*
 * rowhistory: everything that happened to one row: the actions about its key, and, where its key became
 * another or was another, those about that key as long as it was this row's.
 *
 * Rows are TupleData in the columns of the event's relation. What an action does not tell (large values left
 * alone, the old row) is taken from the event before, as far as that is known.
 *
 * Ownership: rowhistory_read, then rowhistory_fill -> caller -> rowhistory_fini; everything inside lives as
 * long. Memory: all its actions. Threads: one.
 */
#ifndef PGSTRAND_ROWHISTORY_H
#define PGSTRAND_ROWHISTORY_H

#include "agent/history/history.h"
#include "proto/action.h"
#include "proto/relation.h"

struct rowevent {
    uint64_t seq; /* the base's: of its snapshot */
    bool base;    /* the row as the FULL has it that the history begins with */
    struct commit commit;
    struct action action;
    const struct relation *relation;
    uuid entity;           /* after it, or the one that went */
    uuid previous;         /* when the key was another one before; else nil */
    uint64_t previous_seq; /* of the event before on the same row; 0: none */
    struct bytes old;      /* empty: there was no row, or it is not known at all */
    struct bytes new;      /* empty: there is no row */
    void *memory;
};

struct rowhistory {
    struct rowevent *event; /* by seq */
    size_t count;
    struct relation **relation;
    size_t relations;
    struct buf **tuple; /* rows that were put together */
    size_t tuples;
};
void rowhistory_fini(struct rowhistory *r);
OWN_VALUE(rowhistory, rowhistory_fini);

/* The events, each with what it tells by itself. */
MUST_CHECK status rowhistory_read(struct history *h, const uuid *entity, struct rowhistory *out, err *e);

/* What each does not tell, from the one before; `p` knows the columns that tables had. */
MUST_CHECK status rowhistory_fill(struct history *h, const struct plan *p, struct rowhistory *r, err *e);

/* The last event up to `seq` (its commit within it) after which the entity had a row, or had lost it; NULL:
 * none is known. */
const struct rowevent *rowhistory_at(const struct rowhistory *r, const uuid *entity, uint64_t seq);

/* Does the tuple tell every column? */
bool rowhistory_is_whole(struct bytes tuple);

#endif
