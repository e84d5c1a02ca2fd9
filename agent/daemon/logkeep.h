/*
 * logkeep: what of the log may go, and what an agent that was killed did not get to record.
 *
 * Threads: any one; opens its own log reader.
 */
#ifndef PGSTRAND_LOGKEEP_H
#define PGSTRAND_LOGKEEP_H

#include "agent/daemon/board.h"
#include "agent/datadir.h"

/*
 * Sealed segments are kept up to config's log_keep_bytes, newest first. *through: the log may be trimmed up
 * to this seq; 0: nothing may go.
 */
MUST_CHECK status logkeep_through(const struct datadir *d, uint64_t sealed_seq, uint64_t *through, err *e);

/*
 * A change of the schema is recorded just after its commit is durable; a kill in between loses the record.
 * Looks for DDL in the log behind `after`, and behind `recorded`, up to which the last agent had recorded all
 * (not believed when the log ends before it), and tells `observer` as capture would have.
 */
MUST_CHECK status logkeep_find_ddl(const struct datadir *d, uint64_t after, uint64_t recorded,
                                   const struct capture_observer *observer, err *e);

#endif
