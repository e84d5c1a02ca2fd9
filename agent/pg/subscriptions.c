#include "agent/pg/subscriptions.h"

#include "proto/base/buf.h"

/* Everybody may read what is not the connection string. */
static const char query[] =
    "SELECT pg_catalog.quote_ident(s.subname), %s,"
    " (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(p), ', ' ORDER BY n)"
    "   FROM pg_catalog.unnest(s.subpublications) WITH ORDINALITY u(p, n)),"
    " CASE WHEN s.subbinary THEN ', binary = true' ELSE '' END ||"
    " CASE s.substream::text WHEN 'true' THEN ', streaming = on' WHEN 't' THEN ', streaming = on'"
    "  WHEN 'p' THEN ', streaming = parallel' ELSE '' END ||"
    " CASE WHEN s.subsynccommit <> 'off' THEN ', synchronous_commit = ' ||"
    "  pg_catalog.quote_literal(s.subsynccommit) ELSE '' END"
    " FROM pg_catalog.pg_subscription s JOIN pg_catalog.pg_database d ON d.oid = s.subdbid"
    " WHERE d.datname = pg_catalog.current_database() ORDER BY s.subname";

static status may_read(struct pgconn *c, bool *out, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    TRY(pgconn_query(c,
                     "SELECT pg_catalog.has_column_privilege('pg_catalog.pg_subscription', 'subconninfo',"
                     " 'SELECT')",
                     0, NULL, &rows, e));
    *out = pgrows_bool(rows, 0, 0);
    return DONE;
}

/* One that cannot be taken apart may hold a password anywhere: it is left out. */
static void put_conninfo(struct buf *out, const char *conninfo)
{
    OWNED(text) char *plain = NULL;
    err ignored = ERR_INIT;
    bool known = pgconn_without_password(conninfo, &plain, &ignored).ok;
    pgconn_quote_literal(out, known ? plain : "");
}

status subscriptions_put(struct pgconn *c, struct buf *out, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    OWNED(buf) struct buf sql = {0};
    bool readable = false;
    TRY(may_read(c, &readable, e));
    buf_printf(&sql, query, readable ? "s.subconninfo" : "''");
    TRY(buf_done(&sql, e));
    TRY(pgconn_query(c, buf_cstring(&sql), 0, NULL, &rows, e));
    for (int i = 0; i < pgrows_count(rows); i++) {
        buf_printf(out, "\nCREATE SUBSCRIPTION %s CONNECTION ", pgrows_text(rows, i, 0));
        put_conninfo(out, pgrows_text(rows, i, 1));
        buf_printf(out, " PUBLICATION %s WITH (connect = false, slot_name = NONE%s);\n",
                   pgrows_text(rows, i, 2), pgrows_text(rows, i, 3));
    }
    return buf_done(out, e);
}
