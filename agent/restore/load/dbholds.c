#include "agent/restore/load/dbholds.h"

#include "agent/restore/load/targetdb.h"

/* OIDs from 16384 on (FirstNormalObjectId). */
status dbholds_more(struct pgconn *c, bool *more, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    TRY(pgconn_query(c,
                     "SELECT EXISTS (SELECT FROM pg_catalog.pg_proc WHERE oid >= 16384)"
                     " OR EXISTS (SELECT FROM pg_catalog.pg_type WHERE oid >= 16384)"
                     " OR EXISTS (SELECT FROM pg_catalog.pg_extension WHERE oid >= 16384)"
                     " OR EXISTS (SELECT FROM pg_catalog.pg_publication)"
                     " OR EXISTS (SELECT FROM pg_catalog.pg_event_trigger)"
                     " OR EXISTS (SELECT FROM pg_catalog.pg_foreign_data_wrapper)"
                     " OR EXISTS (SELECT FROM pg_catalog.pg_default_acl)"
                     " OR EXISTS (SELECT FROM pg_catalog.pg_largeobject_metadata)"
                     " OR EXISTS (SELECT FROM pg_catalog.pg_namespace n LEFT JOIN pg_catalog.pg_init_privs i"
                     "  ON i.objoid = n.oid AND i.classoid = 'pg_catalog.pg_namespace'::pg_catalog.regclass"
                     "  WHERE n.nspname = 'public' AND n.nspacl IS DISTINCT FROM i.initprivs)",
                     0, NULL, &rows, e));
    *more = pgrows_bool(rows, 0, 0);
    return DONE;
}

status dbholds_nothing(const char *conninfo, const char *name, err *e)
{
    OWNED(pgconn) struct pgconn *c = NULL;
    bool more = false;
    TRY(pgconn_open_database(conninfo, name, &c, e));
    const bool empty = targetdb_check_empty(c, e).ok;
    if (!empty && e->class != ERR_REFUSED)
        return FAILED;
    if (empty)
        TRY(dbholds_more(c, &more, e));
    return empty && !more
               ? DONE
               : err_set(e, ERR_REFUSED, "%s was used meanwhile: see what is in it, then drop it", name);
}
