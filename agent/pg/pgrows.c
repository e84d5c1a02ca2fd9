#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/pg/pgconn.h"
#include "agent/pg/pglib.h"
#include "proto/base/buf.h"

/* struct pgrows is libpq's result itself; the cast is in these two functions alone. */
static struct pgrows *rows_of(PGresult *result)
{
    return (struct pgrows *)result;
}

static PGresult *result_of(const struct pgrows *rows)
{
    union {
        const struct pgrows *rows;
        PGresult *result;
    } same = {.rows = rows};
    return same.result;
}

static status check(struct pgconn *c, const PGresult *result, err *e)
{
    switch (PQresultStatus(result)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
    case PGRES_EMPTY_QUERY:
        return DONE;
    case PGRES_COPY_IN:
    case PGRES_COPY_OUT:
    case PGRES_COPY_BOTH:
        return err_from(e, ERR_VALIDATION, FROM_LIBPQ, 0,
                        "database %s: the statement starts a COPY where rows are "
                        "expected",
                        PQdb(c->pg));
    default:
        return pglib_fail(c, result, e);
    }
}

status pgconn_exec(struct pgconn *c, const char *sql, err *e)
{
    OWNED(pg_result) PGresult *result = PQexec(c->pg, sql);
    return check(c, result, e);
}

status pgconn_execf(struct pgconn *c, err *e, const char *format, ...)
{
    char *sql = NULL;
    va_list args;
    va_start(args, format);
    int len = vasprintf(&sql, format, args);
    va_end(args);
    if (len < 0)
        return err_no_memory(e);
    status s = pgconn_exec(c, sql, e);
    free(sql);
    return s;
}

status pgconn_query(struct pgconn *c, const char *sql, int param_count, const char *const *params,
                    struct pgrows **out, err *e)
{
    /* Replication connections know only the simple protocol. */
    OWNED(pg_result)
    PGresult *result = param_count == 0 ? PQexec(c->pg, sql)
                                        : PQexecParams(c->pg, sql, param_count, NULL, params, NULL, NULL, 0);
    TRY(check(c, result, e));
    *out = rows_of(result);
    result = NULL;
    return DONE;
}

void pgrows_free(struct pgrows *r)
{
    PQclear(result_of(r));
}

int pgrows_count(const struct pgrows *r)
{
    return PQntuples(result_of(r));
}

const char *pgrows_text(const struct pgrows *r, int row, int column)
{
    const PGresult *result = result_of(r);
    if (row < 0 || row >= PQntuples(result) || column < 0 || column >= PQnfields(result) ||
        PQgetisnull(result, row, column))
        return NULL;
    return PQgetvalue(result, row, column);
}

int64_t pgrows_int(const struct pgrows *r, int row, int column)
{
    const char *text = pgrows_text(r, row, column);
    return text == NULL ? 0 : strtoll(text, NULL, 10);
}

bool pgrows_bool(const struct pgrows *r, int row, int column)
{
    const char *text = pgrows_text(r, row, column);
    return text != NULL && text[0] == 't';
}

status pgconn_value(struct pgconn *c, const char *sql, char **out, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    TRY(pgconn_query(c, sql, 0, NULL, &rows, e));
    const char *text = pgrows_text(rows, 0, 0);
    *out = NULL;
    if (text != NULL && (*out = strdup(text)) == NULL)
        return err_no_memory(e);
    return DONE;
}

void pgconn_quote_name(struct buf *out, const char *name)
{
    buf_u8(out, '"');
    for (const char *p = name; *p != '\0'; p++) {
        if (*p == '"')
            buf_u8(out, '"');
        buf_u8(out, (uint8_t)*p);
    }
    buf_u8(out, '"');
}

void pgconn_quote_literal(struct buf *out, const char *text)
{
    /* The E form means the same whatever standard_conforming_strings is where the text is run. */
    if (strchr(text, '\\') != NULL)
        buf_text(out, " E");
    buf_u8(out, '\'');
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '\'' || *p == '\\')
            buf_u8(out, (uint8_t)*p);
        buf_u8(out, (uint8_t)*p);
    }
    buf_u8(out, '\'');
}
