/*
 * keyindex: which row has a key: keys of all tables that foreign keys lead to, on disk (LMDB without a place
 * in memory of its own), for as long as membership is worked out.
 *
 * States: keys are put -> keyindex_ready -> keys are looked up. Threads: one. Files: in the folder, removed
 * by _free; a killed process leaves them behind until the agent empties its spool.
 */
#ifndef PGSTRAND_KEYINDEX_H
#define PGSTRAND_KEYINDEX_H

#include "proto/base/buf.h"

struct keyindex;

struct keyindex_row {
    size_t table;
    uint64_t row; /* from 0, in the order of the table's rows */
};

MUST_CHECK status keyindex_new(const char *dir, struct keyindex **out, err *e);
void keyindex_free(struct keyindex *k); /* NULL-safe */
OWN_POINTER(keyindex, keyindex_free);

/* `space` keeps keys of different targets apart. */
MUST_CHECK status keyindex_put(struct keyindex *k, size_t space, struct bytes key, struct keyindex_row row,
                               err *e);
MUST_CHECK status keyindex_ready(struct keyindex *k, err *e);
MUST_CHECK status keyindex_find(struct keyindex *k, size_t space, struct bytes key, struct keyindex_row *row,
                                bool *found, err *e);

#endif
