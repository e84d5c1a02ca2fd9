#include "agent/seal/versiondiff.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define CLASS_TYPE 1247u /* pg_type; the same in every database */
#define TYPE_TEXT 25u
#define TYPE_VARCHAR 1043u

struct diff {
    struct versionlabel *label;
    const Pgstrand__Schema *before;
    const Pgstrand__Schema *now;
    Pgstrand__RowsChanged *found;
    size_t count;
};

bool versiondiff_type_follows(uint32_t from, uint32_t to)
{
    const bool texts = (from == TYPE_TEXT || from == TYPE_VARCHAR) && (to == TYPE_TEXT || to == TYPE_VARCHAR);
    return from == to || texts;
}

__attribute__((format(printf, 5, 6))) static status add(struct diff *d, uint32_t oid, size_t change, err *e,
                                                        const char *format, ...)
{
    char what[200];
    const Pgstrand__SchemaChange *at = &d->label->change[change];
    Pgstrand__RowsChanged *grown = arena_alloc(&d->label->arena, (d->count + 1) * sizeof *grown);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    if (grown == NULL)
        return err_no_memory(e);
    if (d->count > 0)
        memcpy(grown, d->found, d->count * sizeof *grown);
    d->found = grown;
    Pgstrand__RowsChanged *r = &grown[d->count++];
    pgstrand__rows_changed__init(r);
    r->oid = oid;
    r->seq = at->last_seq;
    r->lsn = at->lsn;
    r->what = arena_copy(&d->label->arena, bytes_text(what));
    return r->what != NULL ? DONE : err_no_memory(e);
}

static const Pgstrand__Table *table_of(const Pgstrand__Schema *schema, uint32_t oid)
{
    for (size_t i = 0; i < schema->n_table; i++)
        if (schema->table[i]->oid == oid)
            return schema->table[i];
    return NULL;
}

static const Pgstrand__Column *column_of(const Pgstrand__Table *t, uint32_t attnum)
{
    for (size_t i = 0; t != NULL && i < t->n_column; i++)
        if (t->column[i]->attnum == attnum)
            return t->column[i];
    return NULL;
}

static bool was_generated(const Pgstrand__Table *t, uint32_t attnum)
{
    for (size_t i = 0; i < t->n_generated; i++)
        if (t->generated[i] == attnum)
            return true;
    return false;
}

