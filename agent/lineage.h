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

#endif
