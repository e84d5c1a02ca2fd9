/*
 * markedrows: the rows of one table in a file, numbered from 0, each with some marks.
 *
 * Ownership: markedrows_take fills, markedrows_fini releases. Threads: one at a time.
 */
#ifndef PGSTRAND_MARKEDROWS_H
#define PGSTRAND_MARKEDROWS_H

#include "agent/restore/fold/fold.h"
#include "agent/restore/fold/spillfile.h"
#include "agent/restore/plan/plan.h"

enum markedrows_mark {
    MARKEDROWS_FOREIGN, /* does not come */
    MARKEDROWS_OURS,    /* leads to a business that comes */
    MARKEDROWS_REACHED, /* a foreign row leads to it */
    MARKEDROWS_WANTED,  /* a row that comes leads to it */
    MARKEDROWS_MARKS
};

struct markedrows {
    const Pgstrand__Table *table;
    struct spillfile *file;
    uint64_t rows;
    uint8_t *marks[MARKEDROWS_MARKS];
    struct bytes *column; /* of the row at hand */
    uint64_t foreign;     /* how many */
};

/* The table's final rows out of the fold. */
MUST_CHECK status markedrows_take(struct markedrows *s, struct plan *p, struct fold *f, struct plan_table *t,
                                  const char *dir, err *e);
void markedrows_fini(struct markedrows *s);

/* Each row in its order; `column` are its columns, still escaped. */
typedef status markedrows_visit(void *context, struct markedrows *s, uint64_t row, struct bytes line, err *e);
MUST_CHECK status markedrows_each(struct markedrows *s, markedrows_visit *visit, void *context, err *e);

static inline bool markedrows_has(const struct markedrows *s, enum markedrows_mark mark, uint64_t row)
{
    return (s->marks[mark][row / 8] >> row % 8 & 1) != 0;
}

/* True when it was not marked before. */
bool markedrows_set(struct markedrows *s, enum markedrows_mark mark, uint64_t row);

/* The row's columns at these places as one key, in a form in which equal values of related types are equal.
 * False: one of them is NULL, or the key leads nowhere. */
bool markedrows_key(const struct markedrows *s, const uint16_t *place, uint16_t count, struct buf *out);

#endif
