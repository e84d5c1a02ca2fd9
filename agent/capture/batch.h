/*
 * batch: what the receiver collects for the committer: messages of the stream in the order of their arrival.
 *
 * In memory: per record one kind byte, its length as 4 bytes in host order, and its bytes. A batch is
 * BATCH_BYTES large; a single message that is larger gets a batch of its own size, given back afterwards.
 *
 * Threads: belongs to one thread at a time; exchange.h hands it over.
 */
#ifndef PGSTRAND_BATCH_H
#define PGSTRAND_BATCH_H

#include "proto/base/bytes.h"
#include "proto/base/err.h"
#include "proto/base/lsn.h"

#define BATCH_BYTES ((size_t)4 << 20)

enum batch_kind {
    BATCH_MESSAGE,   /* one pgoutput message */
    BATCH_KEEPALIVE, /* everything up to this LSN (8 bytes in host order) was sent */
    BATCH_URGENT     /* the same, and the server waits for the answer */
};

struct batch {
    uint8_t *data;
    size_t len;
    size_t cap;
    size_t last; /* offset of the last record; len when there is none */
};

MUST_CHECK status batch_init(struct batch *b, err *e);
void batch_fini(struct batch *b);

/* Empties it, and gives back what an oversized message took. */
void batch_reset(struct batch *b);

/* *fits false: hand this batch over first (never for an empty one). */
MUST_CHECK status batch_message(struct batch *b, struct bytes payload, bool *fits, err *e);
/* A keepalive behind a keepalive replaces it. */
MUST_CHECK status batch_keepalive(struct batch *b, lsn end, bool urgent, bool *fits, err *e);

struct batch_record {
    enum batch_kind kind;
    struct bytes payload; /* BATCH_MESSAGE; borrowed from the batch */
    lsn end;              /* the keepalives */
};
/* Steps through; *at starts at 0. False at the end. */
bool batch_next(const struct batch *b, size_t *at, struct batch_record *out);

#endif
