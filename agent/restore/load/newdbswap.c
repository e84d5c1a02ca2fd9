#include "agent/restore/load/newdbswap.h"

#include <time.h>

#include "agent/restore/load/dbholds.h"
#include "agent/restore/load/dblike.h"
#include "agent/restore/load/targetdb.h"
#include "proto/base/buf.h"

#define SESSION_TRIES 50 /* 2 ms apart */

void newdbswap_fini(struct newdbswap *s)
{
    newdb_fini(&s->db);
    free(s->comment);
    *s = (struct newdbswap){0};
}

/* ---- may it be ---- */

static status may_make(struct pgconn *target, bool *may, err *e)
{
    err why = ERR_INIT;
    *may = dblike_check(target, &why).ok;
    if (*may || why.class == ERR_SCHEMA)
        return DONE;
    *e = why;
    return FAILED;
}

status newdbswap_suits(struct pgconn *target, const char *conninfo, bool *suits, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    TRY(pgconn_query(
        target,
        "SELECT NOT d.datistemplate AND d.datname <> 'postgres'"
        " AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_activity a"
        "  WHERE a.datid = d.oid AND a.pid <> pg_catalog.pg_backend_pid()"
        /* of other roles' sessions one without privileges is not told what they are */
        "   AND coalesce(a.backend_type, 'client backend') IN ('client backend', 'walsender'))"
        " AND NOT EXISTS (SELECT FROM pg_catalog.pg_replication_slots s WHERE s.database = d.datname)"
        " AND NOT EXISTS (SELECT FROM pg_catalog.pg_prepared_xacts p WHERE p.database = d.datname)"
        " AND NOT EXISTS (SELECT FROM pg_catalog.pg_subscription s WHERE s.subdbid = d.oid)"
        /* some settings only a superuser may give to another database */
        " AND (r.rolsuper OR NOT EXISTS (SELECT FROM pg_catalog.pg_db_role_setting s WHERE s.setdatabase = "
        "d.oid))"
        " FROM pg_catalog.pg_roles r, pg_catalog.pg_database d"
        " WHERE r.rolname = current_user AND d.datname = pg_catalog.current_database()",
        0, NULL, &rows, e));
    *suits = pgrows_count(rows) == 1 && pgrows_bool(rows, 0, 0) &&
             strlen(pgconn_database(target)) + strlen(NEWDB_SUFFIX) <= NEWDB_NAME_MAX;
    if (!*suits)
        return DONE;
    bool more = false;
    bool may = false;
    err unreachable = ERR_INIT;
    OWNED(pgconn) struct pgconn *admin = NULL;
    TRY(dbholds_more(target, &more, e));
    TRY(may_make(target, &may, e));
    *suits = !more && may && newdb_admin(conninfo, pgconn_database(target), &admin, &unreachable).ok;
    return DONE;
}

/* ---- before ---- */

/* What the swap gives back: a limit of connections would be in the way of the workers. */
static status keep_facts(struct newdbswap *s, struct pgconn *target, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    TRY(pgconn_query(target,
                     "SELECT datconnlimit, pg_catalog.shobj_description(oid, 'pg_database')"
                     " FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()",
                     0, NULL, &rows, e));
    if (pgrows_count(rows) != 1)
        return err_set(e, ERR_SCHEMA, "the target database has gone");
    const char *comment = pgrows_text(rows, 0, 1);
    s->connections = (int)pgrows_int(rows, 0, 0);
    s->comment = comment == NULL ? NULL : strdup(comment);
    return comment == NULL || s->comment != NULL ? DONE : err_no_memory(e);
}

static void old_name(const struct newdbswap *s, struct buf *out)
{
    buf_printf(out, "%s_pgstrand_old", s->db.target);
}

/* Before the work, rather than when all of it is done. */
static status clear_old(struct newdbswap *s, err *e)
{
    OWNED(buf) struct buf old = {0};
    old_name(s, &old);
    TRY(buf_done(&old, e));
    return newdb_make_way(&s->db, buf_cstring(&old), e);
}

