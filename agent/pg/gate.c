#include "agent/pg/gate.h"

/* "pgst" and "gate" as numbers; the same in triggers.sql. */
#define GATE_LOCK "1885827956, 1734440037"

void gate_open(struct gate *g)
{
    pgconn_close(g->conn); /* the lock is its session's */
    g->conn = NULL;
}

status gate_close(const char *conninfo, const char *database, struct gate *out, err *e)
{
    OWNED(pgconn) struct pgconn *conn = NULL;
    TRY(pgconn_open_database(conninfo, database, &conn, e));
    TRY(pgconn_exec(conn, "SET lock_timeout = '" GATE_PATIENCE "'", e));
    if (!pgconn_exec(conn, "SELECT pg_catalog.pg_advisory_lock(" GATE_LOCK ")", e).ok) {
        if (e->class != ERR_TIMEOUT)
            return FAILED;
        *e = ERR_INIT;
        return DONE;
    }
    out->conn = conn;
    conn = NULL;
    return DONE;
}
