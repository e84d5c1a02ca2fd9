#include "tools/entityview.h"

#include <inttypes.h>

#include "agent/history/entitykey.h"
#include "proto/tuple.h"
#include "tools/actionview.h"
#include "tools/jsonout.h"
#include "tools/output.h"

#define LINE_ROOM 110 /* bytes of values in a line */

struct summary {
    uint64_t version; /* how many states of the row there were; 0: it was never seen */
    pgtime created;
    pgtime updated;
    bool has_created;
};

static bool is_shown(const struct rowevent *ev, uint64_t seq)
{
    return ev->base ? ev->seq <= seq : ev->commit.last_seq <= seq;
}

/* Of the row that is there, or was there last: it begins anew when it is made again. */
static struct summary sum_up(const struct rowvalue *v, const struct rowhistory *r, uint64_t seq)
{
    struct summary s = {0};
    for (size_t i = 0; i < r->count; i++) {
        const struct rowevent *ev = &r->event[i];
        if (!is_shown(ev, seq))
            continue;
        if (ev->action.kind == ACTION_CREATE && uuid_equal(&ev->entity, &v->entity))
            s = (struct summary){.has_created = !ev->base, .created = ev->commit.time};
        s.version++;
        s.updated = ev->commit.time;
    }
    return s;
}

/* ---- a row as an object ---- */

/* TupleData in the columns of a table. */
static json_t *table_row(const Pgstrand__Table *t, struct bytes raw)
{
    struct tuple row = tuple_open(raw);
    struct value v;
    json_t *object = json_object();
    for (size_t i = 0; i < t->n_column && tuple_next(&row, &v); i++)
        jsonout_set(&object, t->column[i]->name, v.kind == VALUE_NULL ? json_null() : jsonout_bytes(v.text));
    return object;
}

/* NULL columns that nobody knows are left out; nothing known at all is null. */
static status known_row(const struct relation *rel, struct bytes raw, json_t **out, err *e)
{
    OWNED(json) json_t *unknown = json_array();
    json_t *row = NULL;
    if (raw.len == 0) {
        *out = json_null();
        return DONE;
    }
    const status read = actionview_row(rel, raw, false, &unknown, &row, e);
    if (row != NULL && json_object_size(row) == 0) {
        json_decref(row);
        row = json_null();
    }
    *out = row;
    return read;
}

static status value_json(const struct rowvalue *v, json_t **out, err *e)
{
    if (!v->there)
        *out = json_null();
    else if (v->relation == NULL)
        *out = table_row(v->table, buf_view(&v->row));
    else
        return known_row(v->relation, buf_view(&v->row), out, e);
    return DONE;
}

/* ---- the document ---- */

static json_t *text_or_null(struct bytes text)
{
    return text.len == 0 ? json_null() : jsonout_bytes(text);
}

static const char *kind_of(const struct rowevent *ev)
{
    return ev->base ? "BASE" : action_kind_name(ev->action.kind);
}

static status event_json(const struct rowvalue *v, const struct rowevent *ev, json_t **out, err *e)
{
    json_t *old = NULL, *new = NULL;
    json_t *o = json_object();
    status read = known_row(ev->relation, ev->old, &old, e);
    if (read.ok)
        read = known_row(ev->relation, ev->new, &new, e);
    jsonout_set(&o, "seq", jsonout_count(ev->seq));
    jsonout_set(&o, "kind", jsonout_text(kind_of(ev)));
    jsonout_set(&o, "time", jsonout_time(ev->commit.time));
    jsonout_set(&o, "user", text_or_null(ev->commit.user));
    jsonout_set(&o, "session", text_or_null(ev->commit.session));
    jsonout_set(&o, "origin", text_or_null(ev->commit.origin));
    jsonout_set(&o, "xid", jsonout_count(ev->commit.xid));
    jsonout_set(&o, "old", old);
    jsonout_set(&o, "new", new);
    jsonout_set(&o, "previous", ev->previous_seq == 0 ? json_null() : jsonout_count(ev->previous_seq));
    if (!uuid_is_nil(&ev->previous) || !uuid_equal(&ev->entity, &v->entity)) {
        jsonout_set(&o, "entity", jsonout_uuid(&ev->entity));
        jsonout_set(&o, "previous_entity", jsonout_uuid(&ev->previous));
    }
    *out = o;
    return read;
}

