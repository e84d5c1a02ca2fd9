/*
 * pgconn: the adapter of libpq. Queries, COPY both ways, and the replication stream; libpq's results become
 * status and err.
 *
 * Errors: SQLSTATE decides the class (server away, shutting down, 57P0x, 08xxx: ERR_NETWORK; 57014, 55P03:
 * ERR_TIMEOUT; 28xxx, 3D000: ERR_VALIDATION; 42501 and other 42xxx, 23xxx, 0Axxx: ERR_SCHEMA; 53100:
 * ERR_STORAGE); err.sqlstate has it. Session: every connection gets datestyle ISO, intervalstyle postgres,
 * extra_float_digits 3, bytea_output hex, lc_monetary C, TimeZone UTC, client_encoding UTF8, search_path '',
 * application_name pgstrand: values are text and must not depend on the database's settings. Threads: one per
 * connection, except pgconn_cancel and pgconn_cancel_all, which any thread may call.
 */
#ifndef PGSTRAND_PGCONN_H
#define PGSTRAND_PGCONN_H

#include "proto/base/bytes.h"
#include "proto/base/err.h"
#include "proto/base/lsn.h"
#include "proto/base/own.h"
#include "proto/base/pgtime.h"

struct pgconn;

enum pgconn_purpose { PGCONN_QUERY, PGCONN_REPLICATION };

/* Bounded by connect_timeout (10 s unless conninfo says otherwise). Never prompts. conninfo "" uses libpq's
 * environment. */
MUST_CHECK status pgconn_open(const char *conninfo, enum pgconn_purpose purpose, struct pgconn **out, err *e);
/* The same with another database name than conninfo's. */
MUST_CHECK status pgconn_open_database(const char *conninfo, const char *database, struct pgconn **out,
                                       err *e);
void pgconn_close(struct pgconn *c);
OWN_POINTER(pgconn, pgconn_close);

int pgconn_server_version(const struct pgconn *c); /* 150018 */
const char *pgconn_database(const struct pgconn *c);
const char *pgconn_user(const struct pgconn *c);
int pgconn_socket(const struct pgconn *c);
bool pgconn_alive(const struct pgconn *c);
bool pgconn_is_here(const struct pgconn *c); /* over a socket of this machine, or its loopback */

/* conninfo without password, for messages and reports, with the effective host, port, user and database;
 * malloc'ed. */
char *pgconn_describe(const struct pgconn *c);

/* conninfo as it may be written down or stand in a process list: as "keyword='value' ..." without its
 * password. ERR_VALIDATION when it is malformed; malloc'ed. */
MUST_CHECK status pgconn_without_password(const char *conninfo, char **out, err *e);
/* The same, and the password to *password (NULL when there is none): malloc'ed, wiped by the caller. */
MUST_CHECK status pgconn_split_password(const char *conninfo, char **out, char **password, err *e);
/* False when it is malformed, too. */
bool pgconn_has_password(const char *conninfo);
/* As pgconn_without_password, and with host, port, user and database as this connection has them where
 * conninfo leaves them to the environment: what leads to the same database from anywhere. */
MUST_CHECK status pgconn_stored_conninfo(const struct pgconn *c, const char *conninfo, char **out, err *e);

/* conninfo with another database, and with its password: for connecting, never for keeping. malloc'ed. */
MUST_CHECK status pgconn_with_database(const char *conninfo, const char *database, char **out, err *e);

/* One or more statements without results that matter. */
MUST_CHECK status pgconn_exec(struct pgconn *c, const char *sql, err *e);
MUST_CHECK status pgconn_execf(struct pgconn *c, err *e, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Rows of one statement with text parameters ($1...; NULL entries are NULL). */
struct pgrows;
MUST_CHECK status pgconn_query(struct pgconn *c, const char *sql, int param_count, const char *const *params,
                               struct pgrows **out, err *e);
void pgrows_free(struct pgrows *r);
OWN_POINTER(pgrows, pgrows_free);
int pgrows_count(const struct pgrows *r);
/* NULL for SQL NULL; borrowed from the rows. */
const char *pgrows_text(const struct pgrows *r, int row, int column);
int64_t pgrows_int(const struct pgrows *r, int row, int column); /* NULL: 0 */
bool pgrows_bool(const struct pgrows *r, int row, int column);   /* NULL: false */
/* One value of a one-row query as malloc'ed text (NULL for SQL NULL or no row). */
MUST_CHECK status pgconn_value(struct pgconn *c, const char *sql, char **out, err *e);

/* "name" quoted as an identifier / literal, appended. */
struct buf;
void pgconn_quote_name(struct buf *out, const char *name);
void pgconn_quote_literal(struct buf *out, const char *text);

/* COPY ... TO STDOUT: start, next until *end. A row is one line with its line end, borrowed until the next
 * call. */
MUST_CHECK status pgconn_copy_out(struct pgconn *c, const char *sql, err *e);
MUST_CHECK status pgconn_copy_next(struct pgconn *c, struct bytes *row, bool *end, err *e);
/* COPY ... FROM STDIN: start, data (any pieces), finish; `rows` loaded. pgconn_copy_fail ends it with an
 * error on the server. */
MUST_CHECK status pgconn_copy_in(struct pgconn *c, const char *sql, err *e);
MUST_CHECK status pgconn_copy_data(struct pgconn *c, struct bytes data, err *e);
MUST_CHECK status pgconn_copy_finish(struct pgconn *c, uint64_t *rows, err *e);
void pgconn_copy_fail(struct pgconn *c, const char *why);

/* Asks the server to stop what the connection is doing. */
void pgconn_cancel(struct pgconn *c);
/* The same for every open connection of this process; any thread. It may meet a later statement than the one
 * it was meant for: whoever has to finish looks for it and asks again. */
void pgconn_cancel_all(void);
/* Did a statement fail because somebody cancelled it? (Or a timeout, which our sessions have none of.) */
bool pgconn_was_cancelled(const err *e);

/* ---- replication ---- */

/* Runs a replication command that ends in CopyBoth (START_REPLICATION ...). */
MUST_CHECK status pgconn_stream_start(struct pgconn *c, const char *command, err *e);

enum stream_event_kind { STREAM_NOTHING, STREAM_DATA, STREAM_KEEPALIVE, STREAM_END };
struct stream_event {
    enum stream_event_kind kind;
    lsn start; /* DATA: of the payload; may be 0 */
    lsn end;   /* the server's current end of WAL */
    pgtime sent;
    bool reply_requested; /* KEEPALIVE */
    struct bytes payload; /* DATA: one pgoutput message; borrowed until the next call */
};
/* Without waiting: what is buffered, after reading the socket when nothing is. STREAM_NOTHING: poll
 * pgconn_socket for input. */
MUST_CHECK status pgconn_stream_next(struct pgconn *c, struct stream_event *out, err *e);
/* Lends the last event's payload out for longer, without a copy: until it is given to pgconn_stream_release
 * (NULL-safe, any thread), also beyond the connection's end. Once for each event. */
void *pgconn_stream_keep(struct pgconn *c);
void pgconn_stream_release(void *kept);
/* Standby status update: positions written, flushed (confirmed to the slot), applied. */
MUST_CHECK status pgconn_stream_status(struct pgconn *c, lsn written, lsn flushed, lsn applied, bool reply,
                                       err *e);

#endif
