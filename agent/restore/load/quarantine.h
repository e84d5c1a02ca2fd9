/*
 * quarantine: rows that a restore with --on-error skip left out are tried again, each on its own: whoever has
 * changed what was in their way need not restore everything once more.
 *
 * A row that goes in leaves the quarantine; one that does not is kept with its new error and a retry more.
 * After a merge the row that it should have changed is there: it becomes the one left out (ON CONFLICT on the
 * key, so nothing that refers to it is touched).
 *
 * All in one transaction of the target, whose number is written into the catalogue before it is committed: a
 * kill in between is settled by asking the server what became of it (pg_xact_status). Only when that is so
 * long ago that the server does not know any more are such rows tried again; those of a table without a key
 * would be there twice then.
 */
#ifndef PGSTRAND_QUARANTINE_H
#define PGSTRAND_QUARANTINE_H

#include "agent/datadir.h"
#include "agent/progress.h"

MUST_CHECK status quarantine_retry(struct datadir *d, const uuid *workflow, const char *conninfo, bool merged,
                                   const struct progress *progress, uint64_t *left, err *e);

#endif
