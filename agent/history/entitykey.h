/*
 * entitykey: which entity an action, a line of a base, or a key that somebody typed is about; and the names
 * under which the index of entities keeps what concerns more than one row.
 *
 * Pure. Threads: any, with a scratch buffer each.
 */
#ifndef PGSTRAND_ENTITYKEY_H
#define PGSTRAND_ENTITYKEY_H

#include <snapshot.pb-c.h>

#include "proto/action.h"
#include "proto/relation.h"

/* What the index files it under. */
uint64_t entitykey_hash(const uuid *entity);

/* `now`: by the new row, or by the old one when there is no new one. `before`: by the old key when that
 * differs, else nil. *found false: it has no row. Equal rows
 * of a table without a key are one entity. */
MUST_CHECK status entitykey_of_action(const struct relation *r, const struct action *a, const uuid *dataset,
                                      struct buf *scratch, uuid *now, uuid *before, bool *found, err *e);

/* A line of COPY text (without line end) of a table with a key, in the columns of `t`. */
MUST_CHECK status entitykey_of_line(const Pgstrand__Table *t, struct bytes line, const uuid *dataset,
                                    struct buf *scratch, uuid *out, err *e);

/* The values of the key's columns, in the order of the columns, as PostgreSQL prints them. */
MUST_CHECK status entitykey_of_values(const Pgstrand__Table *t, const char *const *value, size_t count,
                                      const uuid *dataset, uuid *out, err *e);

/* The columns of the key, by their places in t->column; returns how many (0: it has none). */
uint16_t entitykey_columns(const Pgstrand__Table *t, uint16_t *column);

MUST_CHECK status entitykey_table(const Pgstrand__Table *t, uuid *out, err *e);

/* Filed under a table's UUID are its TRUNCATEs; under this the actions that gave a row of it another key;
 * under UUID_NIL all DDL. */
MUST_CHECK status entitykey_moves(const uuid *table, uuid *out, err *e);

#endif
