/*
 * fold: table bases and all actions up to a target become one final state per entity. Rows are never written
 * and then changed.
 *
 *   fold_table     once per table
 *   fold_action    in seq order, all tables mixed; fold_truncate: everything before is gone, base included
 *   fold_settle    when all actions are in
 *   fold_emit      per table, when all actions are in: its base rows stream past and its final rows come out,
 *                  in no particular order, together with the digest the restored table must have
 *
 * Memory:   `memory` bytes over all tables; beyond it the largest table goes to disk (foldspill.h). The
 *           result does not depend on it.
 *
 * Threads:  one, until fold_settle; then fold_emit may run for different tables at once. Actions are folded
 *           in a thread of the fold's own, while the caller reads the next ones; other calls wait for it.
 *
 * Failure:  ERR_STORAGE when actions do not fit the rows before them (damage); ERR_SCHEMA when a row has
 *           another number of columns than its table. A later call may tell it, fold_settle at the latest.
 */
#ifndef PGSTRAND_FOLD_H
#define PGSTRAND_FOLD_H

#include "agent/restore/fold/foldemit.h"
#include "proto/action.h"

struct fold;

struct fold_options {
    size_t memory;     /* bytes of all maps together */
    const char *dir;   /* for spilled tables; made by the caller */
    unsigned emitters; /* fold_emit calls that may run at once: they share `memory` */
};

MUST_CHECK status fold_new(const struct fold_options *options, struct fold **out, err *e);
void fold_free(struct fold *f); /* NULL-safe */
OWN_POINTER(fold, fold_free);

/* `shape` is copied. Tables are numbered from 0 in the order of these calls. */
MUST_CHECK status fold_table(struct fold *f, const struct fold_shape *shape, err *e);

/* How many there are: the next one's number. */
size_t fold_count(const struct fold *f);

/* `seq` is for messages. */
MUST_CHECK status fold_action(struct fold *f, size_t table, uint64_t seq, const struct action *a, err *e);
void fold_truncate(struct fold *f, size_t table);

/* What was given is folded; more may come. */
MUST_CHECK status fold_settle(struct fold *f, err *e);

/* Is the base needed? After a TRUNCATE it is not. */
bool fold_needs_base(struct fold *f, size_t table);
/* Did it not fit in memory? */
bool fold_is_spilled(struct fold *f, size_t table);
/* Did an action fail because a table could not be written to `dir`? Then nothing is wrong with the actions.
 */
bool fold_spill_failed(struct fold *f);

/* Are its final rows those of its base? */
bool fold_is_unchanged(struct fold *f, size_t table);

/* `base_digest` NULL: not known, then every row is hashed. The table's memory is given back. */
MUST_CHECK status fold_emit(struct fold *f, size_t table, const struct fold_source *base,
                            const struct table_digest *base_digest, const struct fold_sink *sink,
                            struct table_digest *expected, err *e);

#endif