/* The last commit that touched the object; the last one at all when none names it. */
static size_t change_of(const struct diff *d, uint32_t oid)
{
    size_t last = d->label->count - 1;
    for (size_t i = d->label->touches; i > 0; i--)
        for (size_t k = 0; k < d->label->touch[i - 1].count; k++)
            if (d->label->touch[i - 1].object[k].oid == oid)
                return d->label->touch[i - 1].change;
    return last;
}

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static status compare_tables(struct diff *d, const Pgstrand__Table *was, const Pgstrand__Table *is, err *e)
{
    if (was->tier != is->tier || !same_text(was->tier_column, is->tier_column) ||
        !same_text(was->tier_value, is->tier_value))
        return add(d, is->oid, change_of(d, is->oid), e, "%s.%s has another tier", is->schema, is->name);
    for (size_t i = 0; i < is->n_column; i++) {
        const Pgstrand__Column *c = is->column[i];
        const Pgstrand__Column *earlier = column_of(was, c->attnum);
        if (earlier != NULL && !versiondiff_type_follows(earlier->type, c->type))
            return add(d, is->oid, change_of(d, is->oid), e, "column %s of %s.%s has another type", c->name,
                       is->schema, is->name);
        if (earlier == NULL && was_generated(was, c->attnum))
            return add(d, is->oid, change_of(d, is->oid), e, "column %s of %s.%s was generated", c->name,
                       is->schema, is->name);
    }
    return DONE;
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* Was it made meanwhile, so that all its rows are in the stream? What an extension makes is not listed. */
static bool was_made(const struct diff *d, uint32_t oid)
{
    for (size_t i = 0; i < d->label->touches; i++) {
        const struct ddl_touch *t = &d->label->touch[i];
        const bool makes = begins(t->tag, "CREATE ") || begins(t->tag, "SELECT INTO");
        if (begins(t->tag, "CREATE EXTENSION") || begins(t->tag, "ALTER EXTENSION") ||
            begins(t->tag, "IMPORT FOREIGN"))
            return true;
        for (size_t k = 0; makes && k < t->count; k++)
            if (t->object[k].class == DDLOBJECTS_CLASS_RELATION && t->object[k].oid == oid)
                return true;
    }
    return false;
}

static status look_at_tables(struct diff *d, err *e)
{
    for (size_t i = 0; i < d->now->n_table; i++) {
        const Pgstrand__Table *is = d->now->table[i];
        const Pgstrand__Table *was = table_of(d->before, is->oid);
        if (was != NULL)
            TRY(compare_tables(d, was, is, e));
        else if (!was_made(d, is->oid))
            TRY(add(d, is->oid, change_of(d, is->oid), e, "rows of %s.%s were not captured before",
                    is->schema, is->name));
    }
    return DONE;
}

/* A column added with a default that had to be computed; one that is generated has no values here. */
static bool adds_values(const struct diff *d, const Pgstrand__Table *is)
{
    const Pgstrand__Table *was = table_of(d->before, is->oid);
    for (size_t i = 0; i < is->n_column; i++)
        if (column_of(was, is->column[i]->attnum) == NULL)
            return true;
    return false;
}

static status look_at_rewrite(struct diff *d, const struct ddl_touch *t, const struct ddl_object *o, err *e)
{
    const Pgstrand__Table *is = table_of(d->now, o->oid);
    const unsigned values = DDLOBJECTS_PERSISTENCE | DDLOBJECTS_TYPE | DDLOBJECTS_DEFAULT;
    if (is == NULL || (o->reason & values) == 0 || o->empty)
        return DONE;
    if ((o->reason & values) == DDLOBJECTS_DEFAULT && !adds_values(d, is))
        return DONE;
    return add(d, is->oid, t->change, e, "%s.%s was rewritten", is->schema, is->name);
}

/* ---- types: what they hold is compared as pg_dump writes it ---- */

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
static size_t alterations(const struct diff *d, uint32_t oid)
{
    size_t count = 0;
    for (size_t i = 0; i < d->label->touches; i++)
        for (size_t k = 0; k < d->label->touch[i].count; k++)
            count += d->label->touch[i].object[k].class == CLASS_TYPE &&
                     d->label->touch[i].object[k].oid == oid && begins(d->label->touch[i].tag, "ALTER TYPE");
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
static bool only_added(const struct diff *d, uint32_t oid, struct bytes was, struct bytes is)
{
    const size_t commands = alterations(d, oid);
    if (bytes_equal(was, is))
        return commands <= 1;
    return has_all_lines(was, is) && lines(is) >= lines(was) + commands;
}

/* A type that either text does not know by this name was renamed, moved or dropped meanwhile: nothing shows
 * what happened to its labels, if it has any. */
static status look_at_type(struct diff *d, const struct ddl_touch *t, const struct ddl_object *o, err *e)
{
    const struct bytes was = statement_of(d->before->pre_data, o->identity);
    const struct bytes is = statement_of(d->now->pre_data, o->identity);
    const bool both = was.len > 0 && is.len > 0;
    const bool neither = was.len == 0 && is.len == 0;
    bool same = false;
    if (is_enum(was) || is_enum(is))
        same = both && only_added(d, o->oid, was, is);
    else
        same = !neither && (!both || bytes_equal(was, is));
    return same ? DONE : add(d, 0, t->change, e, "type %s holds something else", o->identity);
}

/* ALTER TYPE ... ATTRIBUTE, which PostgreSQL reports of the relation behind the type. The text does not tell:
 * an attribute dropped and added again is empty in the rows there are. */
static bool alters_attributes(const struct ddl_touch *t, const struct ddl_object *o)
{
    return o->class == DDLOBJECTS_CLASS_RELATION && strcmp(o->type, "composite type") == 0 &&
           begins(t->tag, "ALTER TYPE");
}

status versiondiff_find(struct versionlabel *label, const Pgstrand__Schema *before,
                        const Pgstrand__Schema *now, Pgstrand__RowsChanged **out, size_t *count, err *e)
{
    struct diff d = {.label = label, .before = before, .now = now};
    for (size_t i = 0; i < label->touches; i++) {
        const struct ddl_touch *t = &label->touch[i];
        for (size_t k = 0; k < t->count; k++) {
            if (alters_attributes(t, &t->object[k]))
                TRY(add(&d, 0, t->change, e, "type %s holds something else", t->object[k].identity));
            else if (t->object[k].class == DDLOBJECTS_CLASS_RELATION)
                TRY(look_at_rewrite(&d, t, &t->object[k], e));
            else if (t->object[k].class == CLASS_TYPE && begins(t->tag, "ALTER TYPE"))
                TRY(look_at_type(&d, t, &t->object[k], e));
        }
    }
    TRY(look_at_tables(&d, e));
    *out = d.found;
    *count = d.count;
    return DONE;
}
