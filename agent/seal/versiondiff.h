/*
 * versiondiff: what became of the rows between two versions of the schema: which tables' earlier rows cannot
 * be brought into the form they have now.
 *
 * Values that the stream never told (a rewrite with a volatile default or USING, SET LOGGED), that mean
 * something else now (a type whose text reads differently, a renamed enum label, a changed composite type or
 * row of another table, at any depth, a column that was generated), or that were not kept before (another
 * tier).
 *
 * A table whose rows were told again behind such a change (ddl_object.retold) has none; that is found, too.
 *
 * Pure.
 */
#ifndef PGSTRAND_VERSIONDIFF_H
#define PGSTRAND_VERSIONDIFF_H

#include "agent/pg/typeuse.h"
#include "agent/seal/versionlabel.h"

struct versiondiff {
    Pgstrand__RowsChanged *changed;
    size_t changes;
    Pgstrand__RowsRetold *retold;
    size_t retolds;
};

/* The findings, in the label's arena. `uses`: of types, under `now`. */
MUST_CHECK status versiondiff_find(struct versionlabel *label, const Pgstrand__Schema *before,
                                   const Pgstrand__Schema *now, const struct typeuse_list *uses,
                                   struct versiondiff *out, err *e);

#endif
