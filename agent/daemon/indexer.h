/*
 * indexer: keeps the index of rows (agent/history/entityindex.h) close behind the log, so that a question
 * about one row finds it made. Only while capture has little to do, and behind a snapshot: it must not take
 * processor time from catching up.
 *
 * Threads: the sealer's.
 */
#ifndef PGSTRAND_INDEXER_H
#define PGSTRAND_INDEXER_H

#include "agent/daemon/board.h"
#include "agent/datadir.h"

struct indexer {
    uint64_t indexed;  /* up to this seq, as far as known */
    uint64_t seen_seq; /* the log's last one when it was looked at */
    int64_t seen_at;   /* ms */
    int64_t again_at;  /* ms; after a failure */
    bool complained;
};

/* Now and then; `now` in ms of any clock that does not go back, `sealed`: a snapshot was just made. */
void indexer_tick(struct indexer *x, struct datadir *d, struct board *b, int64_t now, bool sealed);

#endif
