#include "store/logname.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/io.h"

#define DIGITS 16
#define NAME_ROOM 32 /* "bulk-", the digits, ".act" */

static const struct {
    const char *prefix;
    const char *suffix;
} form[] = {[LOGNAME_SEGMENT] = {"seg-", ".mdb"}, [LOGNAME_BULK] = {"bulk-", ".act"}};

char *logname_path(const char *dir, enum logname_kind kind, uint64_t first_seq)
{
    char name[NAME_ROOM];
    (void)snprintf(name, sizeof name, "%s%016" PRIx64 "%s", form[kind].prefix, first_seq, form[kind].suffix);
    return io_join(dir, name);
}

bool logname_begins(const char *name, enum logname_kind kind)
{
    return strncmp(name, form[kind].prefix, strlen(form[kind].prefix)) == 0;
}

bool logname_parse(const char *name, enum logname_kind kind, uint64_t *first_seq)
{
    if (!logname_begins(name, kind))
        return false;
    const char *digits = name + strlen(form[kind].prefix);
    if (strspn(digits, "0123456789abcdef") != DIGITS || strcmp(digits + DIGITS, form[kind].suffix) != 0)
        return false;
    *first_seq = strtoull(digits, NULL, 16);
    return true;
}
