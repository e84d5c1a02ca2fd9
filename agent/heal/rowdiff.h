/*
 * rowdiff: what has to happen to one set of rows to become another: the rows that are known, and the rows
 * that are found.
 *
 * Rows come in any order. They are spread over part files by the hash of their key, and each part is compared
 * alone, so that memory holds one part of the known rows. A multiset's rows are counted.
 *
 *   rowdiff_known, rowdiff_found   as often as there are rows; COPY text lines without their line ends
 *   rowdiff_run                    once: the changes
 *
 * Threads: one per handle. Ownership: rowdiff_new -> caller -> rowdiff_free (NULL-safe); `shape` is borrowed.
 */
#ifndef PGSTRAND_ROWDIFF_H
#define PGSTRAND_ROWDIFF_H

#include "agent/restore/fold/foldline.h"
#include "proto/base/own.h"

struct rowdiff;

enum rowdiff_kind { ROWDIFF_CREATE, ROWDIFF_UPDATE, ROWDIFF_DELETE };

struct rowdiff_sink {
    void *context;
    /* DELETE: the known line. CREATE and UPDATE: the found one. Borrowed for the call. */
    status (*change)(void *context, enum rowdiff_kind kind, struct bytes line, err *e);
};

/* Part files go to folder `dir`. `expected`: bytes of all known rows, about; a part of them is to fit into
 * `memory`. */
MUST_CHECK status rowdiff_new(const struct fold_shape *shape, const char *dir, size_t memory,
                              uint64_t expected, struct rowdiff **out, err *e);
void rowdiff_free(struct rowdiff *r);
OWN_POINTER(rowdiff, rowdiff_free);

MUST_CHECK status rowdiff_known(struct rowdiff *r, struct bytes line, err *e);
MUST_CHECK status rowdiff_found(struct rowdiff *r, struct bytes line, err *e);

/* How many changes there were goes to *changes. */
MUST_CHECK status rowdiff_run(struct rowdiff *r, const struct rowdiff_sink *sink, uint64_t *changes, err *e);

#endif
