#include "agent/base/baselock.h"

#include <string.h>

#include "agent/base/baseschema.h"
#include "agent/pg/lockturns.h"

#define WAIT "5s"        /* at a time: between them a base that is to stop sees it */
#define LONG_WAIT "1min" /* inside a COPY: what it has read would be read again */

/* Of the session, or of the transaction that it is in: "SET" or "SET LOCAL". */
static status limit_waits(struct pgconn *conn, const char *set, err *e)
{
    int turn_ms = 0;
    TRY(lockturns_turn(conn, &turn_ms, e));
    return pgconn_execf(conn, e, "%s lock_timeout = %d", set, turn_ms);
}

status baselock_connect(const struct base_request *request, struct pgconn **out, err *e)
{
    OWNED(pgconn) struct pgconn *conn = NULL;
    TRY(pgconn_open(request->conninfo, PGCONN_QUERY, &conn, e));
    TRY(limit_waits(conn, "SET", e));
    TRY(baseschema_begin(request, conn, e));
    *out = conn;
    conn = NULL;
    return DONE;
}

/* Not only the table is waited for: REINDEX locks indexes, and those of long values, which COPY meets when it
 * comes to one. Where that is for a turn only, what was copied of the table is copied again. */
status baselock_copy(struct pgconn *conn, const struct basetask *task, err *e)
{
    OWNED(buf) struct buf sql = {0};
    buf_text(&sql, "SAVEPOINT pgstrand_task; ");
    basetask_command(task, &sql);
    TRY(buf_done(&sql, e));
    return pgconn_copy_out(conn, buf_cstring(&sql), e);
}

/* Too long, or in a circle: who reindexed a table and then alters it waits for our COPY, and that, once it
 * comes to the first long value, for him. */
bool baselock_is_held(const err *e)
{
    return strcmp(e->sqlstate, "55P03") == 0 || strcmp(e->sqlstate, "40P01") == 0;
}

status baselock_undo(struct pgconn *conn, err *e)
{
    return pgconn_exec(conn, "ROLLBACK TO SAVEPOINT pgstrand_task", e);
}

status baselock_release(const struct base_request *request, struct pgconn *conn, err *e)
{
    TRY(pgconn_exec(conn, "ROLLBACK", e));
    return baseschema_begin(request, conn, e);
}

status baselock_wait(struct pgconn *conn, const struct basetask *task, bool *had, err *e)
{
    OWNED(buf) struct buf name = {0};
    table_quote(&name, task->table->schema, task->table->name);
    TRY(buf_done(&name, e));
    *had = pgconn_execf(conn, e,
                        "SET LOCAL lock_timeout = '" WAIT "'; LOCK TABLE ONLY %s IN ACCESS SHARE MODE;"
                        " SET LOCAL lock_timeout = '" LONG_WAIT "'",
                        buf_cstring(&name))
               .ok;
    if (*had)
        return DONE;
    if (!baselock_is_held(e))
        return FAILED;
    *e = ERR_INIT;
    return DONE;
}

status baselock_limit(struct pgconn *conn, err *e)
{
    return limit_waits(conn, "SET LOCAL", e);
}

bool baselock_give_way(struct pgconn *locks)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    err e = ERR_INIT; /* without their connection the locks are gone, too */
    if (!pgconn_query(
             locks,
             "SELECT FROM pg_catalog.pg_locks w JOIN pg_catalog.pg_locks h USING (locktype, database,"
             " relation) WHERE locktype = 'relation' AND NOT w.granted AND h.granted"
             " AND h.pid = pg_catalog.pg_backend_pid() LIMIT 1",
             0, NULL, &rows, &e)
             .ok)
        return true;
    if (pgrows_count(rows) == 0)
        return false;
    return pgconn_exec(locks, "ROLLBACK", &e).ok || !pgconn_alive(locks);
}
