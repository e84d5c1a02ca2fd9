/*
 * capture: from the replication slot into the action log: the daemon's main work.
 *
 * Two threads and two buffers: the receiver reads the socket, answers keepalives and never waits for the
 * disk; the committer decodes, assembles transactions, appends and flushes, and tells the receiver what is
 * durable. Streamed transactions are spooled per top transaction id in DATA/spool.
 *
 * Threads: capture_run occupies the calling thread (the receiver) and one of its own. capture_stop may be
 * called from a signal handler.
 */
#ifndef PGSTRAND_CAPTURE_H
#define PGSTRAND_CAPTURE_H

#include "agent/capture/loss.h"
#include "agent/datadir.h"
#include "proto/relation.h"

struct capture;

/* Called by the committer thread after every flush, and by the receiver where it says so; must be quick. */
struct capture_observer {
    void *context;
    /* `log_bytes`: rows and contents appended since capture_new. */
    void (*flushed)(void *context, uint64_t last_seq, lsn durable, uint64_t log_bytes);
    /* A DDL commit or a relation that changed its shape: the chain cannot follow it; `what` is one line. */
    void (*schema_changed)(void *context, uint64_t seq, lsn at, const char *what);
    /* Connected, or the reason why not (NULL e: connected). Also the place where problems for `status` come
     * from. */
    void (*connection)(void *context, const err *e);
    /* Committer's thread: a table the catalogue does not know under this OID and name, first met after
     * `seq`; to be recorded there. Borrowed for the call. */
    void (*table_seen)(void *context, const struct relation *shape, const struct table_tier *tier,
                       uint64_t seq);
    /* Something the user should know; one line. */
    void (*notice)(void *context, const char *line);
};

MUST_CHECK status capture_new(struct datadir *d, const char *conninfo,
                              const struct capture_observer *observer, struct capture **out, err *e);
void capture_free(struct capture *c);
OWN_POINTER(capture, capture_free);

/*
 * Runs until capture_stop: then the batch in hand is finished and confirmed. Reconnects with backoff on
 * whatever the server says (away, restarting, a password or a certificate that does not do, a privilege taken
 * away). A full disk is waited out without confirming. Fails when the log is another's or damaged, and when
 * the incarnation cannot go on: capture_loss says why, and after it was healed capture_renew and capture_run
 * go on.
 */
MUST_CHECK status capture_run(struct capture *c, err *e);
enum capture_loss capture_loss(const struct capture *c);
MUST_CHECK status capture_renew(struct capture *c, err *e);

/* Waits so long, unless capture_stop ends it; true then. For whoever does something between two runs. */
bool capture_pause(struct capture *c, int64_t ms);
void capture_stop(struct capture *c);

/* Any thread: unlink the log's segments up to this seq when the committer comes to it. */
void capture_trim(struct capture *c, uint64_t through);

/* Any thread: how far the stream was read, and where the server's WAL ended when it last spoke. */
struct capture_progress {
    lsn received;
    lsn server_end;
};
struct capture_progress capture_progress(const struct capture *c);

#endif
