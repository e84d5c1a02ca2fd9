/*
 * healrecord: an incarnation that is being begun, in the catalogue, so that a kill at any moment is survived.
 *
 * The log's switch to the new incarnation decides. Before it, what was prepared is forgotten, and the next
 * try begins anew; after it, what is missing (identity, slot position, schema break) is made up for from the
 * record.
 */
#ifndef PGSTRAND_HEALRECORD_H
#define PGSTRAND_HEALRECORD_H

#include "agent/datadir.h"

MUST_CHECK status healrecord_save(struct datadir *d, const Pgstrand__HealRecord *record, err *e);

/* After the switch: the identity is the new incarnation's, in one write with all that belongs to it. Forgets
 * the record. */
MUST_CHECK status healrecord_adopt(struct datadir *d, const Pgstrand__HealRecord *record, err *e);

struct healrecord_settled {
    bool finished; /* the identity is a new one now */
    bool broken;   /* and a schema break was recorded with it: a new FULL follows */
};

/* Before a try: finishes or forgets what an interruption or a failed write left. */
MUST_CHECK status healrecord_settle(struct datadir *d, struct healrecord_settled *out, err *e);

#endif
