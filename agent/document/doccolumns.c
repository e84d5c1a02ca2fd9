#include "agent/document/doccolumns.h"

#include "agent/pg/tables.h"
#include "proto/copytext.h"

/* A domain is what it is made of; typcategory of an array is A. */
static const char columns_query[] =
    "WITH RECURSIVE base AS ("
    "  SELECT a.attnum, a.attname, a.attgenerated, t.oid AS type, t.typtype, t.typbasetype, t.typcategory"
    "  FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid"
    "  WHERE a.attrelid = pg_catalog.to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped"
    " UNION ALL"
    "  SELECT b.attnum, b.attname, b.attgenerated, t.oid, t.typtype, t.typbasetype, t.typcategory"
    "  FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.typbasetype WHERE b.typtype = 'd')"
    " SELECT attname, attgenerated <> '', typcategory = 'A', type IN (114, 3802), type = 17"
    " FROM base WHERE typtype <> 'd' ORDER BY attnum";

static bool is_key(const Pgstrand__Table *t, const char *name)
{
    for (size_t i = 0; i < t->n_column; i++)
        if (strcmp(t->column[i]->name, name) == 0)
            return t->column[i]->key && (t->replica_identity == 'd' || t->replica_identity == 'i');
    return false;
}

status doccolumns_read(struct pgconn *c, const Pgstrand__Table *t, struct doccolumns *out, err *e)
{
    OWNED(buf) struct buf name = {0};
    table_quote(&name, t->schema, t->name);
    const char *const params[] = {buf_cstring(&name)};
    TRY(buf_done(&name, e));
    TRY(pgconn_query(c, columns_query, 1, params, &out->rows, e));
    const int count = pgrows_count(out->rows);
    if (count == 0)
        return err_set(e, ERR_SCHEMA, "the database has no such table, or it has no columns");
    out->column = calloc((size_t)count, sizeof *out->column);
    if (out->column == NULL)
        return err_no_memory(e);
    for (int i = 0; i < count; i++) {
        struct doccolumn *column = &out->column[out->count++];
        column->name = pgrows_text(out->rows, i, 0);
        column->generated = pgrows_bool(out->rows, i, 1);
        column->kind = pgrows_bool(out->rows, i, 2)   ? DOCVALUE_ARRAY
                       : pgrows_bool(out->rows, i, 3) ? DOCVALUE_JSON
                       : pgrows_bool(out->rows, i, 4) ? DOCVALUE_BYTES
                                                      : DOCVALUE_TEXT;
        column->key = is_key(t, column->name);
    }
    return DONE;
}

void doccolumns_fini(struct doccolumns *c)
{
    for (size_t i = 0; i < c->count; i++)
        buf_fini(&c->column[i].text);
    free(c->column);
    pgrows_free(c->rows);
    *c = (struct doccolumns){0};
}

struct doccolumn *doccolumns_find(const struct doccolumns *c, const char *name)
{
    for (size_t i = 0; i < c->count; i++)
        if (strcmp(c->column[i].name, name) == 0)
            return &c->column[i];
    return NULL;
}

void doccolumns_clear(struct doccolumns *c)
{
    for (size_t i = 0; i < c->count; i++)
        c->column[i].present = false;
}

bool doccolumns_any(const struct doccolumns *c)
{
    bool any = false;
    for (size_t i = 0; i < c->count; i++)
        any |= c->column[i].present;
    return any;
}

status doccolumns_set(struct doccolumn *column, struct buf *text, err *e)
{
    column->present = true;
    column->null = text == NULL;
    if (text == NULL)
        return DONE;
    TRY(buf_done(text, e));
    const struct buf spare = column->text;
    column->text = *text;
    *text = spare;
    return DONE;
}

const char *doccolumns_missing_key(const struct doccolumns *c)
{
    for (size_t i = 0; i < c->count; i++)
        if (c->column[i].key && !c->column[i].present)
            return c->column[i].name;
    return NULL;
}

bool doccolumns_changed(struct doccolumns *c)
{
    bool changed = false;
    for (size_t i = 0; i < c->count; i++) {
        changed |= c->column[i].copied != c->column[i].present;
        c->column[i].copied = c->column[i].present;
    }
    return changed;
}

void doccolumns_list(const struct doccolumns *c, struct buf *sql)
{
    bool first = true;
    for (size_t i = 0; i < c->count; i++) {
        if (!c->column[i].copied)
            continue;
        if (!first)
            buf_text(sql, ", ");
        first = false;
        pgconn_quote_name(sql, c->column[i].name);
    }
}

void doccolumns_line(const struct doccolumns *c, struct buf *out)
{
    bool first = true;
    for (size_t i = 0; i < c->count; i++) {
        const struct doccolumn *column = &c->column[i];
        if (!column->copied)
            continue;
        copytext_value(
            out, first,
            (struct value){.kind = column->null ? VALUE_NULL : VALUE_TEXT, .text = buf_view(&column->text)});
        first = false;
    }
    buf_u8(out, '\n');
}
