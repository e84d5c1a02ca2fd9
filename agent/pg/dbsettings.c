#include "agent/pg/dbsettings.h"

#include "proto/base/buf.h"

/* A line end in a name would end the comment, and what follows would be a statement. */
static const char query[] =
    "SELECT pg_catalog.string_agg(DISTINCT pg_catalog.translate(pg_catalog.split_part(v, '=', 1), E'\\n\\r',"
    "  '__'), ', '),"
    " pg_catalog.substr(pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to("
    "  pg_catalog.string_agg(coalesce(r.rolname, '') || ' ' || v, E'\\n' ORDER BY r.rolname, v), 'UTF8')), "
    "'hex'),"
    "  1, 16)"
    " FROM pg_catalog.pg_db_role_setting s JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase"
    " LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole, pg_catalog.unnest(s.setconfig) v"
    " WHERE d.datname = pg_catalog.current_database()";

status dbsettings_put(struct pgconn *c, struct buf *out, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    TRY(pgconn_query(c, query, 0, NULL, &rows, e));
    if (pgrows_text(rows, 0, 0) != NULL)
        buf_printf(out, "\n--\n-- Settings of the database, not restored: %s (%s)\n--\n",
                   pgrows_text(rows, 0, 0), pgrows_text(rows, 0, 1));
    return buf_done(out, e);
}
