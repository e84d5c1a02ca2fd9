/*
 * bulkfile: the actions of one large transaction in a file, written while they arrive. Read by bulkreader.
 *
 * In the file: blocks, numbers little-endian, each
 *   u32 length of what follows the head, u32 actions in it, u32 CRC-32C of the eight bytes before and of what
 *   follows, then per action: varint length, varint number of its relation (0: none), Action without its
 *   relation. A TRUNCATE lists numbers where an action of the log lists versions.
 * A relation's number is its place in a list that whoever writes the file keeps, from 1: which version of the
 * log that is shows when the transaction commits.
 *
 * Threads: one. Ownership: bulkfile_new -> caller -> bulkfile_free (NULL-safe), which also removes the file.
 * Failure: ERR_STORAGE; the file is of no use then.
 */
#ifndef PGSTRAND_BULKFILE_H
#define PGSTRAND_BULKFILE_H

#include "proto/action.h"
#include "proto/base/own.h"

#define BULK_HEAD 12u                  /* bytes before a block's actions */
#define BULK_BLOCK ((size_t)256 << 10) /* a block ends when it has grown to this */
#define BULK_LIMIT ((size_t)INT32_MAX) /* no block is longer: one action, which the server sent in 1 GiB */
#define BULK_BEHIND \
    ((uint64_t)8 << 20) /* so much is written before the kernel is asked to begin storing it */

struct bulkfile;

/* How far a file has come. */
struct bulk_place {
    uint64_t bytes;
    uint64_t actions;
};

/* Makes an empty file, replacing what is there. */
MUST_CHECK status bulkfile_new(const char *path, struct bulkfile **out, err *e);
void bulkfile_free(struct bulkfile *b);
OWN_POINTER(bulkfile, bulkfile_free);

/* A stretch of writing begins and ends: between them the file is open, and `buffer`, lent by the caller and
 * empty before and after, holds what is not written yet. */
MUST_CHECK status bulkfile_open(struct bulkfile *b, struct buf *buffer, err *e);
MUST_CHECK status bulkfile_close(struct bulkfile *b, err *e);

/* a->relation and a->truncated are numbers. */
MUST_CHECK status bulkfile_put(struct bulkfile *b, const struct action *a, err *e);

/* The place where the file ends now, for bulkfile_cut. Inside a stretch. */
MUST_CHECK status bulkfile_mark(struct bulkfile *b, struct bulk_place *out, err *e);
/* Takes back everything from a place on. Between stretches. */
void bulkfile_cut(struct bulkfile *b, const struct bulk_place *to);

/* What is there, of closed stretches. */
struct bulk_place bulkfile_place(const struct bulkfile *b);
const char *bulkfile_path(const struct bulkfile *b);

/* Makes it durable under its present name. Between stretches. */
MUST_CHECK status bulkfile_sync(struct bulkfile *b, err *e);
/* It has got another name and is somebody else's now: not removed any more. */
void bulkfile_given(struct bulkfile *b);

#endif
