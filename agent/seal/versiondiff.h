/*
 * versiondiff: what became of the rows between two versions of the schema: which tables' earlier rows cannot
 * be brought into the form they have now.
 *
 * Values that the stream never told (a rewrite with a volatile default or USING, SET LOGGED), that mean
 * something else now (a type whose text reads differently, a renamed enum label, a changed composite type, a
 * column that was generated), or that were not kept before (another tier).
 *
 * Pure.
 */
#ifndef PGSTRAND_VERSIONDIFF_H
#define PGSTRAND_VERSIONDIFF_H

#include "agent/seal/versionlabel.h"

/* Does the text of a value of type `from` mean the same in a column of type `to`, and is it printed the same
 * there? */
bool versiondiff_type_follows(uint32_t from, uint32_t to);

/* The findings, in the label's arena. */
MUST_CHECK status versiondiff_find(struct versionlabel *label, const Pgstrand__Schema *before,
                                   const Pgstrand__Schema *now, Pgstrand__RowsChanged **out, size_t *count,
                                   err *e);

#endif
