/*
 * tablemsg: a table of the database as the Table message of snapshot.proto.
 *
 * Ownership: everything the message points at lives in the arena, or is borrowed from the table list.
 */
#ifndef PGSTRAND_TABLEMSG_H
#define PGSTRAND_TABLEMSG_H

#include <snapshot.pb-c.h>

#include "agent/pg/tables.h"
#include "proto/base/arena.h"

/* `number` within the snapshot; base_lsn LSN_NONE leaves it out. */
MUST_CHECK status tablemsg_fill(const struct table_info *table, uint32_t number, const uuid *id, lsn base_lsn,
                                struct arena *arena, Pgstrand__Table *out, err *e);

/* Does the table have rows that pgstrand keeps? Not partitioned roots, unlogged tables or wholly transient
 * ones. */
bool tablemsg_has_rows(const struct table_info *table);

#endif
