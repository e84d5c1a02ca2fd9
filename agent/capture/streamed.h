/*
 * streamed: one streamed transaction in progress. Its changes go into a draft as they come, with what the
 * tiers say: a transient row is never written. What is no action (announced relations, the origin, the
 * context) is held in memory until the commit.
 *
 * Everything that a subtransaction did can be taken back: what is held, the numbers of relations and a mark
 * of a changed schema carry how many subtransactions were known when they came (subxacts.h tells why that is
 * enough).
 *
 * Threads: one. Ownership: streamed_new -> caller -> streamed_free (NULL-safe), which removes the file.
 */
#ifndef PGSTRAND_STREAMED_H
#define PGSTRAND_STREAMED_H

#include "agent/capture/subxacts.h"
#include "agent/capture/transaction.h"

/* From this size on a draft's file becomes part of the log; a smaller one is copied into it, which then costs
 * less than the file's fsync, rename and fsync of the folder (2 ms each; 0.4 us an action). */
#define STREAMED_ADOPT ((uint64_t)4 << 20)

struct streamed {
    uint32_t xid;      /* of the top transaction */
    uint32_t last_xid; /* of the last message: subtransactions come in runs */
    struct transaction txn;
    struct draft draft;
    struct subxacts subxacts;
    struct buf held;
    size_t marked; /* subtransactions known when txn.changes_schema was set */
};

/* `like`: the transaction whose rules and events count. */
MUST_CHECK status streamed_new(const char *dir, uint32_t xid, const struct transaction *like,
                               struct streamed **out, err *e);
void streamed_free(struct streamed *s);
OWN_POINTER(streamed, streamed_free);

/* A chunk begins and ends; `buffer` is lent for its time. */
MUST_CHECK status streamed_open(struct streamed *s, struct buf *buffer, err *e);
MUST_CHECK status streamed_close(struct streamed *s, err *e);

/* One message of a chunk, as it came and decoded. */
MUST_CHECK status streamed_message(struct streamed *s, struct bytes raw, const struct pgoutput_message *msg,
                                   err *e);

/* A subtransaction is rolled back. Between chunks only. */
void streamed_cut(struct streamed *s, uint32_t subxid);

/* Bytes on disk. */
uint64_t streamed_bytes(const struct streamed *s);

/* At the commit: first what is held, in order, borrowed for the call; then the actions, into the log. */
MUST_CHECK status streamed_held(struct streamed *s, status (*visit)(void *context, struct bytes raw, err *e),
                                void *context, err *e);
MUST_CHECK status streamed_into(struct streamed *s, struct transaction *into, err *e);

#endif
