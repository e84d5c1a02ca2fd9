#define PGSTRAND_ERR_SOURCE
#include "proto/base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct class_facts {
    const char *name;
    int exit_code;
};

static const struct class_facts classes[] = {
    [ERR_NONE] = {"none", 0},        [ERR_VALIDATION] = {"validation", 10},
    [ERR_SCHEMA] = {"schema", 11},   [ERR_STORAGE] = {"storage", 12},
    [ERR_NETWORK] = {"network", 13}, [ERR_TIMEOUT] = {"timeout", 14},
    [ERR_REFUSED] = {"refused", 15}, [ERR_INTERRUPTED] = {"interrupted", 130},
    [ERR_USAGE] = {"usage", 2},
};

/* Messages are one line: what a server or a file name says may hold line ends. */
static void one_line(char *text)
{
    for (char *p = text; *p != '\0'; p++)
        if (*p == '\n' || *p == '\r' || *p == '\t')
            *p = ' ';
    size_t length = strlen(text);
    while (length > 0 && text[length - 1] == ' ')
        text[--length] = '\0';
}

static void fill(err *e, enum err_class class, enum err_origin origin, int code, const char *format,
                 va_list args) __attribute__((format(printf, 5, 0)));

static void fill(err *e, enum err_class class, enum err_origin origin, int code, const char *format,
                 va_list args)
{
    *e = (err){.class = class, .origin = origin, .code = code};
    (void)vsnprintf(e->message, sizeof e->message, format, args);
    one_line(e->message);
}

status err_set(err *e, enum err_class class, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fill(e, class, FROM_SELF, 0, format, args);
    va_end(args);
    return FAILED;
}

status err_from(err *e, enum err_class class, enum err_origin origin, int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fill(e, class, origin, code, format, args);
    va_end(args);
    return FAILED;
}

static enum err_class class_of_errno(int code)
{
    switch (code) {
    case ETIMEDOUT:
        return ERR_TIMEOUT;
    case EINTR:
        return ERR_INTERRUPTED;
    case ECONNREFUSED:
    case ECONNRESET:
    case EPIPE:
    case EHOSTUNREACH:
    case ENETUNREACH:
        return ERR_NETWORK;
    default:
        return ERR_STORAGE;
    }
}

status err_errno(err *e, int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fill(e, class_of_errno(code), FROM_ERRNO, code, format, args);
    va_end(args);
    size_t used = strlen(e->message);
    (void)snprintf(e->message + used, sizeof e->message - used, ": %s", strerror(code));
    return FAILED;
}

status err_no_memory(err *e)
{
    return err_from(e, ERR_STORAGE, FROM_ERRNO, ENOMEM, "out of memory");
}

status err_wrap(err *e, const char *format, ...)
{
    char context[ERR_TEXT];
    char inner[ERR_TEXT];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(context, sizeof context, format, args);
    va_end(args);
    memcpy(inner, e->message, sizeof inner);
    size_t used = (size_t)snprintf(e->message, sizeof e->message, "%s: ", context);
    if (used < sizeof e->message) {
        size_t room = sizeof e->message - used - 1;
        size_t length = strnlen(inner, room);
        memcpy(e->message + used, inner, length);
        e->message[used + length] = '\0';
    }
    one_line(e->message);
    return FAILED;
}

const char *err_class_name(enum err_class class)
{
    return classes[class].name;
}

int err_exit_code(enum err_class class)
{
    return classes[class].exit_code;
}

bool err_is_transient(const err *e)
{
    return e->class == ERR_NETWORK || e->class == ERR_TIMEOUT;
}
