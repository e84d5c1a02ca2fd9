/*
 * basebatch: pieces of a base whose rows are in their files, on their way to being known: they become durable
 * together, then their records are written in one commit of the catalogue. A database of many small tables
 * waits for the disk more than for anything else.
 *
 * Threads: a batch belongs to one; basebatch_record needs the lock that guards the catalogue and the book.
 * Ownership: a batch owns its files; basebatch_fini drops what is not published.
 */
#ifndef PGSTRAND_BASEBATCH_H
#define PGSTRAND_BASEBATCH_H

#include "agent/base/basetask.h"
#include "agent/tablebook.h"
#include "proto/base/digest.h"
#include "store/rowfile.h"

#define BASEBATCH_PIECES 32

struct basepiece {
    const struct basetask *task;
    struct rowfile *file; /* ended */
    struct table_digest digest;
    uint64_t stored;
};

struct basebatch {
    struct basepiece piece[BASEBATCH_PIECES];
    size_t count;
    int64_t weight; /* of their tasks */
};
void basebatch_fini(struct basebatch *batch);
OWN_VALUE(basebatch, basebatch_fini);

/* Takes the file, which is ended. There is room: it is not full. */
void basebatch_add(struct basebatch *batch, const struct basepiece *piece);

/* Is it time to keep what is in it, so that an interruption costs no more than a moment's work? `workers`
 * have one each: all their open files together are bounded. */
bool basebatch_is_full(const struct basebatch *batch, int workers);

/* The files become durable under their names. */
MUST_CHECK status basebatch_publish(struct basebatch *batch, err *e);

/* Makes the published pieces known, all or none: from here on they survive an interruption. `at`: the LSN
 * they are exact at. */
MUST_CHECK status basebatch_record(const struct basebatch *batch, struct datadir *d, struct tablebook *book,
                                   lsn at, err *e);

#endif
