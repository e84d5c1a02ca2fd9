/*
 * rowfilter: which rows belong to a business. Applied to the folded state: rows of the chosen business, or of
 * all but the demo ones, come; those of others do not; README.md beside this says what belongs to whom.
 *
 * The final rows of every table that foreign keys tie to the root table are written to a file once, and come
 * out of it afterwards. Memory: four bits a row of them; keys lie on disk.
 *
 * Ownership: rowfilter_make -> plan -> rowfilter_free (NULL-safe). Threads: one while it is made; then
 * different tables may be emitted at once.
 */
#ifndef PGSTRAND_ROWFILTER_H
#define PGSTRAND_ROWFILTER_H

#include "agent/restore/fold/fold.h"
#include "agent/restore/plan/plan.h"

struct rowfilter;

/* As the configuration's section [business] has it. */
struct rowfilter_rules {
    const char *root;        /* table; schema.table or the name alone */
    const char *key;         /* its column that names a business */
    const char *demo_column; /* "": none; a boolean column that is true for demo businesses */
    const char *demo_ids;    /* keys of demo businesses, comma-separated */
    const char *shared;      /* glob list: tables whose rows all come */
    const char *exclude;     /* glob list: tables none of whose rows come */
};

struct rowfilter_options {
    struct rowfilter_rules rules;
    const char *business; /* NULL: all */
    bool no_demo;
    const char *dir; /* for its files */
};

/* The actions are in the fold. ERR_VALIDATION when there is no such business, or the rules name what is not
 * there. */
MUST_CHECK status rowfilter_make(struct plan *p, struct fold *f, const struct rowfilter_options *options,
                                 struct rowfilter **out, err *e);
void rowfilter_free(struct rowfilter *r);

/* The rows of one of the tables that it has (plan_table.filtered), with the digest they must have. */
MUST_CHECK status rowfilter_emit(struct rowfilter *r, const struct plan *p, const struct plan_table *t,
                                 const struct fold_sink *sink, struct table_digest *expected, err *e);

/* What is worth saying: one line each, until it returns false. `at` from 0. */
bool rowfilter_note(const struct rowfilter *r, size_t at, char *line, size_t size);

#endif
