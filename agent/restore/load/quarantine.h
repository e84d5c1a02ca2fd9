/*
 * quarantine: rows that a restore with --on-error skip left out are tried again, each on its own: whoever has
 * changed what was in their way need not restore everything once more.
 *
 * A row that goes in leaves the quarantine; one that does not is kept with its new error and a retry more.
 * All in one transaction of the target; the catalogue follows its commit, so that a kill in between can only
 * make a row be tried again, which then is refused as it is there.
 */
#ifndef PGSTRAND_QUARANTINE_H
#define PGSTRAND_QUARANTINE_H

#include "agent/datadir.h"
#include "agent/progress.h"

MUST_CHECK status quarantine_retry(struct datadir *d, const uuid *workflow, const char *conninfo,
                                   const struct progress *progress, uint64_t *left, err *e);

#endif