static status key_json(const struct rowvalue *v, const struct rowhistory *r, json_t **out, err *e)
{
    /* Any row of this entity has its key. */
    struct bytes row = bytes_of(NULL, 0);
    const struct relation *rel = NULL;
    *out = json_null();
    for (size_t i = 0; i < r->count; i++) {
        const struct rowevent *ev = &r->event[i];
        if (ev->action.kind == ACTION_TRUNCATE)
            continue;
        if (uuid_equal(&ev->entity, &v->entity)) {
            row = ev->new.len > 0 ? ev->new : ev->old;
            rel = ev->relation;
        } else if (uuid_equal(&ev->previous, &v->entity)) {
            row = ev->old;
            rel = ev->relation;
        }
    }
    if (rel == NULL)
        return DONE;
    OWNED(json) json_t *unchanged = json_array();
    return actionview_row(rel, row, true, &unchanged, out, e);
}

static status document(const struct rowvalue *v, const struct rowhistory *r, uint64_t seq, json_t **out,
                       err *e)
{
    OWNED(json) json_t *o = json_object();
    OWNED(buf) struct buf name = {0};
    json_t *history = json_array();
    json_t *key = NULL, *value = NULL;
    const struct summary s = sum_up(v, r, seq);
    status read = key_json(v, r, &key, e);
    if (read.ok)
        read = value_json(v, &value, e);
    buf_printf(&name, "%s.%s", v->table->schema, v->table->name);
    jsonout_set(&o, "uuid", jsonout_uuid(&v->entity));
    jsonout_set(&o, "table", jsonout_bytes(bytes_text(buf_cstring(&name))));
    jsonout_set(&o, "key", key);
    jsonout_set(&o, "seq", jsonout_count(seq));
    jsonout_set(&o, "version", jsonout_count(s.version));
    jsonout_set(&o, "created", s.has_created ? jsonout_time(s.created) : json_null());
    jsonout_set(&o, "updated", s.version > 0 ? jsonout_time(s.updated) : json_null());
    jsonout_set(&o, "tier", jsonout_text(tier_name((enum tier)v->table->tier)));
    jsonout_set(&o, "value", value);
    for (size_t i = 0; read.ok && i < r->count; i++) {
        json_t *event = NULL;
        if (!is_shown(&r->event[i], seq))
            continue;
        read = event_json(v, &r->event[i], &event, e);
        jsonout_append(&history, event);
    }
    jsonout_set(&o, "history", history);
    *out = o;
    o = NULL;
    return read;
}

/* ---- for people ---- */

static status print_event(const struct rowevent *ev, struct buf *line, err *e)
{
    struct action shown = ev->action;
    const struct actionview_entry entry = {
        .seq = ev->seq, .action = &shown, .commit = &ev->commit, .relation = ev->relation};
    buf_reset(line);
    if (ev->action.kind == ACTION_TRUNCATE) {
        buf_printf(line, "%10" PRIu64 "  TRUNCATE", ev->seq);
    } else {
        shown.new = ev->new;
        shown.old = ev->old;
        shown.old_kind = 'O';
        TRY(actionview_line(&entry, LINE_ROOM, line, e));
    }
    if (!uuid_is_nil(&ev->previous))
        buf_text(line, "  (its key changed)");
    if (ev->base)
        buf_text(line, "  (the base)");
    if (ev->commit.user.len > 0 || ev->commit.session.len > 0) {
        buf_text(line, "  by ");
        output_clean(line, ev->commit.user);
        buf_u8(line, '/');
        output_clean(line, ev->commit.session);
    }
    if (ev->commit.origin.len > 0) {
        buf_text(line, "  from ");
        output_clean(line, ev->commit.origin);
    }
    TRY(buf_done(line, e));
    (void)puts(buf_cstring(line));
    return DONE;
}

static status print_text(const json_t *facts, const struct rowhistory *r, uint64_t seq, err *e)
{
    OWNED(buf) struct buf line = {0};
    TRY(jsonout_facts(facts, stdout, e));
    (void)puts("");
    for (size_t i = 0; i < r->count; i++)
        if (is_shown(&r->event[i], seq))
            TRY(print_event(&r->event[i], &line, e));
    return DONE;
}

status entityview_print(const struct cli *cli, const struct rowvalue *v, const struct rowhistory *r,
                        uint64_t seq, err *e)
{
    OWNED(json) json_t *o = NULL;
    TRY(document(v, r, seq, &o, e));
    if (cli->json)
        return jsonout_print(o, JSONOUT_DOCUMENT, e);
    if (o == NULL)
        return err_no_memory(e);
    (void)json_object_del(o, "history");
    return print_text(o, r, seq, e);
}
