/*
 * inherit: a new machine that restored another's chain becomes a node of the same dataset.
 */
#ifndef PGSTRAND_INHERIT_H
#define PGSTRAND_INHERIT_H

#include "agent/restore/job.h"
#include "agent/restore/plan/place.h"

/* The data directory gets an identity: the chain's dataset, a new device and node; the recovery key's secret
 * goes to the result. */
MUST_CHECK status inherit_identity(struct job *job, const struct place *place, err *e);

#endif