status newdbswap_begin(struct pgconn *target, const char *conninfo, bool keep_old, struct newdbswap *out,
                       err *e)
{
    TRY(dbholds_more(target, &out->holds_more, e));
    out->keep_old = keep_old || out->holds_more;
    TRY(keep_facts(out, target, e));
    TRY(newdb_make(target, conninfo, NULL, &out->db, e));
    return clear_old(out, e);
}

status newdbswap_look_again(struct newdbswap *s, struct pgconn *target, err *e)
{
    TRY(dbholds_more(target, &s->holds_more, e));
    s->keep_old |= s->holds_more;
    return DONE;
}

/* ---- the swap ---- */

/* Sessions that were closed end when their processes do. RENAME looks for such ones, and when it finds one
 * looks again a tenth of a second later (CountOtherDBBackends, procarray.c): we are quicker to ask. */
static status wait_for_sessions(struct newdbswap *s, const char *old, err *e)
{
    const struct timespec pause = {0, 2000000};
    for (int tries = 0; tries < SESSION_TRIES; tries++) {
        OWNED(pgrows) struct pgrows *rows = NULL;
        const char *params[] = {s->db.name, old};
        TRY(pgconn_query(s->db.admin,
                         "SELECT EXISTS (SELECT FROM pg_catalog.pg_stat_activity WHERE datname IN ($1, $2))",
                         2, params, &rows, e));
        if (!pgrows_bool(rows, 0, 0))
            return DONE;
        (void)nanosleep(&pause, NULL);
    }
    return DONE; /* RENAME waits for some seconds, and says who is in the way */
}

status newdbswap_run(struct newdbswap *s, err *e)
{
    OWNED(buf) struct buf sql = {0};
    OWNED(buf) struct buf old = {0};
    TRY(clear_old(s, e)); /* another restore's, made meanwhile */
    TRY(wait_for_sessions(s, s->db.target, e));
    old_name(s, &old);
    buf_text(&sql, "BEGIN; ALTER DATABASE ");
    pgconn_quote_name(&sql, s->db.target);
    buf_text(&sql, " RENAME TO ");
    pgconn_quote_name(&sql, buf_cstring(&old));
    if (!s->holds_more) {
        buf_text(&sql, "; COMMENT ON DATABASE ");
        pgconn_quote_name(&sql, buf_cstring(&old));
        buf_text(&sql, " IS '" NEWDB_REPLACED "'");
    }
    buf_text(&sql, "; ALTER DATABASE ");
    pgconn_quote_name(&sql, s->db.name);
    buf_text(&sql, " RENAME TO ");
    pgconn_quote_name(&sql, s->db.target);
    buf_text(&sql, "; COMMENT ON DATABASE ");
    pgconn_quote_name(&sql, s->db.target);
    buf_text(&sql, " IS ");
    if (s->comment == NULL)
        buf_text(&sql, "NULL");
    else
        pgconn_quote_literal(&sql, s->comment);
    buf_text(&sql, "; ALTER DATABASE ");
    pgconn_quote_name(&sql, s->db.target);
    buf_printf(&sql, " CONNECTION LIMIT %d; COMMIT", s->connections);
    TRY(buf_done(&sql, e));
    if (pgconn_exec(s->db.admin, buf_cstring(&sql), e).ok)
        return DONE;
    targetdb_rollback(s->db.admin);
    return err_wrap(e, "giving %s the name %s", s->db.name, s->db.target);
}

status newdbswap_drop_old(struct newdbswap *s, err *e)
{
    OWNED(buf) struct buf sql = {0};
    OWNED(buf) struct buf old = {0};
    old_name(s, &old);
    buf_text(&sql, "DROP DATABASE ");
    pgconn_quote_name(&sql, buf_cstring(&old));
    TRY(buf_done(&old, e));
    TRY(buf_done(&sql, e));
    TRY(dbholds_nothing(s->db.conninfo, buf_cstring(&old), e));
    TRY(wait_for_sessions(s, buf_cstring(&old), e)); /* ours, that looked */
    return targetdb_clean(s->db.admin, buf_cstring(&sql), e);
}
