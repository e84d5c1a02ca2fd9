#include "agent/pg/pgconn.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/pg/pglib.h"
#include "proto/base/buf.h"

/* Seconds to wait for a connection where neither conninfo nor PGCONNECT_TIMEOUT says. */
#define CONNECT_TIMEOUT "10"

#define MAX_PARAMETERS 16

/* Values are text: nothing that the database, the role or the client's environment sets may change how they
 * look, hide rows from us (row_security) or cut a long operation short (the timeouts). */
static const char session_settings[] =
    "SELECT pg_catalog.set_config(v.n, v.v, false) FROM (VALUES ('datestyle', 'ISO, MDY'),"
    " ('intervalstyle', 'postgres'), ('extra_float_digits', '3'), ('bytea_output', 'hex'), ('lc_monetary', "
    "'C'),"
    " ('timezone', 'UTC'), ('search_path', ''), ('standard_conforming_strings', 'on'), ('row_security', "
    "'off'),"
    " ('statement_timeout', '0'), ('lock_timeout', '0'), ('idle_in_transaction_session_timeout', '0'),"
    " ('jit', 'off')) AS v(n, v)";
static const char session_settings_14[] = "SET idle_session_timeout = 0";
static const char session_settings_17[] = "SET transaction_timeout = 0";

static void ignore_notice(void *context, const char *message)
{
    (void)context;
    (void)message;
}

/* The SQLSTATE inside a verbose connection error ("FATAL:  28P01: password ..."), taken out of the text:
 * libpq gives it in no other way while a connection is being made. */
static void extract_sqlstate(char *text, char sqlstate[static 6])
{
    sqlstate[0] = '\0';
    for (char *at = text; (at = strstr(at, ":  ")) != NULL; at++) {
        char *code = at + 3;
        size_t len = 0;
        while (len < 5 && (isdigit((unsigned char)code[len]) || isupper((unsigned char)code[len])))
            len++;
        if (len == 5 && code[5] == ':' && code[6] == ' ') {
            memcpy(sqlstate, code, 5);
            sqlstate[5] = '\0';
            memmove(code, code + 7, strlen(code + 7) + 1);
            return;
        }
    }
}

static status connect_failure(PGconn *pg, err *e)
{
    char text[ERR_TEXT];
    char sqlstate[6];
    pglib_one_line(PQerrorMessage(pg), text, sizeof text);
    extract_sqlstate(text, sqlstate);
    char *location = strstr(text, "; LOCATION:");
    if (location != NULL)
        *location = '\0';
    /* Without an SQLSTATE the server said nothing: it is away, or a password is wanted that libpq has not
     * got. */
    enum err_class class = pglib_class(sqlstate);
    if (sqlstate[0] == '\0' && (PQconnectionNeedsPassword(pg) || strncmp(text, "invalid ", 8) == 0))
        class = ERR_VALIDATION;
    const char *advice = "check that the server runs and that the connection string leads to it";
    if (PQconnectionNeedsPassword(pg) || strncmp(sqlstate, "28", 2) == 0)
        advice =
            "passwords come from ~/.pgpass, PGPASSFILE or PGPASSWORD; the server's pg_hba.conf must let the "
            "role in";
    else if (sqlstate[0] != '\0')
        advice = "see the server's message";
    status failed = err_from(e, class, FROM_LIBPQ, 0, "cannot connect to the database: %s; %s", text, advice);
    memcpy(e->sqlstate, sqlstate, sizeof e->sqlstate);
    return failed;
}

static int connect_seconds(PGconn *pg)
{
    int seconds = 0;
    int hosts = 1;
    PQconninfoOption *options = PQconninfo(pg);
    for (PQconninfoOption *o = options; o != NULL && o->keyword != NULL; o++) {
        if (o->val == NULL)
            continue;
        if (strcmp(o->keyword, "connect_timeout") == 0)
            seconds = atoi(o->val);
        if (strcmp(o->keyword, "host") == 0)
            for (const char *p = o->val; *p != '\0'; p++)
                hosts += *p == ',';
    }
    PQconninfoFree(options);
    return seconds <= 0 ? -1 : seconds * hosts;
}

static int64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* PQconnectdb in steps: only so can the verbosity be set that makes libpq tell the SQLSTATE of a refusal. */
static status connect_complete(PGconn *pg, err *e)
{
    int seconds = connect_seconds(pg);
    int64_t deadline = seconds < 0 ? INT64_MAX : now_ms() + (int64_t)seconds * 1000;
    PostgresPollingStatusType want = PGRES_POLLING_WRITING;

    if (PQstatus(pg) == CONNECTION_BAD)
        return connect_failure(pg, e);
    (void)PQsetErrorVerbosity(pg, PQERRORS_VERBOSE);
    while (want != PGRES_POLLING_OK) {
        struct pollfd fd = {PQsocket(pg), want == PGRES_POLLING_READING ? POLLIN : POLLOUT, 0};
        int64_t left = deadline == INT64_MAX ? 60000 : deadline - now_ms();
        if (left <= 0)
            return err_from(
                e, ERR_NETWORK, FROM_LIBPQ, ETIMEDOUT,
                "cannot connect to the database: no answer from host %s port %s within %d s; check the "
                "address and the network",
                PQhost(pg) != NULL ? PQhost(pg) : "?", PQport(pg) != NULL ? PQport(pg) : "?", seconds);
        int ready = poll(&fd, 1, (int)left);
        if (ready < 0 && errno != EINTR)
            return err_errno(e, errno, "cannot wait for the database connection");
        if (ready <= 0)
            continue;
        want = PQconnectPoll(pg);
        if (want == PGRES_POLLING_FAILED)
            return connect_failure(pg, e);
    }
    (void)PQsetErrorVerbosity(pg, PQERRORS_DEFAULT);
    return DONE;
}

