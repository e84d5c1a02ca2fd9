/*
 * proofs: which restores were compared with what they should be, table by table. They are kept in the
 * catalogue, the newest PROOFS_KEPT; `status` shows the last one.
 *
 * Threads: as the datadir's catalogue.
 */
#ifndef PGSTRAND_PROOFS_H
#define PGSTRAND_PROOFS_H

#include "agent/restore/restore.h"

#define PROOFS_KEPT 200

/* A restore that ended well: recorded when everything of the own device came and every table was compared and
 * equal; its last snapshot is then marked as verified. */
MUST_CHECK status proofs_record(struct datadir *d, const struct restore_request *request,
                                const struct restore_result *result, const uuid *workflow, pgtime began,
                                err *e);

/* A drill, good or not (`why`, else NULL). */
MUST_CHECK status proofs_record_drill(struct datadir *d, const struct restore_result *result,
                                      const uuid *workflow, pgtime began, const err *why, err *e);

/* The last good one, and the last of all; NULL in each when there is none. Freed by pbmem_free. */
MUST_CHECK status proofs_last(struct datadir *d, Pgstrand__ProofRecord **good, Pgstrand__ProofRecord **last,
                              err *e);

/* The same of drills alone. */
MUST_CHECK status proofs_last_drill(struct datadir *d, Pgstrand__ProofRecord **good,
                                    Pgstrand__ProofRecord **last, err *e);

#endif
