/*
 * records: what the agent writes into the catalogue and reads from it: tables met, changes of the schema,
 * what it says of itself, how far the chain reaches.
 *
 * Threads: whoever owns the datadir that is given.
 */
#ifndef PGSTRAND_RECORDS_H
#define PGSTRAND_RECORDS_H

#include "agent/daemon/board.h"
#include "agent/datadir.h"
#include "proto/base/pgtime.h"

MUST_CHECK status records_tables(struct datadir *d, const struct board_table *list, size_t count, err *e);
MUST_CHECK status records_breaks(struct datadir *d, const struct board_break *list, size_t count, err *e);

/* `facts` NULL: the agent has stopped. `recorded`: changes of the schema up to this seq are written down. */
MUST_CHECK status records_agent(struct datadir *d, const struct board_facts *facts,
                                const struct capture_progress *progress, uint64_t recorded, err *e);
/* That of the agent that ran last; 0: not known. */
MUST_CHECK status records_recorded_seq(struct datadir *d, uint64_t *seq, err *e);

/* The chain's end: last seq of the node's newest complete snapshot, 0 when there is none. */
MUST_CHECK status records_sealed_seq(struct datadir *d, uint64_t *seq, err *e);
/* The newest FULL: the seq it shows, and when it was sealed; 0 when there is none. */
MUST_CHECK status records_full(struct datadir *d, uint64_t *seq, pgtime *time, err *e);

#endif
