/*
 * lineage: the own chain, over all incarnations of the node.
 */
#ifndef PGSTRAND_LINEAGE_H
#define PGSTRAND_LINEAGE_H

#include "agent/datadir.h"
#include "store/chain.h"

/* The own chain; when the present incarnation has sealed nothing yet, that of the one before, ready to go on
 * in the new folder. Count 0: nothing was ever sealed. */
MUST_CHECK status lineage_load(const struct datadir *d, struct chain **out, err *e);

/* Where a log begins that has to be made because there is none (any more): behind the chain, and so are the
 * versions of its relations. All zero when there is a log. */
struct lineage_end {
    uint64_t seq;
    uint32_t relation;
};
MUST_CHECK status lineage_before_log(const struct datadir *d, struct lineage_end *out, err *e);

#endif
