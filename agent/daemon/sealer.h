/*
 * sealer: the thread that seals when the schedule says so, makes a new FULL after a change of the schema, and
 * seals a last time at a clean stop.
 */
#ifndef PGSTRAND_SEALER_H
#define PGSTRAND_SEALER_H

#include "agent/daemon/board.h"
#include "agent/daemon/indexer.h"
#include "agent/daemon/schedule.h"
#include "agent/datadir.h"

/* Each has a problem of its own: it is not gone because another one has none, or has one now. */
enum sealer_task { SEALER_SEALS, SEALER_PRUNES, SEALER_LOOKS_AT_FILES, SEALER_TASKS };

struct sealer {
    struct datadir *data; /* its own */
    struct board *board;
    struct schedule schedule;
    bool tables_failed;                   /* bases of single tables could not be made: a FULL is tried next */
    char problem[SEALER_TASKS][ERR_TEXT]; /* empty: none; the first is told */
    uint64_t breaks_seen;                 /* of board_facts.breaks */
    int64_t files_at;                     /* when the folders of [assets] were looked at last */
    int64_t files_pause;                  /* until they are again; 0: the schedule's interval */
    struct indexer indexer;
    pthread_t thread;
    bool started;
};

/* Reads the chain's end and the open schema changes first. */
MUST_CHECK status sealer_start(struct sealer *s, err *e);
/* After board_stop; false when it did not end within `seconds` (it is then left behind). */
bool sealer_join(struct sealer *s, int seconds);

/* The last snapshot at a clean stop, when configured. */
void sealer_last(struct sealer *s);

#endif
