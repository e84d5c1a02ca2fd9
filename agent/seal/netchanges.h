/*
 * netchanges: which of a row of actions the state at their end needs. Two passes over the same actions: all
 * are noted first, then each is asked for.
 *
 * Of an entity's actions only those since the last one that tells its whole row, or that it is gone, are
 * needed; of a table's those since its last TRUNCATE. An UPDATE that changes the key touches two entities;
 * when it also left large values out, one's row is made from the other's, and both are needed from there on.
 * All is kept of tables without key (rows are counted), and of tables that were noted under more than one
 * shape or tier: what one version of them tells need not be visible, or mean the same, where another is. DDL
 * is needed, messages are not.
 *
 * Threads: one. Memory: KiB per table, and `memory` bytes for entities; what does not fit is kept
 * (keepfrom.h).
 */
#ifndef PGSTRAND_NETCHANGES_H
#define PGSTRAND_NETCHANGES_H

#include "agent/restore/fold/source.h"

struct netchanges;

MUST_CHECK status netchanges_new(size_t memory, struct netchanges **out, err *e);
void netchanges_free(struct netchanges *n); /* NULL-safe */
OWN_POINTER(netchanges, netchanges_free);

/* `from`: where `a` was just read. ERR_STORAGE when the action lacks what it must have. */
MUST_CHECK status netchanges_note(struct netchanges *n, struct source *from, const struct source_action *a,
                                  err *e);
MUST_CHECK status netchanges_needs(struct netchanges *n, struct source *from, const struct source_action *a,
                                   bool *needed, err *e);

#endif
