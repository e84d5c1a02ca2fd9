/*
 * entityview: one row's identity, value and history, as a document or for people.
 */
#ifndef PGSTRAND_ENTITYVIEW_H
#define PGSTRAND_ENTITYVIEW_H

#include "agent/history/rowvalue.h"
#include "tools/cli.h"

/* `seq`: the state that is shown; the history is shown up to it. */
MUST_CHECK status entityview_print(const struct cli *cli, const struct rowvalue *v,
                                   const struct rowhistory *r, uint64_t seq, err *e);

#endif
