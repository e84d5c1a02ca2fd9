/*
 * exchange: where receiver and committer meet: two batches change hands, and what is durable travels back.
 *
 * The receiver fills one batch without a lock while the committer works on the other one; neither waits for
 * the other except for a batch. The receiver never blocks here: exchange_event is readable when something
 * happened (a batch came back, the durable position moved, the committer ended).
 *
 * Threads: one receiver, one committer, and exchange_wake from any.
 */
#ifndef PGSTRAND_EXCHANGE_H
#define PGSTRAND_EXCHANGE_H

#include <pthread.h>
#include <stdatomic.h>

#include "agent/capture/batch.h"
#include "proto/base/own.h"

struct exchange {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct batch batch[2];
    struct batch *waiting; /* handed over, not taken yet */
    struct batch *spare;   /* free for the receiver */
    bool closed;           /* the receiver hands over nothing more */
    bool woken;
    bool ended; /* the committer has ended */
    err failure;
    _Atomic lsn durable;
    int event;
};

MUST_CHECK status exchange_init(struct exchange *x, lsn durable, err *e);
void exchange_fini(struct exchange *x);
OWN_VALUE(exchange, exchange_fini);

/* ---- the receiver's side ---- */

/* The batch to start with. */
struct batch *exchange_first(struct exchange *x);
/* Hands `full` over and returns the other batch, empty; NULL while the committer still has that one. */
struct batch *exchange_swap(struct exchange *x, struct batch *full);
/* Would exchange_swap succeed? */
bool exchange_ready(struct exchange *x);
/* Nothing more comes: the committer finishes what it was given and ends. */
void exchange_close(struct exchange *x);
int exchange_event(const struct exchange *x); /* for poll */
void exchange_event_clear(struct exchange *x);
lsn exchange_durable(struct exchange *x);
/* Has the committer ended? Then *failure says why (class ERR_NONE: because of exchange_close). */
bool exchange_ended(struct exchange *x, err *failure);

/* ---- the committer's side ---- */

/* The next batch; NULL after timeout_ms (-1: none), after exchange_wake, or, with *closed, at the end. */
struct batch *exchange_take(struct exchange *x, int timeout_ms, bool *closed);
void exchange_give_back(struct exchange *x, struct batch *done);
void exchange_set_durable(struct exchange *x, lsn durable);
/* `failure` NULL: ended because of exchange_close. */
void exchange_end(struct exchange *x, const err *failure);

/* Makes exchange_take return. */
void exchange_wake(struct exchange *x);

#endif
