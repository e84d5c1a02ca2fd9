/*
 * retelling: rows that a rewrite of their table told again (agent/setup/ADR-rewritten-rows-are-told-again.md)
 * among the touches of a history. Nobody made, deleted or moved them, and nobody changed them later than they
 * were changed before: else every row would be newer than what another device did before an ALTER TABLE.
 * What the rewrite left out, because USING wrote the key, is deleted; what it made is changed.
 *
 * The log has a TRUNCATE that says rewritten, and behind it, without a gap, an UPDATE of each row; the
 * application's own UPDATEs may follow as closely, but each of a row that was told before.
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
    uint64_t seq;              /* of the TRUNCATE */
    uint64_t next;
};

/* The touches of the TRUNCATE are in the stage's table. */
void retelling_begin(struct retelling *r, const struct stage *s, uint64_t seq);

/* Is this the next row, or might it be? */
bool retelling_takes(struct retelling *r, const struct stage *s, const struct source_action *a);

/* All its touches, of RETELLING_KIND, are in the stage's table: they become what they are. */
MUST_CHECK status retelling_settle(struct retelling *r, const struct history *h, struct pgconn *c, err *e);

#endif
