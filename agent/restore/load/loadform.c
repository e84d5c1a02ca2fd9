#include "agent/restore/load/loadform.h"

#include "agent/pg/tables.h"

void loadform_fini(struct loadform *f)
{
    free(f->column);
    pgrows_free(f->types);
    *f = (struct loadform){0};
}

enum { NAME, TYPE, IS_ENUM, OUTPUT, MODIFIER, NOT_NULL, CAST };

/* A domain's receive function reads what its base type's does, and then checks. Output functions take their
 * type, or any array, row, enum, range or multirange (2277, 2249, 3500, 3831, 4537), a domain over an enum
 * only as that enum; by their name they can be called by whoever may, while COPY asks nobody. text and
 * varchar (25, 1043) are what their output function would give. */
static const char columns_query[] =
    "WITH RECURSIVE base AS (SELECT a.attname, a.atttypid AS type, a.atttypmod AS modifier,"
    "   a.attnotnull, false AS is_domain FROM pg_catalog.pg_attribute a"
    "  WHERE a.attrelid = $1::pg_catalog.regclass AND a.attnum > 0 AND NOT a.attisdropped"
    " UNION ALL SELECT b.attname, t.typbasetype, t.typtypmod, b.attnotnull, true FROM base b JOIN "
    "pg_catalog.pg_type t ON t.oid = b.type"
    "  WHERE t.typtype = 'd')"
    " SELECT b.attname, b.type::bigint, t.typtype = 'e', CASE WHEN b.type IN (25, 1043) THEN ''"
    "   WHEN p.proargtypes[0] IN (b.type, 2277, 2249, 3500, 3831, 4537)"
    "    AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE')"
    "    AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')"
    "    AND (NOT b.is_domain OR pg_catalog.has_schema_privilege(t.typnamespace, 'USAGE'))"
    "   THEN pg_catalog.format('%I.%I', n.nspname, p.proname) END, b.modifier, b.attnotnull,"
    "   CASE WHEN b.is_domain THEN '::' || pg_catalog.format_type(b.type, -1) ELSE '' END"
    " FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.type JOIN pg_catalog.pg_proc p ON p.oid = "
    "t.typoutput"
    "  JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace"
    " WHERE t.typtype <> 'd'";

static int row_of(const struct loadform *f, const char *column)
{
    for (int i = 0; i < pgrows_count(f->types); i++)
        if (strcmp(pgrows_text(f->types, i, NAME), column) == 0)
            return i;
    return -1;
}

const char *loadform_output(const struct loadform *f, const char *column)
{
    int row = row_of(f, column);
    return row < 0 ? NULL : pgrows_text(f->types, row, OUTPUT);
}

const char *loadform_cast(const struct loadform *f, const char *column)
{
    int row = row_of(f, column);
    return row < 0 ? "" : pgrows_text(f->types, row, CAST);
}

bool loadform_not_null(const struct loadform *f, const char *column)
{
    int row = row_of(f, column);
    return row >= 0 && pgrows_bool(f->types, row, NOT_NULL);
}

static enum copybinary_form form_of(const struct loadform *f, const char *column)
{
    int row = row_of(f, column);
    return row < 0
               ? COPYBINARY_NONE
               : copybinary_form_of((uint32_t)pgrows_int(f->types, row, TYPE),
                                    pgrows_int(f->types, row, MODIFIER), pgrows_bool(f->types, row, IS_ENUM));
}

status loadform_choose(struct pgconn *c, const Pgstrand__Table *t, uint64_t rows, struct loadform *out,
                       err *e)
{
    OWNED(loadform) struct loadform f = {.columns = t->n_column};
    OWNED(buf) struct buf name = {0};
    *out = (struct loadform){0};
    if (rows < LOADFORM_ROWS_LEAST || t->n_column == 0)
        return DONE;
    table_quote(&name, t->schema, t->name);
    TRY(buf_done(&name, e));
    const char *params[] = {buf_cstring(&name)};
    TRY(pgconn_query(c, columns_query, 1, params, &f.types, e));
    if ((f.column = calloc(t->n_column, sizeof *f.column)) == NULL)
        return err_no_memory(e);
    f.binary = f.sums = true;
    for (size_t i = 0; i < t->n_column; i++) {
        f.column[i] = form_of(&f, t->column[i]->name);
        f.binary &= f.column[i] != COPYBINARY_NONE;
        f.sums &= loadform_output(&f, t->column[i]->name) != NULL;
    }
    *out = f;
    f = (struct loadform){0};
    return DONE;
}

status loadform_freezes(struct pgconn *c, const Pgstrand__Table *t, bool *freezes, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    OWNED(buf) struct buf name = {0};
    table_quote(&name, t->schema, t->name);
    TRY(buf_done(&name, e));
    const char *params[] = {buf_cstring(&name)};
    TRY(pgconn_query(c,
                     "SELECT r.relkind = 'r' AND pg_catalog.has_table_privilege(r.oid, 'TRUNCATE')"
                     " AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.deptype = 'e'"
                     "  AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = r.oid)"
                     " FROM pg_catalog.pg_class r WHERE r.oid = $1::pg_catalog.regclass",
                     1, params, &rows, e));
    *freezes = pgrows_count(rows) == 1 && pgrows_bool(rows, 0, 0);
    return DONE;
}
