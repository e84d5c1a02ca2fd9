#include <stdlib.h>
#include <string.h>

#include "agent/pg/schema.h"
#include "agent/pg/tables.h"
#include "proto/pbmem.h"

/* How many sequences one query reads: each is a relation of its own. */
#define BATCH 256

/* With the table whose column owns the sequence (serial, identity), or else uses it in a default. */
static const char sequences_query[] =
    "SELECT n.nspname, c.relname, coalesce("
    "  (SELECT d.refobjid FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::regclass"
    "    AND d.objid = c.oid AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.deptype IN ('a', 'i')"
    "    ORDER BY d.refobjid LIMIT 1),"
    "  (SELECT a.adrelid FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_attrdef a ON a.oid = d.objid"
    "    WHERE d.classid = 'pg_catalog.pg_attrdef'::regclass AND d.refclassid = "
    "'pg_catalog.pg_class'::regclass"
    "    AND d.refobjid = c.oid ORDER BY a.adrelid LIMIT 1), 0)"
    " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relkind = 'S' AND c.relpersistence <> 't' AND n.nspname NOT LIKE 'pg\\_%'"
    "  AND n.nspname NOT IN ('information_schema', 'pgstrand')"
    " ORDER BY n.nspname COLLATE \"C\", c.relname COLLATE \"C\"";

/* A sequence goes where the rows go that take their numbers from it, the farthest of them. */
static enum tier tier_of(const struct table_list *tables, uint32_t table)
{
    for (size_t i = 0; table != 0 && i < tables->count; i++) {
        const struct table_tier *t = &tables->table[i].tier;
        if (tables->table[i].oid == table)
            return t->tier < t->other ? t->tier : t->other;
    }
    return TIER_BUSINESS;
}

static status add_sequence(Pgstrand__Sequences *s, const struct pgrows *names, int row, enum tier tier,
                           err *e)
{
    Pgstrand__Sequence *q = malloc(sizeof *q);
    if (q == NULL)
        return err_no_memory(e);
    pgstrand__sequence__init(q);
    s->sequence[s->n_sequence++] = q;
    q->schema = strdup(pgrows_text(names, row, 0));
    q->name = strdup(pgrows_text(names, row, 1));
    q->tier = (Pgstrand__Tier)tier;
    return q->schema != NULL && q->name != NULL ? DONE : err_no_memory(e);
}

/* Fills last_value and is_called of the sequences first .. end - 1. */
static status read_values(struct pgconn *c, Pgstrand__Sequences *s, size_t first, size_t end, err *e)
{
    OWNED(buf) struct buf sql = {0};
    for (size_t i = first; i < end; i++) {
        buf_printf(&sql, "%sSELECT %zu AS i, last_value, is_called FROM ", i > first ? " UNION ALL " : "", i);
        table_quote(&sql, s->sequence[i]->schema, s->sequence[i]->name);
    }
    OWNED(pgrows) struct pgrows *rows = NULL;
    if (!pgconn_query(c, buf_cstring(&sql), 0, NULL, &rows, e).ok)
        return err_wrap(e, "cannot read the sequences");
    for (int row = 0; row < pgrows_count(rows); row++) {
        size_t i = (size_t)pgrows_int(rows, row, 0);
        if (i < first || i >= end)
            continue;
        s->sequence[i]->last_value = pgrows_int(rows, row, 1);
        s->sequence[i]->is_called = pgrows_bool(rows, row, 2);
    }
    return DONE;
}

status schema_sequences(struct pgconn *c, const struct table_list *tables, Pgstrand__Sequences **out, err *e)
{
    OWNED(pgrows) struct pgrows *names = NULL;
    TRY(pgconn_query(c, sequences_query, 0, NULL, &names, e));
    int count = pgrows_count(names);

    PB_OWNED(Pgstrand__Sequences) *s = malloc(sizeof *s);
    if (s == NULL)
        return err_no_memory(e);
    pgstrand__sequences__init(s);
    s->sequence = calloc((size_t)count + 1, sizeof(Pgstrand__Sequence *));
    if (s->sequence == NULL)
        return err_no_memory(e);
    for (int row = 0; row < count; row++) {
        enum tier tier = tier_of(tables, (uint32_t)pgrows_int(names, row, 2));
        if (tier != TIER_TRANSIENT)
            TRY(add_sequence(s, names, row, tier, e));
    }
    for (size_t first = 0; first < s->n_sequence; first += BATCH)
        TRY(read_values(c, s, first, first + BATCH < s->n_sequence ? first + BATCH : s->n_sequence, e));
    *out = s;
    s = NULL;
    return DONE;
}
