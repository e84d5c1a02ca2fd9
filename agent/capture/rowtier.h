/*
 * rowtier: which tier a change of a row leaves and which it enters, where the table's rule looks at a column.
 *
 * Threads: any. Ownership: the verdict borrows from the message and from `merged`.
 */
#ifndef PGSTRAND_ROWTIER_H
#define PGSTRAND_ROWTIER_H

#include "agent/capture/relmap.h"

struct row_verdict {
    enum tier from;     /* where the old row is kept; TIER_NONE: nowhere (INSERT, or it was transient) */
    enum tier to;       /* where the new row is kept; TIER_NONE: nowhere */
    struct bytes whole; /* the new row with the values that were not sent because they did not change */
    bool guessed;       /* the old row's tier is not known: the server sent no whole old row */
};

/* For I, U and D on a table with rel->tier.column. */
MUST_CHECK status rowtier_judge(const struct rel_entry *rel, const struct pgoutput_message *msg,
                                struct buf *merged, struct row_verdict *out, err *e);

#endif