static status check_syntax(const char *conninfo, err *e)
{
    if (strchr(conninfo, '=') == NULL && strstr(conninfo, "://") == NULL)
        return DONE; /* a plain database name, or nothing */
    char *why = NULL;
    PQconninfoOption *options = PQconninfoParse(conninfo, &why);
    status s = DONE;
    if (options == NULL) {
        char text[ERR_TEXT];
        pglib_one_line(why != NULL ? why : "out of memory", text, sizeof text);
        s = err_from(e, ERR_VALIDATION, FROM_LIBPQ, 0, "the connection string is not valid: %s", text);
    }
    PQfreemem(why);
    PQconninfoFree(options);
    return s;
}

struct parameters {
    const char *keyword[MAX_PARAMETERS];
    const char *value[MAX_PARAMETERS];
    size_t count;
};

static void add(struct parameters *p, const char *keyword, const char *value)
{
    p->keyword[p->count] = keyword;
    p->value[p->count] = value;
    p->count++;
}

static status settle_session(struct pgconn *c, err *e)
{
    TRY(pgconn_exec(c, session_settings, e));
    if (pgconn_server_version(c) >= 140000)
        TRY(pgconn_exec(c, session_settings_14, e));
    if (pgconn_server_version(c) >= 170000)
        TRY(pgconn_exec(c, session_settings_17, e));
    return DONE;
}

static status open_connection(const char *conninfo, const char *database, enum pgconn_purpose purpose,
                              struct pgconn **out, err *e)
{
    /* What comes first is overridden by conninfo, what comes after it overrides it. */
    struct parameters p = {0};
    if (getenv("PGCONNECT_TIMEOUT") == NULL)
        add(&p, "connect_timeout", CONNECT_TIMEOUT);
    add(&p, "keepalives_idle", "60");
    add(&p, "keepalives_interval", "10");
    add(&p, "keepalives_count", "6");
    add(&p, "fallback_application_name", "pgstrand");
    add(&p, "dbname", conninfo);
    if (database != NULL)
        add(&p, "dbname", database);
    add(&p, "client_encoding", "UTF8");
    if (purpose == PGCONN_REPLICATION)
        add(&p, "replication", "database");
    add(&p, NULL, NULL);

    TRY(check_syntax(conninfo, e));
    OWNED(pgconn) struct pgconn *c = calloc(1, sizeof *c);
    if (c == NULL)
        return err_no_memory(e);
    c->purpose = purpose;
    c->pg = PQconnectStartParams(p.keyword, p.value, 1);
    if (c->pg == NULL)
        return err_no_memory(e);
    (void)PQsetNoticeProcessor(c->pg, ignore_notice, NULL);
    TRY(connect_complete(c->pg, e));
    c->cancel = PQgetCancel(c->pg);
    pglib_enlist(c);
    TRY(settle_session(c, e));
    *out = c;
    c = NULL;
    return DONE;
}

status pgconn_open(const char *conninfo, enum pgconn_purpose purpose, struct pgconn **out, err *e)
{
    return open_connection(conninfo, NULL, purpose, out, e);
}

status pgconn_open_database(const char *conninfo, const char *database, struct pgconn **out, err *e)
{
    return open_connection(conninfo, database, PGCONN_QUERY, out, e);
}

void pgconn_close(struct pgconn *c)
{
    if (c == NULL)
        return;
    pglib_delist(c);
    pglib_row_release(c);
    PQfreeCancel(c->cancel);
    PQfinish(c->pg);
    free(c);
}

int pgconn_server_version(const struct pgconn *c)
{
    return PQserverVersion(c->pg);
}

const char *pgconn_database(const struct pgconn *c)
{
    return PQdb(c->pg);
}

const char *pgconn_user(const struct pgconn *c)
{
    return PQuser(c->pg);
}

int pgconn_socket(const struct pgconn *c)
{
    return PQsocket(c->pg);
}

bool pgconn_alive(const struct pgconn *c)
{
    return PQstatus(c->pg) == CONNECTION_OK;
}

void pgconn_cancel(struct pgconn *c)
{
    /* Best effort: the request travels on a connection of its own, and what it stops reports the outcome. */
    char why[256];
    if (c->cancel != NULL)
        (void)PQcancel(c->cancel, why, (int)sizeof why);
}
