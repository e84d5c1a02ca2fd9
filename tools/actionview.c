#include "tools/actionview.h"

#include "agent/history/entitykey.h"
#include "proto/tuple.h"
#include "tools/jsonout.h"
#include "tools/output.h"

#define VALUE_SHOWN 40 /* characters of one value in a line */

/* ---- JSON ---- */

static json_t *value_json(struct value v)
{
    return v.kind == VALUE_NULL ? json_null() : jsonout_bytes(v.text);
}

status actionview_row(const struct relation *rel, struct bytes raw, bool keys_only, json_t **unchanged,
                      json_t **out, err *e)
{
    struct tuple row = tuple_open(raw);
    struct value v;
    json_t *object = json_object();
    for (uint16_t i = 0; i < rel->column_count && tuple_next(&row, &v); i++) {
        if (keys_only && !rel->columns[i].key)
            continue;
        if (v.kind == VALUE_UNCHANGED)
            jsonout_append(unchanged, jsonout_text(rel->columns[i].name));
        else
            jsonout_set(&object, rel->columns[i].name, value_json(v));
    }
    *out = object;
    return row.rest.bad
               ? err_set(e, ERR_STORAGE, "a row of %s.%s in the log is malformed", rel->schema, rel->name)
               : DONE;
}

static status add_rows(json_t **object, const struct actionview_entry *entry, err *e)
{
    const struct action *a = entry->action;
    OWNED(json) json_t *unchanged = json_array();
    json_t *row = NULL;

    if (entry->relation == NULL || a->old.len == 0) {
        jsonout_set(object, "old", json_null());
    } else {
        status read = actionview_row(entry->relation, a->old, a->old_kind == 'K', &unchanged, &row, e);
        jsonout_set(object, "old", row);
        TRY(read);
    }
    if (entry->relation == NULL || a->new.len == 0) {
        jsonout_set(object, "new", json_null());
    } else {
        status read = actionview_row(entry->relation, a->new, false, &unchanged, &row, e);
        jsonout_set(object, "new", row);
        TRY(read);
    }
    if (unchanged == NULL || json_array_size(unchanged) > 0) {
        jsonout_set(object, "unchanged", unchanged);
        unchanged = NULL;
    }
    return DONE;
}

json_t *actionview_table(const struct relation *rel)
{
    OWNED(buf) struct buf name = {0};
    buf_printf(&name, "%s.%s", rel->schema, rel->name);
    return jsonout_bytes(bytes_text(buf_cstring(&name)));
}

static json_t *text_or_null(struct bytes text)
{
    return text.len == 0 ? json_null() : jsonout_bytes(text);
}

static status add_tables(json_t **object, const struct actionview_entry *entry, err *e)
{
    struct reader versions = reader_over(entry->action->truncated);
    OWNED(json) json_t *tables = json_array();
    uint32_t version;
    while ((version = action_next_truncated(&versions)) != 0) {
        const struct relation *rel = NULL;
        TRY(entry->find(entry->context, version, &rel, e));
        jsonout_append(&tables, actionview_table(rel));
    }
    if (tables != NULL && json_array_size(tables) == 1)
        jsonout_set(object, "table", json_incref(json_array_get(tables, 0)));
    jsonout_set(object, "tables", tables);
    tables = NULL;
    jsonout_set(object, "cascade", json_boolean((entry->action->flags & ACTION_TRUNCATE_CASCADE) != 0));
    jsonout_set(object, "restart_identity",
                json_boolean((entry->action->flags & ACTION_TRUNCATE_RESTART) != 0));
    jsonout_set(object, "rewritten", json_boolean((entry->action->flags & ACTION_TRUNCATE_REWRITTEN) != 0));
    return DONE;
}

static status add_details(json_t **object, const struct actionview_entry *entry, err *e)
{
    const struct action *a = entry->action;
    if (a->kind == ACTION_TRUNCATE)
        return add_tables(object, entry, e);
    if (a->kind == ACTION_DDL || a->kind == ACTION_MESSAGE) {
        jsonout_set(object, "prefix", jsonout_bytes(a->prefix));
        jsonout_set(object, "content", jsonout_bytes(a->content));
    }
    return DONE;
}

status actionview_json(const struct actionview_entry *entry, const uuid *dataset, json_t **out, err *e)
{
    const struct commit *c = entry->commit;
    OWNED(json) json_t *object = json_object();
    OWNED(buf) struct buf scratch = {0};
    uuid entity = UUID_NIL, before;
    bool found = false;

    TRY(entitykey_of_action(entry->relation, entry->action, dataset, &scratch, &entity, &before, &found, e));
    jsonout_set(&object, "seq", jsonout_count(entry->seq));
    jsonout_set(&object, "uuid", jsonout_uuid(&entry->id));
    jsonout_set(&object, "kind", jsonout_text(action_kind_name(entry->action->kind)));
    jsonout_set(&object, "table", entry->relation != NULL ? actionview_table(entry->relation) : json_null());
    jsonout_set(&object, "entity", found ? jsonout_uuid(&entity) : json_null());
    TRY(add_rows(&object, entry, e));
    TRY(add_details(&object, entry, e));
    jsonout_set(&object, "lsn", jsonout_lsn(c->lsn));
    jsonout_set(&object, "xid", jsonout_count(c->xid));
    jsonout_set(&object, "time", jsonout_time(c->time));
    jsonout_set(&object, "user", text_or_null(c->user));
    jsonout_set(&object, "session", text_or_null(c->session));
    jsonout_set(&object, "origin", text_or_null(c->origin));
    *out = object;
    object = NULL;
    return *out != NULL ? DONE : err_no_memory(e);
}

