#include "agent/pg/typeuse.h"

#include <stdlib.h>

/* Types below 16384 are PostgreSQL's own and do not change. */
static const char query[] =
    "WITH RECURSIVE holds(rel, typ) AS ("
    " SELECT a.attrelid, a.atttypid FROM pg_catalog.pg_attribute a"
    "  JOIN pg_catalog.pg_class c ON c.oid = a.attrelid"
    "  WHERE c.oid >= 16384 AND c.relkind = 'r' AND c.relpersistence = 'p' AND a.attnum > 0"
    "   AND NOT a.attisdropped AND a.atttypid >= 16384"
    " UNION"
    " SELECT h.rel, n.typ FROM holds h JOIN pg_catalog.pg_type t ON t.oid = h.typ, LATERAL ("
    "  SELECT t.typelem AS typ UNION ALL SELECT t.typbasetype"
    "  UNION ALL SELECT r.rngsubtype FROM pg_catalog.pg_range r WHERE t.oid IN (r.rngtypid, r.rngmultitypid)"
    "  UNION ALL SELECT a.atttypid FROM pg_catalog.pg_attribute a"
    "   WHERE a.attrelid = t.typrelid AND t.typrelid <> 0 AND a.attnum > 0 AND NOT a.attisdropped) n"
    " WHERE n.typ >= 16384)"
    " SELECT h.rel, h.typ, t.typrelid FROM holds h JOIN pg_catalog.pg_type t ON t.oid = h.typ ORDER BY 1, 2";

void typeuse_list_fini(struct typeuse_list *l)
{
    free(l->use);
    *l = (struct typeuse_list){0};
}

static uint32_t oid_at(struct pgrows *rows, int row, int column)
{
    const char *text = pgrows_text(rows, row, column);
    return text == NULL ? 0 : (uint32_t)strtoul(text, NULL, 10);
}

status typeuse_read(struct pgconn *c, struct typeuse_list *out, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    TRY(pgconn_query(c, query, 0, NULL, &rows, e));
    out->use = calloc((size_t)pgrows_count(rows) + 1, sizeof *out->use);
    if (out->use == NULL)
        return err_no_memory(e);
    for (int row = 0; row < pgrows_count(rows); row++)
        out->use[out->count++] =
            (struct typeuse){oid_at(rows, row, 0), oid_at(rows, row, 1), oid_at(rows, row, 2)};
    return DONE;
}
