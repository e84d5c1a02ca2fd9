/*
 * spool: the messages of one streamed transaction in a file, DATA/spool/<xid>.spool, until it commits.
 *
 * In the file: per message its length as 4 bytes in host order and its bytes, as the stream sent them. It
 * is not synced: a spool lives no longer than the connection it came over, the server sends all of it again.
 *
 * Threads: one. Ownership: spool_new -> caller -> spool_free, which also removes the file.
 */
#ifndef PGSTRAND_SPOOL_H
#define PGSTRAND_SPOOL_H

#include "agent/capture/relmap.h"
#include "agent/capture/subxacts.h"
#include "store/io.h"

#define SPOOL_BUFFER ((size_t)256 << 10) /* what is collected before it is written */

struct spool {
    uint32_t xid; /* of the top transaction */
    char *path;
    struct io_file *file;    /* open while a chunk arrives or the spool is read */
    uint64_t written;        /* bytes in the file */
    struct relmap relations; /* announced in this transaction: for the tiers only */
    struct subxacts subxacts;
    uint32_t last_xid; /* of the last message: subtransactions come in runs */
};

MUST_CHECK status spool_new(const char *dir, uint32_t xid, struct spool **out, err *e);
void spool_free(struct spool *s);
OWN_POINTER(spool, spool_free);

/* A chunk begins and ends; `pending` collects what is not written yet. */
MUST_CHECK status spool_open(struct spool *s, err *e);
MUST_CHECK status spool_close(struct spool *s, struct buf *pending, err *e);

/* Remembers that a message of `xid` comes now. */
MUST_CHECK status spool_note(struct spool *s, const struct buf *pending, uint32_t xid, err *e);
MUST_CHECK status spool_append(struct spool *s, struct buf *pending, struct bytes raw, err *e);

/* A subtransaction is rolled back. Between chunks only. */
MUST_CHECK status spool_cut(struct spool *s, uint32_t subxid, err *e);

/* Gives every message in order to `visit`, borrowed for the call. Memory: 1 MiB, or the largest message. */
MUST_CHECK status spool_replay(struct spool *s, status (*visit)(void *context, struct bytes raw, err *e),
                               void *context, err *e);

#endif
