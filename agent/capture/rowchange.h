/*
 * rowchange: one INSERT, UPDATE or DELETE as the actions it means under the table's tiers: none, one, or two
 * when the row moves from one tier to another.
 */
#ifndef PGSTRAND_ROWCHANGE_H
#define PGSTRAND_ROWCHANGE_H

#include "agent/capture/transaction.h"

MUST_CHECK status rowchange_apply(struct transaction *t, struct rel_entry *rel,
                                  const struct pgoutput_message *msg, err *e);

#endif
