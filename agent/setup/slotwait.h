/*
 * slotwait: making a replication slot, telling meanwhile what it waits for. A slot's consistent point lies
 * behind all transactions that were running when it was asked for, of every database of the cluster.
 */
#ifndef PGSTRAND_SLOTWAIT_H
#define PGSTRAND_SLOTWAIT_H

#include "agent/pg/slot.h"
#include "agent/progress.h"

/* `query`: another connection to the same server, idle. Returns as slot_create does. */
MUST_CHECK status slotwait_create(struct pgconn *replication, struct pgconn *query, const char *name,
                                  enum slot_life life, const struct progress *progress,
                                  struct slot_export *out, err *e);

#endif
