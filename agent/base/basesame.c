#include "agent/base/basesame.h"

#include <string.h>

#include "proto/base/buf.h"

/* Queries see the snapshot's catalogue, functions the newest: the file, and the name as pg_identify_object
 * gives it, of the table or of each column. */
static const char changed_query[] =
    "SELECT place FROM pg_catalog.unnest($1::pg_catalog.oid[]) WITH ORDINALITY AS t(t, place)"
    " LEFT JOIN (pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace)"
    "  ON c.oid = t AND c.relfilenode = pg_catalog.pg_relation_filenode(c.oid)"
    " LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
    " WHERE c.oid IS NULL OR (SELECT o.identity FROM pg_catalog.pg_identify_object("
    "   'pg_catalog.pg_class'::pg_catalog.regclass, c.oid, coalesce(a.attnum, 0)) o) IS DISTINCT FROM"
    "  pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) ||"
    "  coalesce('.' || pg_catalog.quote_ident(a.attname), '')"
    " LIMIT 1";

status basesame_check(struct pgconn *conn, const struct table_info *const *tables, size_t count,
                      size_t *changed, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    OWNED(buf) struct buf oids = {0};
    buf_text(&oids, "{");
    for (size_t i = 0; i < count; i++)
        buf_printf(&oids, "%s%u", i == 0 ? "" : ",", tables[i]->oid);
    buf_text(&oids, "}");
    TRY(buf_done(&oids, e));
    const char *const params[] = {buf_cstring(&oids)};
    TRY(pgconn_query(conn, changed_query, 1, params, &rows, e));
    *changed = pgrows_count(rows) == 0 ? count : (size_t)(pgrows_int(rows, 0, 0) - 1);
    return DONE;
}

status basesame_labels(struct pgconn *conn, bool *same, err *e)
{
    OWNED(pgrows) struct pgrows *before = NULL;
    OWNED(pgrows) struct pgrows *renamed = NULL;
    TRY(pgconn_query(conn,
                     "SELECT coalesce(pg_catalog.array_agg(oid ORDER BY oid), '{}')::text,"
                     " coalesce(pg_catalog.array_agg(enumlabel::text ORDER BY oid), '{}')::text"
                     " FROM pg_catalog.pg_enum",
                     0, NULL, &before, e));
    const char *const params[] = {pgrows_text(before, 0, 0), pgrows_text(before, 0, 1)};
    TRY(pgconn_exec(conn, "COMMIT", e));
    TRY(pgconn_query(conn,
                     "SELECT EXISTS (SELECT FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.oid[]),"
                     " pg_catalog.unnest($2::text[])) AS was (oid, label)"
                     " JOIN pg_catalog.pg_enum e USING (oid) WHERE e.enumlabel::text <> was.label)",
                     2, params, &renamed, e));
    *same = !pgrows_bool(renamed, 0, 0);
    return DONE;
}

bool basesame_is_gone(const err *e)
{
    static const char *const states[] = {"42P01", "42703", "3F000", "42809"};
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
        if (strcmp(e->sqlstate, states[i]) == 0)
            return true;
    return false;
}
