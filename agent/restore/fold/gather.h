/*
 * gather: runs the actions up to the plan's limit into the fold.
 *
 * Fails with ERR_SCHEMA, saying what can be restored instead, when the schema changed between base and
 * target: an older schema's rows cannot be mapped yet.
 */
#ifndef PGSTRAND_GATHER_H
#define PGSTRAND_GATHER_H

#include "agent/progress.h"
#include "agent/restore/fold/fold.h"
#include "agent/restore/plan/plan.h"

/* Makes the fold's tables (in the plan's order) and folds; p->seq and the counts are final afterwards. */
MUST_CHECK status gather_run(struct plan *p, struct fold *f, const struct progress *progress, err *e);

/* The message of a schema change at `seq`, in a commit that begins at `first_seq`; `oid`: of the table it is
 * about, 0: of any. */
MUST_CHECK status gather_schema_changed(const struct plan *p, uint32_t oid, uint64_t seq, uint64_t first_seq,
                                        const char *what, err *e);

#endif
