/*
 * streams: the streamed transactions in progress.
 *
 * Threads: one. Ownership: streams_open -> caller -> streams_close (NULL-safe), which removes their files.
 */
#ifndef PGSTRAND_STREAMS_H
#define PGSTRAND_STREAMS_H

#include "agent/capture/streamed.h"

struct streams;

/* Empties `dir`. `like` as for streamed_new, borrowed. `limit`: largest sum of all files in bytes, 0: none.
 */
MUST_CHECK status streams_open(const char *dir, const struct transaction *like, uint64_t limit,
                               struct streams **out, err *e);
void streams_close(struct streams *s);
OWN_POINTER(streams, streams_close);

/* The one whose chunk is arriving, between Stream Start and Stream Stop; else NULL. */
struct streamed *streams_current(const struct streams *s);

MUST_CHECK status streams_start(struct streams *s, uint32_t xid, bool first, err *e);
MUST_CHECK status streams_stop(struct streams *s, err *e);

/* `subxid` is `xid`: all of it. Unknown ones do not matter. */
void streams_abort(struct streams *s, uint32_t xid, uint32_t subxid);

/* NULL: unknown. */
struct streamed *streams_find(const struct streams *s, uint32_t xid);
void streams_drop(struct streams *s, uint32_t xid);

#endif
