/*
 * batch: what the receiver collects for the committer: messages of the stream in the order of their arrival.
 *
 * In memory: per record one kind byte, its length as 4 bytes in host order, and its bytes. A batch is
 * BATCH_BYTES large; a message that is larger is not copied: it is lent, and has a batch to itself.
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
    BATCH_URGENT,    /* the same, and the server waits for the answer */
    BATCH_LENT       /* a message too: the large one; batch_next says BATCH_MESSAGE */
};

struct batch {
    uint8_t *data;
    size_t len;
    size_t cap;
    size_t last; /* offset of the last record; len when there is none */
    struct bytes large;
    void *loan; /* what `large` lies in; NULL: there is none */
    void (*release)(void *loan);
};

MUST_CHECK status batch_init(struct batch *b, err *e);
void batch_fini(struct batch *b);

/* Empties it, and gives back what was lent. */
void batch_reset(struct batch *b);

/* Is this message to be lent? */
bool batch_is_large(struct bytes payload);
/* Into an empty batch alone; `release` is called with `loan` when the batch is reset. */
void batch_lend(struct batch *b, struct bytes payload, void *loan, void (*release)(void *loan));

/* False: it does not fit, hand this batch over first (never for an empty one). Not for large ones. */
MUST_CHECK bool batch_message(struct batch *b, struct bytes payload);
/* A keepalive behind a keepalive replaces it. */
MUST_CHECK bool batch_keepalive(struct batch *b, lsn end, bool urgent);

struct batch_record {
    enum batch_kind kind;
    struct bytes payload; /* BATCH_MESSAGE; borrowed from the batch */
    lsn end;              /* the keepalives */
};
/* Steps through; *at starts at 0. False at the end. */
bool batch_next(const struct batch *b, size_t *at, struct batch_record *out);

#endif
