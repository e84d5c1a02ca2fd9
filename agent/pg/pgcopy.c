#include <limits.h>
#include <stdlib.h>

#include "agent/pg/pgconn.h"
#include "agent/pg/pglib.h"

static status start(struct pgconn *c, const char *sql, ExecStatusType wanted, err *e)
{
    pglib_row_release(c);
    OWNED(pg_result) PGresult *result = PQexec(c->pg, sql);
    if (PQresultStatus(result) == wanted)
        return DONE;
    if (PQresultStatus(result) == PGRES_FATAL_ERROR || result == NULL)
        return pglib_fail(c, result, e);
    return err_from(e, ERR_VALIDATION, FROM_LIBPQ, 0,
                    "database %s: the statement did not start the expected COPY", PQdb(c->pg));
}

status pgconn_copy_out(struct pgconn *c, const char *sql, err *e)
{
    return start(c, sql, PGRES_COPY_OUT, e);
}

status pgconn_copy_next(struct pgconn *c, struct bytes *row, bool *end, err *e)
{
    pglib_row_release(c);
    int len = PQgetCopyData(c->pg, &c->row, 0);
    if (len > 0) {
        *row = bytes_of(c->row, (size_t)len);
        *end = false;
        return DONE;
    }
    *row = bytes_of(NULL, 0);
    *end = true;
    if (len == -2)
        return pglib_fail(c, NULL, e);
    return pglib_finish(c, NULL, e);
}

status pgconn_copy_in(struct pgconn *c, const char *sql, err *e)
{
    return start(c, sql, PGRES_COPY_IN, e);
}

status pgconn_copy_data(struct pgconn *c, struct bytes data, err *e)
{
    while (data.len > 0) {
        size_t piece = data.len < INT_MAX / 4 ? data.len : INT_MAX / 4;
        if (PQputCopyData(c->pg, (const char *)data.data, (int)piece) != 1) {
            /* The server may have ended the COPY: its reason is the better message. */
            TRY(pglib_finish(c, NULL, e));
            return pglib_fail(c, NULL, e);
        }
        data.data += piece;
        data.len -= piece;
    }
    return DONE;
}

status pgconn_copy_finish(struct pgconn *c, uint64_t *rows, err *e)
{
    *rows = 0;
    if (PQputCopyEnd(c->pg, NULL) != 1) {
        TRY(pglib_finish(c, NULL, e));
        return pglib_fail(c, NULL, e);
    }
    return pglib_finish(c, rows, e);
}

void pgconn_copy_fail(struct pgconn *c, const char *why)
{
    err ignored = ERR_INIT; /* the server answers with the error we ask for */
    if (PQputCopyEnd(c->pg, why) == 1 && pglib_finish(c, NULL, &ignored).ok)
        return;
}
