/*
 * wallimit: max_slot_wal_keep_size, the limit beyond which a slot that nobody reads loses its WAL instead of
 * filling the database's disk. It is cluster-wide: touched only where there is none, and beside other slots
 * only when the user has said so.
 */
#ifndef PGSTRAND_WALLIMIT_H
#define PGSTRAND_WALLIMIT_H

#include "agent/pg/pgconn.h"
#include "agent/progress.h"
#include "agent/setup/setuprecord.h"

/* Sets the limit to `megabytes` where it may (`others`: also when there are other slots); what stood before
 * is recorded first. Otherwise says why not. */
MUST_CHECK status wallimit_set(struct pgconn *c, struct datadir *d, uint64_t megabytes, bool others,
                               Pgstrand__SetupRecord *record, const struct progress *progress, err *e);

/* One that an earlier try has set goes again, and its record with it. */
MUST_CHECK status wallimit_decline(struct pgconn *c, struct datadir *d, Pgstrand__SetupRecord *record,
                                   const struct progress *progress, err *e);

/* Puts back what wallimit_set recorded, unless somebody has chosen another limit since: that stays, and it
 * says so. */
MUST_CHECK status wallimit_undo(struct pgconn *c, const Pgstrand__SetupRecord *record,
                                const struct progress *progress, err *e);

#endif
