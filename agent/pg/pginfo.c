#include <stdlib.h>
#include <string.h>

#include "agent/pg/pgconn.h"
#include "agent/pg/pglib.h"
#include "proto/base/buf.h"

char *pgconn_describe(const struct pgconn *c)
{
    OWNED(buf) struct buf text = {0};
    const char *host = PQhost(c->pg);
    const char *port = PQport(c->pg);
    if (host != NULL && host[0] != '\0')
        buf_printf(&text, "host=%s ", host);
    if (port != NULL && port[0] != '\0')
        buf_printf(&text, "port=%s ", port);
    buf_printf(&text, "user=%s dbname=%s", PQuser(c->pg), PQdb(c->pg));
    return buf_take_cstring(&text);
}

bool pgconn_is_here(const struct pgconn *c)
{
    const char *address = PQhostaddr(c->pg), *host = PQhost(c->pg);
    if (address == NULL || address[0] == '\0')
        address = host == NULL ? "" : host;
    return address[0] == '/' || address[0] == '@' || strncmp(address, "127.", 4) == 0 ||
           strcmp(address, "::1") == 0;
}

/* A conninfo value; always quoted, so that nothing in it can mean anything else. */
static void quote_value(struct buf *out, const char *value)
{
    buf_u8(out, '\'');
    for (const char *p = value; *p != '\0'; p++) {
        if (*p == '\'' || *p == '\\')
            buf_u8(out, '\\');
        buf_u8(out, (uint8_t)*p);
    }
    buf_u8(out, '\'');
}

static status take_options(const PQconninfoOption *options, struct buf *text, char **password, err *e)
{
    for (const PQconninfoOption *o = options; o->keyword != NULL; o++) {
        if (o->val == NULL)
            continue;
        if (strcmp(o->keyword, "password") == 0) {
            free(*password);
            *password = strdup(o->val);
            if (*password == NULL)
                return err_no_memory(e);
        }
        if (o->dispchar[0] == '*') /* libpq's mark of what must not be shown: password, sslpassword */
            continue;
        buf_printf(text, "%s%s=", text->len > 0 ? " " : "", o->keyword);
        quote_value(text, o->val);
    }
    return DONE;
}

status pgconn_split_password(const char *conninfo, char **out, char **password, err *e)
{
    OWNED(buf) struct buf text = {0};
    *password = NULL;
    if (strchr(conninfo, '=') == NULL && strstr(conninfo, "://") == NULL) {
        if (conninfo[0] != '\0') {
            buf_text(&text, "dbname=");
            quote_value(&text, conninfo);
        }
    } else {
        char *why = NULL;
        PQconninfoOption *options = PQconninfoParse(conninfo, &why);
        if (options == NULL) {
            char line[ERR_TEXT];
            pglib_one_line(why != NULL ? why : "out of memory", line, sizeof line);
            PQfreemem(why);
            return err_from(e, ERR_VALIDATION, FROM_LIBPQ, 0, "the connection string is not valid: %s", line);
        }
        status s = take_options(options, &text, password, e);
        PQconninfoFree(options);
        TRY(s);
    }
    *out = buf_take_cstring(&text);
    return *out != NULL ? DONE : err_no_memory(e);
}

status pgconn_without_password(const char *conninfo, char **out, err *e)
{
    OWNED(text) char *password = NULL;
    const status done = pgconn_split_password(conninfo, out, &password, e);
    if (password != NULL)
        explicit_bzero(password, strlen(password));
    return done;
}

bool pgconn_has_password(const char *conninfo)
{
    OWNED(text) char *plain = NULL;
    OWNED(text) char *password = NULL;
    err ignored = ERR_INIT;
    const bool has = pgconn_split_password(conninfo, &plain, &password, &ignored).ok && password != NULL;
    if (password != NULL)
        explicit_bzero(password, strlen(password));
    return has;
}

/* Is `keyword` among the settings of a normalized conninfo ("keyword='value' ...")? */
static bool names(const char *plain, const char *keyword)
{
    size_t len = strlen(keyword);
    bool quoted = false;
    for (const char *p = plain; *p != '\0'; p++) {
        if (quoted && *p == '\\' && p[1] != '\0') {
            p++;
        } else if (*p == '\'') {
            quoted = !quoted;
        } else if (!quoted && (p == plain || p[-1] == ' ') && strncmp(p, keyword, len) == 0 &&
                   p[len] == '=') {
            return true;
        }
    }
    return false;
}

status pgconn_stored_conninfo(const struct pgconn *c, const char *conninfo, char **out, err *e)
{
    OWNED(text) char *plain = NULL;
    OWNED(buf) struct buf text = {0};
    TRY(pgconn_without_password(conninfo, &plain, e));
    buf_text(&text, plain);
    const struct {
        const char *keyword;
        const char *value;
    } present[] = {
        {"host", PQhost(c->pg)}, {"port", PQport(c->pg)}, {"user", PQuser(c->pg)}, {"dbname", PQdb(c->pg)}};
    bool elsewhere = names(plain, "service") || names(plain, "hostaddr"); /* they say where the server is */
    for (size_t i = 0; i < sizeof present / sizeof present[0]; i++) {
        if (present[i].value == NULL || present[i].value[0] == '\0' || names(plain, present[i].keyword) ||
            (elsewhere && i < 2))
            continue;
        buf_printf(&text, "%s%s=", text.len > 0 ? " " : "", present[i].keyword);
        quote_value(&text, present[i].value);
    }
    *out = buf_take_cstring(&text);
    return *out != NULL ? DONE : err_no_memory(e);
}

/* Of two settings of one name libpq takes the last. */
status pgconn_with_database(const char *conninfo, const char *database, char **out, err *e)
{
    OWNED(text) char *plain = NULL;
    OWNED(text) char *password = NULL;
    OWNED(buf) struct buf text = {0};
    TRY(pgconn_split_password(conninfo, &plain, &password, e));
    buf_printf(&text, "%s dbname=", plain);
    quote_value(&text, database);
    if (password != NULL) {
        buf_text(&text, " password=");
        quote_value(&text, password);
        explicit_bzero(password, strlen(password));
    }
    *out = buf_take_cstring(&text);
    return *out != NULL ? DONE : err_no_memory(e);
}
