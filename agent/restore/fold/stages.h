/*
 * stages: a table's history in the fold. Rows are folded by key; where the key changes (a primary key is
 * added, dropped or exchanged), what was folded so far becomes the base of a next stage with the new key.
 *
 * All stages have the target's columns; one whose key has a column that the target no longer has carries it
 * as an extra one behind them.
 *
 * Ownership: stages_begin -> the plan's tables -> stages_free (NULL-safe). Threads: one, until the actions
 * are in; then stages_emit may run for different tables at once.
 */
#ifndef PGSTRAND_STAGES_H
#define PGSTRAND_STAGES_H

#include "agent/restore/fold/fold.h"
#include "agent/restore/fold/rowmap.h"
#include "agent/restore/plan/plan.h"
#include "proto/relation.h"

struct stages;

void stages_free(struct stages *s);

/* The first stage of each of the plan's tables, in their order; the fold is empty. */
MUST_CHECK status stages_begin(struct plan *p, struct fold *f, err *e);

/*
 * The next action of the table has this relation, whose columns have these attribute numbers: a new stage
 * when its key is another one. *stage is the fold's number of the table, *columns what its rows must have
 * (borrowed until the next call). ERR_SCHEMA when the key cannot be followed.
 */
MUST_CHECK status stages_for(struct plan *p, struct fold *f, struct plan_table *t, const struct relation *r,
                             const uint16_t *attnum, size_t *stage, struct rowmap_columns *columns, err *e);

/* What rows lack that were written under other columns: a text for each of `columns`; borrowed from the plan.
 */
void stages_missing(const struct plan *p, const struct plan_table *t, const struct rowmap_columns *columns,
                    const char **missing);

void stages_truncate(struct fold *f, struct plan_table *t);

/* All actions are in. */
MUST_CHECK status stages_end(struct plan *p, struct fold *f, err *e);

/* Are the table's rows those of the base, byte for byte? */
bool stages_is_base(struct fold *f, const struct plan_table *t);

/* The final rows, with the digest the restored table must have. `dir`: for what lies between two stages. */
MUST_CHECK status stages_emit(const struct plan *p, struct fold *f, struct plan_table *t, const char *dir,
                              const struct fold_sink *sink, struct table_digest *expected, err *e);

#endif
