#include "agent/restore/load/newdb.h"

#include "agent/restore/load/dbholds.h"
#include "agent/restore/load/dblike.h"
#include "agent/restore/load/targetdb.h"

#define LOCK_CLASS "1885827940" /* "pgsd": of our locks among others */
#define MARK "pgstrand: a restore in progress"
#define DUPLICATE_DATABASE "42P04"

void newdb_fini(struct newdb *n)
{
    pgconn_close(n->admin);
    free(n->target);
    free(n->name);
    *n = (struct newdb){0};
}

status newdb_admin(const char *conninfo, const char *target, struct pgconn **out, err *e)
{
    return pgconn_open_database(conninfo, strcmp(target, "postgres") == 0 ? "template1" : "postgres", out, e);
}

/* ---- what others left ---- */

/* Killed between making the database and marking it, a restore leaves one behind that is empty. */
static bool is_empty(const struct newdb *n, const char *name)
{
    err ignored = ERR_INIT; /* whatever keeps us from knowing: then it is not ours to drop */
    return dbholds_nothing(n->conninfo, name, &ignored).ok;
}

/* A database with subscriptions cannot be dropped; those that a restore made are off and have no slot. What
 * does not go shows when the database does not. */
static void drop_subscriptions(const struct newdb *n, const char *name)
{
    OWNED(pgconn) struct pgconn *c = NULL;
    OWNED(text) char *sql = NULL;
    err ignored = ERR_INIT;
    if (!pgconn_value(n->admin, "SELECT 'x' FROM pg_catalog.pg_subscription LIMIT 1", &sql, &ignored).ok ||
        sql == NULL)
        return;
    free(sql);
    sql = NULL;
    if (pgconn_open_database(n->conninfo, name, &c, &ignored).ok &&
        pgconn_value(c,
                     "SELECT pg_catalog.string_agg(pg_catalog.format('DROP SUBSCRIPTION %I', subname), '; ')"
                     " FROM pg_catalog.pg_subscription s JOIN pg_catalog.pg_database d ON d.oid = s.subdbid"
                     " WHERE d.datname = pg_catalog.current_database() AND subslotname IS NULL",
                     &sql, &ignored)
            .ok &&
        sql != NULL)
        (void)pgconn_exec(c, sql, &ignored).ok;
}

status newdb_make_way(struct newdb *n, const char *name, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    OWNED(buf) struct buf sql = {0};
    const char *params[] = {name};
    TRY(pgconn_query(n->admin,
                     "SELECT coalesce(pg_catalog.shobj_description(oid, 'pg_database'), '') FROM "
                     "pg_catalog.pg_database WHERE datname = $1",
                     1, params, &rows, e));
    if (pgrows_count(rows) == 0)
        return DONE;
    bool marked = strcmp(pgrows_text(rows, 0, 0), MARK) == 0;
    bool may_go = strcmp(pgrows_text(rows, 0, 0), NEWDB_REPLACED) == 0 || strcmp(name, n->name) == 0;
    if (!marked && (!may_go || !is_empty(n, name)))
        return err_set(e, ERR_REFUSED,
                       "there is a database %s already, which the restore would use: rename it", name);
    if (marked)
        drop_subscriptions(n, name);
    buf_text(&sql, "DROP DATABASE ");
    pgconn_quote_name(&sql, name);
    TRY(buf_done(&sql, e));
    return pgconn_exec(n->admin, buf_cstring(&sql), e);
}

/* ---- making it ---- */

static status create(struct newdb *n, struct pgconn *target, err *e)
{
    OWNED(buf) struct buf sql = {0};
    TRY(dblike_command(target, n->name, &sql, e));
    if (!pgconn_exec(n->admin, buf_cstring(&sql), e).ok) {
        if (strcmp(e->sqlstate, DUPLICATE_DATABASE) != 0)
            return FAILED;
        /* The server was still making it for a restore that was killed. */
        *e = ERR_INIT;
        TRY(newdb_make_way(n, n->name, e));
        TRY(pgconn_exec(n->admin, buf_cstring(&sql), e));
    }
    n->made = true;
    buf_reset(&sql);
    buf_text(&sql, "COMMENT ON DATABASE ");
    pgconn_quote_name(&sql, n->name);
    buf_text(&sql, " IS '" MARK "'");
    return pgconn_exec(n->admin, buf_cstring(&sql), e);
}

