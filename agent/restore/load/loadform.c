#include "agent/restore/load/loadform.h"

#include "agent/pg/tables.h"

#define ROWS_LEAST 1000 /* below, the question costs more than it saves */

void loadform_fini(struct loadform *f)
{
    free(f->column);
    pgrows_free(f->types);
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

uint32_t loadform_type(const struct loadform *f, const char *column, bool *is_enum)
{
    for (int i = 0; i < pgrows_count(f->types); i++) {
        if (strcmp(pgrows_text(f->types, i, 0), column) != 0)
            continue;
        *is_enum = pgrows_bool(f->types, i, 2);
        return (uint32_t)pgrows_int(f->types, i, 1);
    }
    *is_enum = false;
    return 0;
}

status loadform_choose(struct pgconn *c, const Pgstrand__Table *t, uint64_t rows, struct loadform *out,
                       err *e)
{
    OWNED(loadform) struct loadform f = {.columns = t->n_column};
    OWNED(buf) struct buf name = {0};
    *out = (struct loadform){0};
    if (rows < ROWS_LEAST || t->n_column == 0)
        return DONE;
    table_quote(&name, t->schema, t->name);
    TRY(buf_done(&name, e));
    const char *params[] = {buf_cstring(&name)};
    TRY(pgconn_query(c, columns_query, 1, params, &f.types, e));
    if ((f.column = calloc(t->n_column, sizeof *f.column)) == NULL)
        return err_no_memory(e);
    for (size_t i = 0; i < t->n_column; i++) {
        bool is_enum;
        uint32_t type = loadform_type(&f, t->column[i]->name, &is_enum);
        f.column[i] = type == 0 ? COPYBINARY_NONE : copybinary_form_of(type, is_enum);
        if (f.column[i] == COPYBINARY_NONE)
            return DONE;
    }
    *out = f;
    f = (struct loadform){0};
    return DONE;
}
