/*
 * committer: the thread that takes batches, assembles transactions, makes them durable, and says how far.
 *
 * Group commit: one flush for all that a batch holds. Idle keepalives move the position too, but at most
 * every COMMITTER_IDLE_MS unless somebody waits, so that a busy neighbour database does not cost an fsync
 * each time.
 *
 * Threads: committer_start makes one; committer_join waits for its end after exchange_close. The log and the
 * assembler belong to that thread in between.
 */
#ifndef PGSTRAND_COMMITTER_H
#define PGSTRAND_COMMITTER_H

#include "agent/capture/assembler.h"
#include "agent/capture/capture.h"
#include "agent/capture/exchange.h"

#define COMMITTER_IDLE_MS 100

struct committer {
    struct exchange *exchange;
    struct logwriter *log; /* owned once the thread runs: closed when it ends */
    struct assembler *assembler;
    const struct capture_observer *observer;
    _Atomic uint64_t *trim_through; /* 0: nothing to trim */
    uint64_t bytes_before;          /* appended by earlier sessions */

    pthread_t thread;
    bool started;
    lsn deferred; /* an idle position that is not flushed yet; LSN_NONE: none */
    int64_t flushed_at;
    uint64_t appended; /* actions, as of the last flush */
};

MUST_CHECK status committer_start(struct committer *c, err *e);
void committer_join(struct committer *c);

#endif
