#include "agent/pg/pglib.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/buf.h"

/* Longest matching prefix wins, so the exceptions stand before their class. */
static const struct {
    const char *prefix;
    enum err_class class;
} classes[] = {
    {"57014", ERR_TIMEOUT},    /* query canceled, by statement_timeout too */
    {"55P03", ERR_TIMEOUT},    /* lock not available */
    {"55006", ERR_TIMEOUT},    /* object in use: a slot that another connection holds */
    {"40001", ERR_TIMEOUT},    /* serialization failure */
    {"40P01", ERR_TIMEOUT},    /* deadlock */
    {"53100", ERR_STORAGE},    /* disk full */
    {"53200", ERR_STORAGE},    /* out of memory */
    {"53300", ERR_NETWORK},    /* too many connections */
    {"53400", ERR_VALIDATION}, /* configuration limit exceeded: no slot or sender free */
    {"57P", ERR_NETWORK},      /* shutting down, starting up, session ended */
    {"08", ERR_NETWORK},       /* connection */
    {"28", ERR_VALIDATION},    /* authorization */
    {"3D", ERR_VALIDATION},    /* no such database */
    {"55", ERR_VALIDATION},    /* object not in prerequisite state: wal_level, invalidated slot */
    {"58", ERR_STORAGE},       /* the server's input and output */
    {"XX00", ERR_STORAGE},     /* internal error, corruption */
};

enum err_class pglib_class(const char *sqlstate)
{
    if (sqlstate == NULL || sqlstate[0] == '\0')
        return ERR_NETWORK;
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
        if (strncmp(sqlstate, classes[i].prefix, strlen(classes[i].prefix)) == 0)
            return classes[i].class;
    return ERR_SCHEMA;
}

void pglib_one_line(const char *text, char *out, size_t size)
{
    size_t n = 0;
    size_t len = strlen(text);
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == ' '))
        len--;
    for (size_t i = 0; i < len && n + 3 < size; i++) {
        if (text[i] == '\n') {
            out[n++] = ';';
            out[n++] = ' ';
            while (text[i + 1] == '\t' || text[i + 1] == ' ')
                i++;
        } else {
            out[n++] = text[i];
        }
    }
    out[n] = '\0';
}

status pglib_fail(struct pgconn *c, const PGresult *result, err *e)
{
    const char *sqlstate = result != NULL ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    const char *primary = result != NULL ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    char text[ERR_TEXT];

    if (primary == NULL) {
        const char *message = result != NULL ? PQresultErrorMessage(result) : "";
        if (message[0] == '\0')
            message = PQerrorMessage(c->pg);
        pglib_one_line(message[0] != '\0' ? message : "the connection was lost", text, sizeof text);
    } else {
        const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
        const char *hint = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);
        OWNED(buf) struct buf all = {0};
        buf_text(&all, primary);
        if (detail != NULL)
            buf_printf(&all, "; %s", detail);
        if (hint != NULL)
            buf_printf(&all, "; %s", hint);
        pglib_one_line(buf_cstring(&all), text, sizeof text);
    }
    const char *database = PQdb(c->pg);
    status failed = err_from(e, pglib_class(sqlstate), FROM_LIBPQ, 0, "database %s: %s",
                             database != NULL ? database : "?", text);
    (void)snprintf(e->sqlstate, sizeof e->sqlstate, "%s", sqlstate != NULL ? sqlstate : "");
    return failed;
}

void pglib_row_release(struct pgconn *c)
{
    PQfreemem(c->row);
    c->row = NULL;
}

status pglib_finish(struct pgconn *c, uint64_t *rows, err *e)
{
    status s = DONE;
    /* A command has few results; the bound is for a connection that never reaches its NULL. */
    for (int i = 0; i < 16; i++) {
        OWNED(pg_result) PGresult *result = PQgetResult(c->pg);
        if (result == NULL)
            return s;
        switch (PQresultStatus(result)) {
        case PGRES_COMMAND_OK:
        case PGRES_TUPLES_OK:
            if (rows != NULL)
                *rows = strtoull(PQcmdTuples(result), NULL, 10);
            break;
        case PGRES_COPY_IN:
        case PGRES_COPY_BOTH: /* the server ended its half of a stream; end ours */
            if (PQputCopyEnd(c->pg, NULL) < 0)
                return pglib_fail(c, NULL, e);
            break;
        default:
            if (s.ok)
                s = pglib_fail(c, result, e);
            break;
        }
    }
    return s.ok ? err_set(e, ERR_NETWORK, "database %s: the command does not end", PQdb(c->pg)) : s;
}
