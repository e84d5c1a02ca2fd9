#include "agent/ddlobjects.h"

#include <string.h>

#include "proto/jsonread.h"

/* What is being read. Lists grow in the arena by doubling; what they leave behind goes with it. */
struct parse {
    struct reader r;
    struct arena *arena;
    struct buf name, text;
    bool no_memory;
};

static void parse_fini(struct parse *p)
{
    buf_fini(&p->name);
    buf_fini(&p->text);
}
OWN_VALUE(parse, parse_fini);

static bool is(const struct parse *p, const char *name)
{
    return bytes_equal(buf_view(&p->name), bytes_text(name));
}

static const char *keep(struct parse *p)
{
    const char *kept = arena_copy(p->arena, buf_view(&p->text));
    p->no_memory = p->no_memory || kept == NULL || p->text.bad;
    return kept;
}

/* Room for one more behind `count`. */
static bool room(struct parse *p, void *list, size_t count, size_t size)
{
    p->no_memory = p->no_memory || !arena_room(p->arena, list, count, size);
    return !p->no_memory;
}

static bool text_or_null(struct parse *p, const char **out)
{
    *out = NULL;
    if (jsonread_null(&p->r))
        return true;
    if (!jsonread_string(&p->r, &p->text))
        return false;
    *out = keep(p);
    return *out != NULL;
}

static bool number(struct parse *p, uint64_t max, uint64_t *out)
{
    int64_t value = 0;
    if (jsonread_null(&p->r))
        return true;
    if (!jsonread_number(&p->r, &value) || value < 0 || (uint64_t)value > max)
        return false;
    *out = (uint64_t)value;
    return true;
}

static bool whole(struct parse *p, int32_t *out)
{
    int64_t value = 0;
    if (!jsonread_number(&p->r, &value) || value < INT32_MIN || value > INT32_MAX)
        return false;
    *out = (int32_t)value;
    return true;
}

/* Calls `member` for each member of an object, its name in p->name. */
static bool each_member(struct parse *p, bool (*member)(struct parse *p, void *context), void *context)
{
    if (!jsonread_take(&p->r, '{'))
        return false;
    if (jsonread_take(&p->r, '}'))
        return true;
    do {
        if (!jsonread_string(&p->r, &p->name) || !jsonread_take(&p->r, ':') || !member(p, context))
            return false;
    } while (jsonread_take(&p->r, ','));
    return jsonread_take(&p->r, '}');
}

static bool column_member(struct parse *p, void *context)
{
    struct ddl_column *c = context;
    const char *text = NULL;
    uint64_t value = 0;
    bool good = true;
    if (is(p, "n")) {
        good = number(p, UINT16_MAX, &value);
        c->attnum = (uint16_t)value;
    } else if (is(p, "type")) {
        good = number(p, UINT32_MAX, &value);
        c->type = (uint32_t)value;
    } else if (is(p, "typmod")) {
        good = whole(p, &c->typmod);
    } else if (is(p, "name")) {
        good = text_or_null(p, &c->name);
    } else if (is(p, "generated")) {
        good = text_or_null(p, &text);
        c->generated = text != NULL && text[0] != '\0';
    } else if (is(p, "missing")) {
        good = text_or_null(p, &text);
        c->missing = text == NULL ? NULL : ddlobjects_element(text, p->arena);
    } else {
        good = jsonread_skip(&p->r);
    }
    return good;
}

static bool columns(struct parse *p, struct ddl_object *o)
{
    if (jsonread_null(&p->r))
        return true;
    if (!jsonread_take(&p->r, '['))
        return false;
    o->has_columns = true;
    if (jsonread_take(&p->r, ']'))
        return true;
    do {
        if (!room(p, &o->column, o->count, sizeof *o->column))
            return false;
        struct ddl_column *c = &o->column[o->count++];
        *c = (struct ddl_column){.typmod = -1};
        if (!each_member(p, column_member, c) || c->attnum == 0 || c->name == NULL)
            return false;
    } while (jsonread_take(&p->r, ','));
    return jsonread_take(&p->r, ']');
}

static bool object_member(struct parse *p, void *context)
{
    struct ddl_object *o = context;
    uint64_t value = 0;
    bool good = true;
    if (is(p, "class")) {
        good = number(p, UINT32_MAX, &value);
        o->class = (uint32_t)value;
    } else if (is(p, "oid")) {
        good = number(p, UINT32_MAX, &value);
        o->oid = (uint32_t)value;
    } else if (is(p, "reason")) {
        good = number(p, UINT32_MAX, &value);
        o->reason = (unsigned)value;
    } else if (is(p, "type")) {
        good = text_or_null(p, &o->type);
    } else if (is(p, "identity")) {
        good = text_or_null(p, &o->identity);
    } else if (is(p, "empty")) {
        good = jsonread_bool(&p->r, &o->empty);
    } else if (is(p, "plain")) {
        good = jsonread_bool(&p->r, &o->plain);
    } else if (is(p, "retold")) {
        good = jsonread_bool(&p->r, &o->retold);
    } else if (is(p, "stale")) {
        good = jsonread_bool(&p->r, &o->stale);
    } else if (is(p, "columns")) {
        good = columns(p, o);
    } else {
        good = jsonread_skip(&p->r);
    }
    return good;
}

static bool objects(struct parse *p, struct ddl_object **out, size_t *count)
{
    if (!jsonread_take(&p->r, '['))
        return false;
    if (jsonread_take(&p->r, ']'))
        return jsonread_end(&p->r);
    do {
        if (!room(p, out, *count, sizeof **out))
            return false;
        struct ddl_object *o = &(*out)[(*count)++];
        *o = (struct ddl_object){.type = "", .identity = ""};
        if (!each_member(p, object_member, o))
            return false;
        if (o->type == NULL)
            o->type = "";
        if (o->identity == NULL)
            o->identity = "";
    } while (jsonread_take(&p->r, ','));
    return jsonread_take(&p->r, ']') && jsonread_end(&p->r);
}

status ddlobjects_parse(struct bytes content, struct arena *arena, struct ddl_object **out, size_t *count,
                        bool *sound, err *e)
{
    OWNED(parse) struct parse p = {.r = reader_over(content), .arena = arena};
    *out = NULL;
    *count = 0;
    *sound = objects(&p, out, count);
    if (p.no_memory)
        return err_no_memory(e);
    if (!*sound)
        *count = 0;
    return DONE;
}

/* array_out puts an element in quotes where needed; quotes and backslashes in it get a backslash. */
const char *ddlobjects_element(const char *array, struct arena *arena)
{
    const size_t len = strlen(array);
    if (len < 2 || array[0] != '{' || array[len - 1] != '}')
        return NULL;
    const char *at = array + 1;
    const char *end = array + len - 1;
    const bool quoted = end - at >= 2 && at[0] == '"' && end[-1] == '"';
    char *out = arena_copy(arena, bytes_of(at, (size_t)(end - at)));
    if (out == NULL || !quoted)
        return out;
    size_t to = 0;
    for (at++, end--; at < end; at++) {
        if (*at == '\\' && at + 1 < end)
            at++;
        out[to++] = *at;
    }
    out[to] = '\0';
    return out;
}
