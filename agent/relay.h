/*
 * relay: blocks of bytes from the thread that makes them to one that does something with them, in their
 * order, so that both work at the same time. Neither is more than a few blocks ahead.
 *
 * Below one block there is no thread: the caller's does it all, and also where none can be started.
 *
 * Memory:   RELAY_BLOCKS blocks; one grows to what is written into it before relay_pass, and shrinks again.
 * Threads:  the handle belongs to the thread that fills; relay_settle with nothing to wait for may be called
 *           by several. `take` runs in the relay's thread, or in the caller's; never in two at once.
 *
 * Failure:  that of `take`, at a later relay_pass or relay_settle and from then on at each; what follows it
 *           is not taken.
 */
#ifndef PGSTRAND_RELAY_H
#define PGSTRAND_RELAY_H

#include "proto/base/buf.h"

#define RELAY_BLOCKS 4

struct relay;

struct relay_options {
    size_t bytes; /* of a block that is full */
    void *context;
    status (*take)(void *context, struct bytes block, err *e);
};

MUST_CHECK status relay_new(const struct relay_options *options, struct relay **out, err *e);
/* What was not taken yet is dropped. NULL-safe. */
void relay_free(struct relay *r);
OWN_POINTER(relay, relay_free);

/* The block that is being filled: append to it, then call relay_pass. */
struct buf *relay_block(struct relay *r);
/* Hands the block over if it is full. */
MUST_CHECK status relay_pass(struct relay *r, err *e);
/* All that was written is taken. */
MUST_CHECK status relay_settle(struct relay *r, err *e);

#endif
