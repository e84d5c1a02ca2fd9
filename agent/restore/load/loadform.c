#include "agent/restore/load/loadform.h"

#include "agent/pg/tables.h"

#define ROWS_LEAST 1000 /* below, the question costs more than it saves */

void loadform_fini(struct loadform *f)
{
    free(f->column);
    *f = (struct loadform){0};
}

/* A domain's receive function reads what its base type's does, and then checks. */
static const char columns_query[] =
    "WITH RECURSIVE base AS (SELECT a.attname, a.atttypid AS type FROM pg_catalog.pg_attribute a"
    "  WHERE a.attrelid = $1::pg_catalog.regclass AND a.attnum > 0 AND NOT a.attisdropped"
    " UNION ALL SELECT b.attname, t.typbasetype FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.type"
    "  WHERE t.typtype = 'd')"
    " SELECT b.attname, b.type::bigint, t.typtype = 'e' FROM base b JOIN pg_catalog.pg_type t ON t.oid = "
    "b.type"
    " WHERE t.typtype <> 'd'";

static enum copybinary_form form_of(const struct pgrows *rows, const char *name)
{
    for (int i = 0; i < pgrows_count(rows); i++)
        if (strcmp(pgrows_text(rows, i, 0), name) == 0)
            return copybinary_form_of((uint32_t)pgrows_int(rows, i, 1), pgrows_bool(rows, i, 2));
    return COPYBINARY_NONE;
}

status loadform_choose(struct pgconn *c, const Pgstrand__Table *t, uint64_t rows, struct loadform *out,
                       err *e)
{
    OWNED(pgrows) struct pgrows *types = NULL;
    OWNED(buf) struct buf name = {0};
    *out = (struct loadform){0};
    if (rows < ROWS_LEAST || t->n_column == 0)
        return DONE;
    table_quote(&name, t->schema, t->name);
    TRY(buf_done(&name, e));
    const char *params[] = {buf_cstring(&name)};
    TRY(pgconn_query(c, columns_query, 1, params, &types, e));
    OWNED(memory) enum copybinary_form *column = calloc(t->n_column, sizeof *column);
    if (column == NULL)
        return err_no_memory(e);
    for (size_t i = 0; i < t->n_column; i++) {
        column[i] = form_of(types, t->column[i]->name);
        if (column[i] == COPYBINARY_NONE)
            return DONE;
    }
    *out = (struct loadform){column, t->n_column};
    column = NULL;
    return DONE;
}
