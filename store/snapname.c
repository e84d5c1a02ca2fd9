#include <inttypes.h>

#include "store/snapwriter.h"

#define NUMBER_LEN 16 /* hex digits */

static const char *const type_names[] = {
    [PGSTRAND__SNAPSHOT_TYPE__FULL] = "full",
    [PGSTRAND__SNAPSHOT_TYPE__INCREMENTAL] = "incremental",
    [PGSTRAND__SNAPSHOT_TYPE__DIFFERENTIAL] = "differential",
};
#define TYPES (sizeof type_names / sizeof type_names[0])

char *snapname_format(const Pgstrand__SnapshotHeader *header)
{
    uuid id;
    char text[UUID_TEXT], *name = NULL;
    if (header->snapshot.len != sizeof id.b || header->type < 1 || (size_t)header->type >= TYPES)
        return NULL;
    memcpy(id.b, header->snapshot.data, sizeof id.b);
    int len = asprintf(&name, "%016" PRIx64 "-%016" PRIx64 "-%016" PRIx64 "-%s-%s", header->number,
                       header->first_seq, header->last_seq, type_names[header->type], uuid_format(&id, text));
    return len < 0 ? NULL : name;
}

/* Lower-case hex digits and a dash behind them: there is one way to write a number. */
static bool number(const char **at, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < NUMBER_LEN; i++, (*at)++) {
        char c = **at;
        bool digit = c >= '0' && c <= '9';
        if (!digit && (c < 'a' || c > 'f'))
            return false;
        *out = *out << 4 | (uint64_t)(digit ? c - '0' : c - 'a' + 10);
    }
    return *(*at)++ == '-';
}

static bool type(const char **at, Pgstrand__SnapshotType *out)
{
    for (size_t i = 1; i < TYPES; i++) {
        size_t len = strlen(type_names[i]);
        if (strncmp(*at, type_names[i], len) != 0 || (*at)[len] != '-')
            continue;
        *at += len + 1;
        *out = (Pgstrand__SnapshotType)i;
        return true;
    }
    return false;
}

bool snapname_parse(const char *name, struct snapname *out)
{
    const char *at = name;
    char again[UUID_TEXT];
    err e = ERR_INIT;
    return number(&at, &out->number) && number(&at, &out->first_seq) && number(&at, &out->last_seq) &&
           type(&at, &out->type) && uuid_parse(at, &out->id, &e).ok &&
           strcmp(uuid_format(&out->id, again), at) == 0;
}
