/*
 * truncated: what a TRUNCATE of the source took, as touches of kind D: each row that the table had then.
 * Those that actions had made or changed are known from their touches; the others stand in the newest FULL
 * before it.
 *
 * Memory: a few MiB. Threads: one.
 */
#ifndef PGSTRAND_TRUNCATED_H
#define PGSTRAND_TRUNCATED_H

#include "agent/restore/fold/source.h"
#include "agent/restore/merge/touches.h"

/* All touches of the stage before the action are in its table. */
MUST_CHECK status truncated_touch(const struct history *h, const struct stage *s, struct pgconn *c,
                                  const struct source_action *a, err *e);

#endif