/* Its name (NULL: the target's with a suffix), and a connection to another database of the server. */
static status begin(struct newdb *out, struct pgconn *target, const char *conninfo, const char *name, err *e)
{
    out->conninfo = conninfo;
    out->target = strdup(pgconn_database(target));
    if (out->target == NULL || asprintf(&out->name, "%s%s", name != NULL ? name : out->target,
                                        name != NULL ? "" : NEWDB_SUFFIX) < 0) {
        out->name = NULL;
        return err_no_memory(e);
    }
    if (strlen(out->name) > NEWDB_NAME_MAX)
        return err_set(
            e, ERR_VALIDATION,
            "the name of database %s is too long for a second one beside it: restore with --jobs 1",
            out->target);
    return newdb_admin(conninfo, out->target, &out->admin, e);
}

/* Of this name: advisory locks belong to a database, and the target's changes its name. Goes with `admin`. */
static status lock_name(struct newdb *n, bool *ours, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    const char *params[] = {n->name};
    TRY(pgconn_query(n->admin,
                     "SELECT pg_catalog.pg_try_advisory_lock(" LOCK_CLASS ", pg_catalog.hashtext($1))", 1,
                     params, &rows, e));
    *ours = pgrows_bool(rows, 0, 0);
    return DONE;
}

static status taken(const char *name, err *e)
{
    return err_set(e, ERR_REFUSED, "another restore builds database %s: wait until it has ended", name);
}

status newdb_check_none(struct pgconn *target, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    OWNED(buf) struct buf name = {0};
    buf_printf(&name, "%s" NEWDB_SUFFIX, pgconn_database(target));
    TRY(buf_done(&name, e));
    const char *params[] = {buf_cstring(&name)};
    TRY(pgconn_query(target,
                     "SELECT EXISTS (SELECT FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND granted"
                     " AND classid = " LOCK_CLASS " AND objid::bigint ="
                     "  pg_catalog.hashtext($1)::bigint & 4294967295)",
                     1, params, &rows, e));
    return pgrows_bool(rows, 0, 0) ? taken(params[0], e) : DONE;
}

status newdb_make(struct pgconn *model, const char *conninfo, const char *name, struct newdb *out, err *e)
{
    bool ours = false;
    TRY(begin(out, model, conninfo, name, e));
    TRY(lock_name(out, &ours, e));
    if (!ours)
        return taken(out->name, e);
    TRY(newdb_make_way(out, out->name, e));
    TRY(create(out, model, e));
    return dblike_dress(model, out->admin, out->name, e);
}

status newdb_connect(const struct newdb *n, struct pgconn **out, err *e)
{
    return pgconn_open_database(n->conninfo, n->name, out, e);
}

/* ---- dropping it ---- */

void newdb_drop(struct newdb *n)
{
    OWNED(buf) struct buf sql = {0};
    err why = ERR_INIT; /* the first failure is the one to tell; a later restore removes what stays */
    if (!n->made || !pgconn_alive(n->admin))
        return;
    drop_subscriptions(n, n->name);
    buf_text(&sql, "DROP DATABASE IF EXISTS ");
    pgconn_quote_name(&sql, n->name);
    if (pgconn_server_version(n->admin) >= 130000)
        buf_text(&sql, " WITH (FORCE)");
    (void)targetdb_clean(n->admin, buf_cstring(&sql), &why).ok;
}

status newdb_clear(const char *conninfo, const char *name, err *e)
{
    OWNED(pgconn) struct pgconn *target = NULL;
    OWNED(newdb) struct newdb n = {0};
    TRY(pgconn_open(conninfo, PGCONN_QUERY, &target, e));
    bool ours = false;
    TRY(begin(&n, target, conninfo, name, e));
    TRY(lock_name(&n, &ours, e));
    return ours ? newdb_make_way(&n, n.name, e) : DONE;
}
