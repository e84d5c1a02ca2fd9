/*
 * heal: begins a new incarnation when the old one cannot go on: its slot is gone or was invalidated, the
 * server was promoted, put back or replaced, the publication was dropped, the data directory was copied.
 *
 * The chain goes on: what is in the log is sealed under the old incarnation; a new slot exports a snapshot;
 * each table is compared with its last known state (the chain folded), and the differences become the first
 * commit of the new incarnation. A change of the schema in between is recorded as a break, which the next
 * FULL heals; so it is when the last known state cannot be told.
 *
 * Survives a kill at any moment (healrecord.h): heal_run again ends the same. Capture must not be running;
 * takes the seal lock in its turn. Memory: that of a restore.
 */
#ifndef PGSTRAND_HEAL_H
#define PGSTRAND_HEAL_H

#include "agent/datadir.h"
#include "agent/progress.h"

struct heal_result {
    uuid incarnation;
    uint64_t seq;     /* the last of its first commit */
    uint64_t tables;  /* compared */
    uint64_t differ;  /* of them, those that differed */
    uint64_t changes; /* actions that make up the difference */
    bool broken;      /* a FULL is needed before what comes now can be restored */
    char reason[256]; /* why, when broken */
};

/* `why`: one line, kept in the log. ERR_TIMEOUT when somebody uses the slot; other failures by the server are
 * worth another try. */
MUST_CHECK status heal_run(struct datadir *d, const char *conninfo, const char *why,
                           const struct progress *progress, struct heal_result *out, err *e);

#endif
