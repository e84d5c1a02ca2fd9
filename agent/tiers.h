/*
 * tiers: the rules that say where a table's rows may go.
 *
 * [tiers] default = business; business, audit, device and transient each hold a comma-separated list of names
 * or globs (* and ?), with or without schema, as in the catalogue (no quotes, case kept). An item may end in
 * " where COLUMN = 'VALUE'": then only such rows are of that tier, and the rows that are not take the first
 * plain rule's tier (or the default). The first match wins: rules with a column before plain ones, then the
 * order business, audit, device, transient, then within the list; a name without schema matches in any
 * schema. A table with two column rules is ERR_VALIDATION, and so is one whose other rows are
 * kept too: a row would then wander between files that travel differently. The rest must be transient.
 *
 * Ownership: tier_rules_new -> caller -> tier_rules_free. Threads: immutable once filled.
 */
#ifndef PGSTRAND_TIERS_H
#define PGSTRAND_TIERS_H

#include "proto/base/bytes.h"
#include "proto/base/err.h"
#include "proto/base/own.h"
#include "proto/relation.h"
#include "proto/tier.h"

struct tier_rules;

MUST_CHECK status tier_rules_new(enum tier fallback, struct tier_rules **out, err *e);
void tier_rules_free(struct tier_rules *r);
OWN_POINTER(tier_rules, tier_rules_free);

/* Adds one list; the text is copied. ERR_VALIDATION names the item that cannot be read. */
MUST_CHECK status tier_rules_add(struct tier_rules *r, enum tier tier, const char *list, err *e);
/* "business" -> TIER_BUSINESS; ERR_VALIDATION naming the nearest otherwise. */
MUST_CHECK status tier_parse(const char *word, enum tier *out, err *e);
/* Calls `rule` for every rule that looks at a column; `schema` NULL: any. Names are globs. Stops at a
 * failure. */
MUST_CHECK status tier_rules_each_column(const struct tier_rules *r,
                                         status (*rule)(void *context, const char *schema, const char *table,
                                                        const char *column, err *e),
                                         void *context, err *e);
/* The same for the rules that give tables a tier as a whole, whatever other rules say. */
MUST_CHECK status tier_rules_each_table(const struct tier_rules *r, enum tier tier,
                                        status (*rule)(void *context, const char *schema, const char *table,
                                                       err *e),
                                        void *context, err *e);
/* The lists as text, for the configuration file; borrowed. */
const char *tier_rules_list(const struct tier_rules *r, enum tier tier);
enum tier tier_rules_default(const struct tier_rules *r);

struct table_tier {
    enum tier tier;     /* of the table, or of the rows that match when column is set */
    enum tier other;    /* column set: of the rows that do not match; else equal to tier */
    const char *column; /* NULL: the whole table has one tier */
    const char *value;
    const char *rule; /* the item that decided, "default" when none did; borrowed from the rules */
};

/* Tables of the schema pgstrand are captured as audit (ddl) whatever the rules say. */
MUST_CHECK status tier_rules_match(const struct tier_rules *r, const char *schema, const char *table,
                                   struct table_tier *out, err *e);

/* The tier of one row: looks at column `t->column` of a TupleData written under `rel`. Without such a column
 * or with a NULL or other value: t->other. */
enum tier table_tier_of_row(const struct table_tier *t, const struct relation *rel, struct bytes tuple);

#endif