/* ---- a line ---- */

static void show_value(struct buf *out, struct value v)
{
    struct bytes shown = v.text;
    if (v.kind == VALUE_NULL) {
        buf_text(out, "null");
        return;
    }
    if (v.kind == VALUE_UNCHANGED) {
        buf_text(out, "(unchanged)");
        return;
    }
    bool cut = shown.len > VALUE_SHOWN;
    if (cut)
        for (shown.len = VALUE_SHOWN; shown.len > 0 && (shown.data[shown.len] & 0xC0) == 0x80; shown.len--)
            ;
    output_clean(out, shown);
    buf_text(out, cut ? "..." : "");
}

static void show_key(struct buf *out, const struct relation *rel, struct bytes raw)
{
    struct tuple row = tuple_open(raw);
    struct value v;
    for (uint16_t i = 0; i < rel->column_count && tuple_next(&row, &v); i++) {
        if (!rel->columns[i].key || !relation_is_keyed(rel))
            continue;
        buf_u8(out, ' ');
        output_clean(out, bytes_text(rel->columns[i].name));
        buf_u8(out, '=');
        show_value(out, v);
    }
}

static bool value_equal(struct value a, struct value b)
{
    return a.kind == b.kind && bytes_equal(a.text, b.text);
}

/* The columns that changed, or all when the old row is not known; key columns are shown already. */
static void show_columns(struct buf *out, const struct actionview_entry *entry, size_t room)
{
    const struct relation *rel = entry->relation;
    const struct action *a = entry->action;
    struct bytes shown = a->new.len > 0 ? a->new : a->old;
    bool whole_old = a->new.len > 0 && a->old.len > 0 && a->old_kind == 'O';
    struct tuple row = tuple_open(shown);
    struct tuple old_row = tuple_open(whole_old ? a->old : shown);
    struct value v, old;
    size_t limit = out->len + room;
    const char *between = "  ";

    for (uint16_t i = 0; i < rel->column_count && tuple_next(&row, &v) && tuple_next(&old_row, &old); i++) {
        bool is_key = rel->columns[i].key && relation_is_keyed(rel);
        bool same = v.kind == VALUE_UNCHANGED || (whole_old && value_equal(v, old));
        if (is_key || same || (a->new.len == 0 && a->old_kind == 'K'))
            continue;
        if (out->len > limit) {
            buf_text(out, ", ...");
            return;
        }
        buf_text(out, between);
        between = ", ";
        output_clean(out, bytes_text(rel->columns[i].name));
        buf_text(out, ": ");
        if (whole_old) {
            show_value(out, old);
            buf_text(out, " -> ");
        }
        show_value(out, v);
    }
}

static status show_truncated(const struct actionview_entry *entry, struct buf *out, err *e)
{
    const struct action *a = entry->action;
    struct reader versions = reader_over(a->truncated);
    uint32_t version;
    while ((version = action_next_truncated(&versions)) != 0) {
        const struct relation *rel = NULL;
        TRY(entry->find(entry->context, version, &rel, e));
        buf_u8(out, ' ');
        output_clean(out, bytes_text(rel->schema));
        buf_u8(out, '.');
        output_clean(out, bytes_text(rel->name));
    }
    buf_text(out, (a->flags & ACTION_TRUNCATE_CASCADE) != 0 ? " cascade" : "");
    buf_text(out, (a->flags & ACTION_TRUNCATE_RESTART) != 0 ? " restart identity" : "");
    buf_text(out, (a->flags & ACTION_TRUNCATE_REWRITTEN) != 0 ? " rewritten" : "");
    return DONE;
}

status actionview_line(const struct actionview_entry *entry, size_t room, struct buf *out, err *e)
{
    const struct action *a = entry->action;
    const struct relation *rel = entry->relation;
    char time[PGTIME_TEXT];

    (void)pgtime_format(entry->commit->time, time);
    time[19] = '\0'; /* seconds are enough for the eye */
    time[10] = ' ';
    buf_printf(out, "%10llu  %s  %-8s", (unsigned long long)entry->seq, time, action_kind_name(a->kind));
    if (a->kind == ACTION_TRUNCATE)
        return show_truncated(entry, out, e);
    buf_u8(out, ' ');
    if (rel == NULL) {
        output_clean(out, a->prefix);
        buf_u8(out, ' ');
        show_value(out, (struct value){VALUE_TEXT, a->content});
        return DONE;
    }
    output_clean(out, bytes_text(rel->schema));
    buf_u8(out, '.');
    output_clean(out, bytes_text(rel->name));
    show_key(out, rel, a->new.len > 0 ? a->new : a->old);
    show_columns(out, entry, room);
    return DONE;
}
