#include "agent/restore/load/targetdb.h"

#include "proto/base/buf.h"

/* For index builds; the server's own setting counts when it is larger. Sorting 1 million keys takes about 40
 * MB. */
#define INDEX_MEMORY_KB 131072
#define CLEAN_TRIES 10

status targetdb_read(struct pgconn *c, struct targetdb *out, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    /* Since 15 the right to set a parameter can be granted. */
    const char *replica = pgconn_server_version(c) >= 150000
                              ? "pg_catalog.has_parameter_privilege('session_replication_role', 'SET')"
                              : "r.rolsuper";
    OWNED(buf) struct buf sql = {0};
    buf_printf(&sql,
               "SELECT r.rolsuper, r.rolcreatedb OR r.rolsuper, %s,"
               " pg_catalog.pg_encoding_to_char(d.encoding)"
               " FROM pg_catalog.pg_roles r, pg_catalog.pg_database d"
               " WHERE r.rolname = current_user AND d.datname = pg_catalog.current_database()",
               replica);
    TRY(pgconn_query(c, buf_cstring(&sql), 0, NULL, &rows, e));
    if (pgrows_count(rows) != 1)
        return err_set(e, ERR_SCHEMA, "database %s: the role %s is not in pg_roles", pgconn_database(c),
                       pgconn_user(c));
    *out = (struct targetdb){.superuser = pgrows_bool(rows, 0, 0),
                             .create_database = pgrows_bool(rows, 0, 1),
                             .replica = pgrows_bool(rows, 0, 2)};
    (void)snprintf(out->encoding, sizeof out->encoding, "%s", pgrows_text(rows, 0, 3));
    return DONE;
}

/* The first few names of a one-column result, "a, b, c and 4 more". */
static void list_names(const struct pgrows *rows, struct buf *out)
{
    int count = pgrows_count(rows), shown = count > 5 ? 4 : count;
    for (int i = 0; i < shown; i++)
        buf_printf(out, "%s%s", i > 0 ? ", " : "", pgrows_text(rows, i, 0));
    if (count > shown)
        buf_printf(out, " and %d more", count - shown);
}

status targetdb_check_empty(struct pgconn *c, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    OWNED(buf) struct buf names = {0};
    TRY(pgconn_query(
        c,
        "SELECT n.nspname || '.' || c.relname FROM pg_catalog.pg_class c"
        " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND n.nspname NOT LIKE 'pg\\_%'"
        "  AND n.nspname NOT IN ('information_schema', 'pgstrand')"
        "  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = "
        "'pg_catalog.pg_class'::regclass"
        "   AND d.objid = c.oid AND d.deptype = 'e')"
        " UNION ALL"
        " SELECT 'schema ' || n.nspname FROM pg_catalog.pg_namespace n WHERE n.nspname NOT LIKE 'pg\\_%'"
        "  AND n.nspname NOT IN ('information_schema', 'pgstrand', 'public')"
        "  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d"
        "   WHERE d.classid = 'pg_catalog.pg_namespace'::regclass AND d.objid = n.oid AND d.deptype = 'e')"
        " ORDER BY 1",
        0, NULL, &rows, e));
    if (pgrows_count(rows) == 0)
        return DONE;
    list_names(rows, &names);
    return err_set(e, ERR_REFUSED,
                   "database %s is not empty (%s): give an empty one, or --mode replace to replace its rows",
                   pgconn_database(c), buf_cstring(&names));
}

status targetdb_check_roles(struct pgconn *c, const Pgstrand__Schema *schema, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    OWNED(buf) struct buf sql = {0};
    OWNED(buf) struct buf names = {0};
    if (schema->n_role == 0)
        return DONE;
    buf_text(&sql, "SELECT DISTINCT w.name FROM (VALUES ");
    for (size_t i = 0; i < schema->n_role; i++) {
        buf_text(&sql, i > 0 ? "), (" : "(");
        pgconn_quote_literal(&sql, schema->role[i]);
    }
    buf_text(&sql, ")) w(name) WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = w.name)"
                   " ORDER BY 1");
    TRY(buf_done(&sql, e));
    TRY(pgconn_query(c, buf_cstring(&sql), 0, NULL, &rows, e));
    if (pgrows_count(rows) == 0)
        return DONE;
    list_names(rows, &names);
    return err_set(e, ERR_SCHEMA,
                   "the schema names roles that the target server does not have: %s; make them first (CREATE "
                   "ROLE), or name others for them with --role OLD=NEW",
                   buf_cstring(&names));
}

status targetdb_check_event_triggers(struct pgconn *c, const struct targetdb *t, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    OWNED(buf) struct buf names = {0};
    OWNED(buf) struct buf sql = {0};
    /* With session_replication_role = replica those fire that are ENABLE REPLICA or ALWAYS. */
    buf_printf(&sql,
               "SELECT evtname FROM pg_catalog.pg_event_trigger WHERE evtenabled IN (%s)"
               " AND evtname NOT LIKE 'pgstrand%%' ORDER BY 1",
               t->replica ? "'A', 'R'" : "'A', 'O'");
    TRY(pgconn_query(c, buf_cstring(&sql), 0, NULL, &rows, e));
    if (pgrows_count(rows) == 0)
        return DONE;
    list_names(rows, &names);
    return err_set(e, ERR_REFUSED,
                   "database %s has event triggers that the restore would set off: %s; disable them first "
                   "(ALTER EVENT TRIGGER ... DISABLE)",
                   pgconn_database(c), buf_cstring(&names));
}

status targetdb_settings(struct pgconn *c, const struct targetdb *t, err *e)
{
    if (t->replica)
        TRY(pgconn_exec(c, "SET session_replication_role = replica", e));
    return pgconn_execf(c, e,
                        "SET row_security = off; SET statement_timeout = 0; SET lock_timeout = 0;"
                        " SET idle_in_transaction_session_timeout = 0;"
                        " SELECT pg_catalog.set_config('maintenance_work_mem', greatest(setting::bigint, %d)"
                        " || 'kB', false) FROM pg_catalog.pg_settings WHERE name = 'maintenance_work_mem'",
                        INDEX_MEMORY_KB);
}

status targetdb_begin(struct pgconn *c, const struct targetdb *t, err *e)
{
    TRY(targetdb_settings(c, t, e));
    return pgconn_exec(c, "BEGIN", e);
}

status targetdb_clean(struct pgconn *c, const char *sql, err *e)
{
    for (int tries = 1;; tries++) {
        *e = ERR_INIT;
        if (pgconn_exec(c, sql, e).ok)
            return DONE;
        if (!pgconn_was_cancelled(e) || tries == CLEAN_TRIES)
            return FAILED;
    }
}

void targetdb_rollback(struct pgconn *c)
{
    err ignored = ERR_INIT; /* the first failure is the one to tell */
    if (c != NULL && pgconn_alive(c))
        (void)targetdb_clean(c, "ROLLBACK", &ignored).ok;
}
