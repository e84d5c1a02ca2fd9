/*
 * rowcolumns: the attribute numbers of the columns in a row's history, where DDL tells them: a renamed column
 * is the same one.
 */
#ifndef PGSTRAND_ROWCOLUMNS_H
#define PGSTRAND_ROWCOLUMNS_H

#include "agent/history/rowhistory.h"

/* Fills them in in the relations of the events behind the plan's base; elsewhere columns are told by name. */
MUST_CHECK status rowcolumns_resolve(struct history *h, const struct plan *p, struct rowhistory *r, err *e);

#endif
