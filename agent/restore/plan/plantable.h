/*
 * plantable: the tables of a plan: which come, where the rows of each begin, and the row counts and digests
 * that were sealed.
 */
#ifndef PGSTRAND_PLANTABLE_H
#define PGSTRAND_PLANTABLE_H

#include "agent/restore/fold/foldline.h"
#include "agent/restore/plan/plan.h"
#include "proto/relation.h"

MUST_CHECK status plantable_fill(struct plan *p, const char *globs, err *e);

/* The table in a target that has it in a newer form: by the chain's columns the name that each has there,
 * NULL: it is no more. Before anything is gathered. */
MUST_CHECK status plantable_fit(struct plan_table *t, const char *const *name, err *e);
/* A column that only the target has. */
MUST_CHECK status plantable_extra(struct plan_table *t, const char *name, err *e);
void plantable_fini(struct plan_table *t);

/* The table with this UUID; NULL when the base has none. */
struct plan_table *plantable_find(const struct plan *p, const uuid *id);

/* The table with this OID; NULL when the target has none. */
struct plan_table *plantable_by_oid(const struct plan *p, uint32_t oid);

/* Do the rows of any table begin in this link? */
bool plantable_begins_in(const struct plan *p, size_t link);

/* The column's attribute number; where none was sealed, its place. */
uint16_t plantable_attnum(const Pgstrand__Table *t, size_t column);
/* NULL when it has none of this number. */
const Pgstrand__Column *plantable_column(const Pgstrand__Table *t, uint16_t attnum);

/* Its rows as they are at the target; `key` has room for its columns and is lent to *out. */
void plantable_shape(const struct plan_table *t, const char *label, uint16_t *key, struct fold_shape *out);

/* Are rows told apart by a key, as relation_is_keyed has it? */
bool plantable_is_keyed(const Pgstrand__Table *t);

/* The types of one column of the table and of a relation. `elsewhere`: the relation is of another database,
 * where types that somebody made have other OIDs; two such types pass for one, since the rows do not name
 * them. */
bool plantable_same_type(const Pgstrand__Column *a, const struct column *b, bool elsewhere);

/* Is the relation the table as the base knows it? `what` (of `size` bytes) says the first difference. */
bool plantable_fits(const struct plan_table *t, const struct relation *r, bool elsewhere, char *what,
                    size_t size);

#endif
