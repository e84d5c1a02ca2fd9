/*
 * stage: a table's final rows in a temporary table of the target, beside the rows that it has, to be compared
 * with them.
 *
 * How a row is told from others is the target's matter: by the unique index over the columns of the chain's
 * key, with that index's own operators (citext); where the chain has no key, by the primary key; else equal
 * rows are counted.
 *
 * Ownership: stage_open -> caller -> stage_fini. The table goes with the transaction. Threads: one.
 */
#ifndef PGSTRAND_STAGE_H
#define PGSTRAND_STAGE_H

#include "agent/restore/job.h"

struct stage {
    size_t table; /* of the plan */
    const Pgstrand__Table *message;
    uint16_t *key; /* columns from 0 */
    uint16_t key_count;
    char **equals; /* by key: OPERATOR(pg_catalog.=) */
    uint64_t rows; /* staged */
};
void stage_fini(struct stage *s);
OWN_VALUE(stage, stage_fini);

/* Finds the key. ERR_SCHEMA when the target has no unique index for the key of the chain. */
MUST_CHECK status stage_open(struct job *job, struct pgconn *c, size_t table, struct stage *out, err *e);

/* Emits the rows into the temporary table; the job's proof gets the expected digest. */
MUST_CHECK status stage_load(struct stage *s, struct job *job, struct pgconn *c, err *e);

/* Pieces of statements, appended. The staged rows are FROM stage_name s, the target's FROM ONLY ... t. */
void stage_name(struct buf *out, const struct stage *s);
void stage_target(struct buf *out, const struct stage *s); /* ONLY schema.table */
void stage_columns(struct buf *out, const struct stage *s, const char *alias);
void stage_image(struct buf *out, const struct stage *s, const char *alias); /* the row as one value */
void stage_differs(struct buf *out, const struct stage *s);                  /* s from t, byte by byte */
void stage_same_key(struct buf *out, const struct stage *s);                 /* s and t */
/* The key's columns as a.k1, a.k2 are called in tables of ours: k1 = a.column ... */
void stage_key_list(struct buf *out, const struct stage *s, const char *alias, bool numbered);
void stage_key_match(struct buf *out, const struct stage *s, const char *numbered, const char *named);

#endif
