/*
 * health: everything `status` knows, and what is wrong. Looks, changes nothing; a server that is away is a
 * problem among others, not a failure.
 *
 * Ownership: health_look -> caller -> health_fini.
 */
#ifndef PGSTRAND_HEALTH_H
#define PGSTRAND_HEALTH_H

#include "agent/agentstate.h"
#include "agent/datadir.h"
#include "agent/pg/server.h"
#include "store/actionlog.h"

struct health {
    enum agent_life agent;
    bool told; /* it runs, and says itself what keeps it from capturing */
    bool has_log;
    struct log_state log;

    bool server_known; /* what follows, to lag_seconds */
    lsn server_lsn;    /* where its WAL is flushed */
    struct slot_facts slot;
    char *readers;    /* other logical slots of the database, "a, b"; NULL: none */
    char lack[3][48]; /* what the database has that is not captured: "2 unlogged tables", ... */
    size_t lacks;
    uint64_t lag_bytes;
    double lag_seconds; /* negative: not known */

    bool has_snapshot; /* the last one of the own chain */
    uuid snapshot;
    uint64_t snapshot_number;
    uint64_t snapshot_seq;
    pgtime snapshot_time;
    bool owner_shown; /* it carries the recovery key */

    bool proven; /* the three below: of the last restore that was compared and equal */
    uint64_t proven_seq;
    pgtime proven_time;
    bool proven_by_drill;

    uint64_t store_bytes;
    char **problem; /* one line each */
    size_t problem_count;
};

MUST_CHECK status health_look(struct datadir *d, struct health *out, err *e);
void health_fini(struct health *h);
OWN_VALUE(health, health_fini);

#endif
