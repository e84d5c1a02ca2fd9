/*
 * touches: who did what to which row: the actions of a history, row by row, in temporary tables of the
 * target, where they are joined with its rows. For merge, which asks on which device a row was made and where
 * it was changed last.
 *
 * Columns: k1, k2, ... (the key), seq, kind (C: made, or moved here; U; D; M: moved to another key), at (the
 * commit's time), origin (what replayed it; empty: the application), n1, n2, ... (M: the key it moved to).
 *
 * Memory: a few MiB, whatever the history's size. Threads: one.
 */
#ifndef PGSTRAND_TOUCHES_H
#define PGSTRAND_TOUCHES_H

#include "agent/restore/merge/stage.h"

struct history {
    const struct chain *chain;
    const char *log;  /* its tail goes on behind the chain; NULL: none */
    uint64_t to_seq;  /* the last one that counts */
    const char *name; /* of the tables: pgstrand_touch_NAME_0, ... */
    bool truncates;   /* TRUNCATE counts, as a D of each row (truncated.h) */
};

/* Makes a table for each stage that has a key, and fills them. */
MUST_CHECK status touches_load(const struct history *h, const struct stage *stages, size_t count,
                               struct pgconn *c, err *e);

void touches_name(struct buf *out, const char *history, const struct stage *s);

#endif
