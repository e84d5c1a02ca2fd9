/*
 * receiver: reads the replication stream into batches and tells the server what is durable.
 *
 * It never waits for the disk: while the committer has both batches, it only keeps up its status updates. So
 * it does while a large message (batch.h) is worked on: of these there is one in memory at a time.
 *
 * Threads: the caller's. The connection belongs to it until it returns.
 */
#ifndef PGSTRAND_RECEIVER_H
#define PGSTRAND_RECEIVER_H

#include <stdatomic.h>

#include "agent/capture/exchange.h"
#include "agent/pg/pgconn.h"

struct receiver {
    struct pgconn *stream;
    struct exchange *exchange;
    int64_t status_ms;       /* between two status updates at the latest */
    const atomic_bool *stop; /* set from elsewhere, together with stop_event */
    int stop_event;          /* readable when stop was set */
    _Atomic lsn *received;   /* what arrived, for others to look at */
    _Atomic lsn *server_end; /* where the server's WAL ends, as far as it said */

    struct batch *batch;
    lsn confirmed;
    int64_t status_at; /* of the last update */
    int64_t handed_at; /* when the last batch was handed over */
    bool large;        /* the committer has a large message: see receiver.c */
    bool flowing;      /* messages come thick and fast */
    int64_t window_at; /* since when they are counted */
    int64_t window_messages;
};

/*
 * Until `stop` is set (DONE), the connection fails, or the committer ends with an error, which is returned.
 * What arrived whole is handed to the committer in every case, and durable before this returns unless the
 * committer failed.
 */
MUST_CHECK status receiver_run(struct receiver *r, err *e);

/* Only keeps the connection alive, for `ms` or until stop; nothing is read. */
MUST_CHECK status receiver_idle(struct receiver *r, int64_t ms, err *e);

#endif
