/*
 * pglib: what the parts of the libpq adapter share. Only agent/pg/pg*.c include it; everyone else uses
 * pgconn.h.
 */
#ifndef PGSTRAND_PGLIB_H
#define PGSTRAND_PGLIB_H

#include <libpq-fe.h>

#include "agent/pg/pgconn.h"

struct pgconn {
    PGconn *pg;
    PGcancel *cancel; /* made at connect, so that any thread may use it */
    enum pgconn_purpose purpose;
    char *row;            /* what PQgetCopyData gave last */
    struct pgconn *older; /* in the list of open connections */
};

OWN_POINTER(pg_result, PQclear);

/* The class of an SQLSTATE ("" when the server gave none: the connection itself failed). */
enum err_class pglib_class(const char *sqlstate);

/* `result` (may be NULL: the connection failed) as a failure. Does not free it. */
status pglib_fail(struct pgconn *c, const PGresult *result, err *e);

/* One line out of libpq's text: line ends become "; ", the trailing one goes. */
void pglib_one_line(const char *text, char *out, size_t size);

/* Reads what is left of a command, up to libpq's NULL; fails with the first error among it. `rows` may be
 * NULL. */
MUST_CHECK status pglib_finish(struct pgconn *c, uint64_t *rows, err *e);

/* The list of open connections, for pgconn_cancel_all. Delisting what is not listed is fine. */
void pglib_enlist(struct pgconn *c);
void pglib_delist(struct pgconn *c);

/* Frees the COPY row that was lent out. */
void pglib_row_release(struct pgconn *c);

#endif
