/*
 * replident: replica identities that init raises and uninstall puts back. Every change is recorded in
 * pgstrand.identity in the transaction that makes it.
 */
#ifndef PGSTRAND_REPLIDENT_H
#define PGSTRAND_REPLIDENT_H

#include "agent/pg/tables.h"
#include "agent/progress.h"
#include "agent/setup/setuprecord.h"

/*
 * REPLICA IDENTITY FULL for every permanent table that has no usable identity, or whose tier depends on a
 * column. Waits for each table's lock in short turns, so that the application never queues behind it;
 * ERR_TIMEOUT when one stays locked for a minute. A table that belongs to another role is left out and said.
 * The names go into `record`, which the caller saves.
 */
MUST_CHECK status replident_raise(struct pgconn *c, const struct tier_rules *rules,
                                  Pgstrand__SetupRecord *record, const struct progress *progress, err *e);

/* ERR_SCHEMA naming the table, when the application could not change the rows of one while it is published
 * (table_blocks). */
MUST_CHECK status replident_check(struct pgconn *c, const struct tier_rules *rules, err *e);

/* Puts back what stood before pgstrand's first change; tables that are gone, or whose identity someone
 * changed since, are left. Without pgstrand.identity, or when schema pgstrand is not `ours`: the names in
 * `record` become DEFAULT. Call it after the publication is gone. */
MUST_CHECK status replident_restore(struct pgconn *c, const Pgstrand__SetupRecord *record, bool ours,
                                    const struct progress *progress, err *e);

#endif
