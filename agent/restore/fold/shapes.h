/*
 * shapes: the columns that tables have while the actions go by: first the base's, then what DDL tells, then
 * what each version of the schema says when it comes into force. The stream announces columns by name alone;
 * their attribute numbers are found here.
 *
 * Ownership: shapes_new -> caller -> shapes_free (NULL-safe); versions are borrowed. Threads: one.
 */
#ifndef PGSTRAND_SHAPES_H
#define PGSTRAND_SHAPES_H

#include "agent/restore/plan/versions.h"
#include "proto/relation.h"

struct shapes;

MUST_CHECK status shapes_new(const Pgstrand__Schema *base, const struct versions *versions,
                             struct shapes **out, err *e);
void shapes_free(struct shapes *s);
OWN_POINTER(shapes, shapes_free);

/* The next action has this seq: versions that came into force before it count. */
MUST_CHECK status shapes_reach(struct shapes *s, uint64_t seq, err *e);

/* A DDL action's content. */
MUST_CHECK status shapes_ddl(struct shapes *s, struct bytes content, err *e);

/* Rises with every change of any shape. */
uint64_t shapes_epoch(const struct shapes *s);

/*
 * The attribute numbers of the relation's columns, by the shape it has now, or, where that does not fit (what
 * DDL told was stale), by the next version that fits. Of a table that nothing was told of (rows of CREATE
 * TABLE AS come before their DDL) they are the columns' places. False: nothing fits.
 */
bool shapes_resolve(const struct shapes *s, const struct relation *r, uint16_t *attnum);

#endif
