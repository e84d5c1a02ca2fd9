/*
 * source: the server's side of a capture session: is it the right one, is the slot sound, is the publication
 * there; then the stream is started.
 *
 * Errors: ERR_NETWORK and ERR_TIMEOUT are worth another try (server away or starting, slot busy); ERR_REFUSED
 * says that going on would lose or mix up changes.
 */
#ifndef PGSTRAND_CAPTURE_SOURCE_H
#define PGSTRAND_CAPTURE_SOURCE_H

#include "agent/capture/loss.h"
#include "agent/datadir.h"
#include "agent/pg/pgconn.h"
#include "agent/pg/server.h"
#include "store/actionlog.h"

struct source_facts {
    int version;
    unsigned proto_version;
    int64_t wal_sender_timeout_ms; /* 0: none */
    struct slot_facts slot;
    uint32_t timeline;
    uint32_t publication_oid;
    enum capture_loss loss; /* with ERR_REFUSED: why */
};

/* Looks, on a connection of its own. `position` is what the log has. */
MUST_CHECK status source_check(const char *conninfo, const struct identity *identity,
                               const struct log_position *position, struct source_facts *out, err *e);

/* START_REPLICATION from `start`; the connection is the caller's to close. */
MUST_CHECK status source_start(const char *conninfo, const struct identity *identity,
                               const struct source_facts *facts, lsn start, struct pgconn **out, err *e);

#endif
