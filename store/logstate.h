/*
 * logstate: what the parts of the log's writer share: logwriter (appends), logopen (takes up what is there)
 * and logtail (removes what was given up). Threads and ownership: the writer's.
 */
#ifndef PGSTRAND_LOGSTATE_H
#define PGSTRAND_LOGSTATE_H

#include "store/io.h"
#include "store/logsegment.h"

/*
 * LMDB keeps the pages a transaction has changed in malloc'ed memory (there is no WRITEMAP here), so more
 * than this many bytes of records are written in several LMDB transactions. Each is durable; none moves the
 * position, so what they hold is invisible until a flush does.
 */
#define LOGSTATE_DIRTY_MAX ((size_t)8 << 20)

struct logwriter {
    char *dir;
    struct io_lock *lock;
    uint64_t segment_bytes;
    struct logsegment segment; /* the newest */
    struct lmdbtxn txn;        /* the LMDB transaction in progress, if any */
    struct lmdbcursor actions; /* open with it */
    struct lmdbcursor commits;
    uint64_t txn_number; /* marks relations that were stored in it */
    size_t dirty;        /* bytes put into it */
    uint64_t bulk_bytes; /* of files that belong to the present segment */
    bool bulk_pending;   /* a file was moved in since the last flush */

    struct logmeta flushed; /* what is durable and visible */
    struct logmeta pending; /* with the commits since */
    uint64_t next_seq;      /* of the next action */
    lsn commit_lsn;         /* of the transaction in progress, from its first action on */
    uint64_t stored_seq;    /* the last action on disk, visible or not */
    uint32_t stored_next;   /* relation versions below are on disk */
    bool garbage;           /* what lies behind the position was given up, and is to be removed first */

    struct relcache *relations;
    uint64_t clock;     /* of the uses of relations */
    uint64_t forgotten; /* rotations that left some out */
    struct hasher *hasher;
    struct buf scratch;
};

/* The seq of the first action of the transaction in progress, or of the next one. */
static inline uint64_t logstate_first(const struct logwriter *w)
{
    return w->pending.position.last_seq + 1;
}

/* Removes what lies behind the flushed position: actions, commits, files of large transactions. No LMDB
 * transaction is in progress. A kill on the way leaves less of it. */
MUST_CHECK status logtail_remove(struct logwriter *w, err *e);

/* Fills in all but dir and segment_bytes: takes the lock, makes the log when there is none. */
MUST_CHECK status logopen_all(struct logwriter *w, const struct log_options *options, err *e);

#endif
