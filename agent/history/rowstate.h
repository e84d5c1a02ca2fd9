/*
 * rowstate: rows as they were at a seq, by the restore's own plan and fold, of as few actions and frames as
 * the index says are about them.
 *
 * Where the index cannot say it (whole tables, very many rows, a table whose key was exchanged since the
 * base) everything since the base is read, and that is said through the progress.
 */
#ifndef PGSTRAND_ROWSTATE_H
#define PGSTRAND_ROWSTATE_H

#include "agent/history/history.h"
#include "agent/history/rowset.h"

/* Gets a row that was there: `line` is COPY text without line end, in the columns of t->message. */
typedef status (*rowstate_sink)(void *context, const struct plan *p, const struct plan_table *t,
                                const uuid *entity, struct bytes line, err *e);

struct rowstate_request {
    uint64_t seq;
    const char *tables;       /* glob list of tables that matter; NULL: all */
    const struct rowset *set; /* the rows that are asked for, and whole tables */
    rowstate_sink sink;
    void *context;
};

/* *plan (the caller frees it) is the plan of that state: what tables there were, in which columns. */
MUST_CHECK status rowstate_at(struct history *h, const struct rowstate_request *request, struct plan **plan,
                              err *e);

#endif
