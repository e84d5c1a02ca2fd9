#include "agent/seal/versiontypes.h"

#include <stdio.h>
#include <string.h>

#include "proto/pgtype.h"

static int width_of(uint32_t type)
{
    return type == PGTYPE_INT2 ? 2 : type == PGTYPE_INT4 ? 4 : type == PGTYPE_INT8 ? 8 : 0;
}

/* Types of one text, however the session is set: no dates, no floats, not bool, which is cast to "true". */
static bool is_bare(uint32_t type)
{
    return width_of(type) > 0 || type == PGTYPE_NUMERIC || type == PGTYPE_UUID;
}

static bool is_text(uint32_t type)
{
    return type == PGTYPE_TEXT || type == PGTYPE_VARCHAR;
}

bool versiontypes_follow(struct versiontype from, struct versiontype to)
{
    if (from.oid == to.oid || (is_text(from.oid) && is_text(to.oid)))
        return true;
    if (width_of(from.oid) > 0 && width_of(to.oid) > 0)
        return width_of(from.oid) < width_of(to.oid);
    if (to.typmod != -1)
        return false; /* a length or a scale would change the text */
    return (width_of(from.oid) > 0 && to.oid == PGTYPE_NUMERIC) || (is_bare(from.oid) && is_text(to.oid));
}

/* ---- what types hold is compared as pg_dump writes it ---- */

/* The statement that makes the type; empty when the text has none. */
static struct bytes statement_of(const char *pre_data, const char *identity)
{
    char head[300];
    const int len = snprintf(head, sizeof head, "\nCREATE TYPE %s AS ", identity);
    const char *at =
        pre_data == NULL || len < 0 || (size_t)len >= sizeof head ? NULL : strstr(pre_data, head);
    const char *end = at == NULL ? NULL : strstr(at, ");\n");
    return end == NULL ? (struct bytes){0} : bytes_of(at, (size_t)(end - at));
}

static bool is_enum(struct bytes statement)
{
    static const char labels[] = " AS ENUM (";
    return statement.len > 0 && memmem(statement.data, statement.len, labels, sizeof labels - 1) != NULL;
}

static size_t lines(struct bytes text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += text.data[i] == '\n';
    return count;
}

/* How many commands changed the type or may have. */
static size_t alterations(const struct versionlabel *label, uint32_t oid)
{
    size_t count = 0;
    for (size_t i = 0; i < label->touches; i++)
        for (size_t k = 0; k < label->touch[i].count; k++)
            count += label->touch[i].object[k].class == DDLOBJECTS_CLASS_TYPE &&
                     label->touch[i].object[k].oid == oid && strcmp(label->touch[i].tag, "ALTER TYPE") == 0;
    return count;
}

/* Each line of the old list stands in the new one, too. */
static bool has_all_lines(struct bytes was, struct bytes is)
{
    struct bytes line;
    for (size_t from = 1; from < was.len; from += line.len + 1) {
        const uint8_t *at = was.data + from;
        const uint8_t *stop = memchr(at, '\n', was.len - from);
        line = bytes_of(at, stop == NULL ? was.len - from : (size_t)(stop - at));
        while (line.len > 0 && line.data[line.len - 1] == ',')
            line.len--;
        if (line.len > 0 && memmem(is.data, is.len, line.data, line.len) == NULL)
            return false;
        line.len = stop == NULL ? was.len - from : (size_t)(stop - at);
    }
    return true;
}

/* Labels cannot be dropped, and a command adds one at most: when there are as many commands as new labels,
 * none of them renamed one. A name given up and given again would look the same in the text, but rows that
 * have the old one mean another label; one command that left the text as it was did nothing to the labels. */
static bool only_added(const struct versionlabel *label, uint32_t oid, struct bytes was, struct bytes is)
{
    const size_t commands = alterations(label, oid);
    if (bytes_equal(was, is))
        return commands <= 1;
    return has_all_lines(was, is) && lines(is) >= lines(was) + commands;
}

bool versiontypes_changed(const struct versionlabel *label, const Pgstrand__Schema *before,
                          const Pgstrand__Schema *now, const struct ddl_object *o)
{
    const struct bytes was = statement_of(before->pre_data, o->identity);
    const struct bytes is = statement_of(now->pre_data, o->identity);
    const bool both = was.len > 0 && is.len > 0;
    const bool neither = was.len == 0 && is.len == 0;
    if (is_enum(was) || is_enum(is))
        return !both || !only_added(label, o->oid, was, is);
    return neither || (both && !bytes_equal(was, is));
}
