/*
 * stagediff: staged rows against those of the target: what a replace restore would add, change and remove.
 *
 * A table without a key is a multiset: equal rows are counted, none is changed.
 */
#ifndef PGSTRAND_STAGEDIFF_H
#define PGSTRAND_STAGEDIFF_H

#include "agent/restore/merge/stage.h"

MUST_CHECK status stagediff_count(const struct stage *s, struct pgconn *c, struct row_changes *out, err *e);

/* Each of them to the request's diff_row. `removes`: are rows that are not staged to be told? */
MUST_CHECK status stagediff_tell(const struct stage *s, struct job *job, struct pgconn *c, bool removes,
                                 err *e);

#endif
