/*
 * streams: the streamed transactions in progress, each in its spool. Rows that are transient are left out
 * before anything is written.
 *
 * Threads: one. Ownership: streams_open -> caller -> streams_close (NULL-safe), which removes every spool.
 */
#ifndef PGSTRAND_STREAMS_H
#define PGSTRAND_STREAMS_H

#include "agent/capture/spool.h"

struct streams;

/* Empties `dir`. `limit`: largest sum of all spools in bytes, 0: none. */
MUST_CHECK status streams_open(const char *dir, const struct tier_rules *rules, unsigned version,
                               uint64_t limit, struct streams **out, err *e);
void streams_close(struct streams *s);
OWN_POINTER(streams, streams_close);

/* Between Stream Start and Stream Stop. */
bool streams_in_chunk(const struct streams *s);

MUST_CHECK status streams_start(struct streams *s, uint32_t xid, bool first, err *e);
/* One message of the chunk as it came. */
MUST_CHECK status streams_message(struct streams *s, struct bytes raw, err *e);
MUST_CHECK status streams_stop(struct streams *s, err *e);

MUST_CHECK status streams_abort(struct streams *s, uint32_t xid, uint32_t subxid, err *e);

/* The transaction commits: its messages in order, then the spool is gone. */
MUST_CHECK status streams_replay(struct streams *s, uint32_t xid,
                                 status (*visit)(void *context, struct bytes raw, err *e), void *context,
                                 err *e);

#endif
