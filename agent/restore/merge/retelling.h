/*
 * retelling: rows that a rewrite of their table told again (agent/setup/ADR-rewritten-rows-are-told-again.md)
 * among the touches of a history. Nobody made, deleted or moved them, and nobody changed them later than they
 * were changed before: else every row would be newer than what another device did before an ALTER TABLE.
 * What the rewrite left out, because USING wrote the key, is deleted; what it made is changed.
 *
 * The log has a TRUNCATE that says rewritten, and behind it, without a gap, an UPDATE of each row; the
 * application's own UPDATEs may follow as closely, but each of a row that was told before. Where the
 * history's table had no key the rows come as CREATEs, and the same transaction's own ones may follow: those
 * of a key that was there before are told, the others made.
 *
 * Ownership: {0}, nothing is held. Threads: one.
 */
#ifndef PGSTRAND_RETELLING_H
#define PGSTRAND_RETELLING_H

#include "agent/restore/fold/source.h"
#include "agent/restore/merge/touches.h"

#define RETELLING_KIND 'R' /* of a touch, until it is settled */

struct retelling {
    const struct stage *stage; /* NULL: none goes on */
    bool keyed;                /* the history's table: not the stage's, whose key is the target's */
    uint64_t seq;              /* of the TRUNCATE */
    uint64_t next;
    uint64_t last; /* of its transaction */
};

/* Do the touches of this TRUNCATE have to be in the stage's table? */
bool retelling_compares(const struct history *h, const struct source_action *a, const struct relation *r);

/* They are, where they have to. */
void retelling_begin(struct retelling *r, const struct stage *s, const struct source_action *a,
                     const struct relation *told);

/* Is this the next row, or might it be? */
bool retelling_takes(struct retelling *r, const struct stage *s, const struct source_action *a);

/* All its touches, of RETELLING_KIND, are in the stage's table: they become what they are. */
MUST_CHECK status retelling_settle(struct retelling *r, const struct history *h, struct pgconn *c, err *e);

#endif
