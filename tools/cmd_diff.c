#include <inttypes.h>

#include "agent/history/changes.h"
#include "proto/copytext.h"
#include "proto/relation.h"
#include "tools/jsonout.h"
#include "tools/options.h"
#include "tools/output.h"
#include "tools/report.h"

#define VALUE_SHOWN 40 /* bytes of one value in a line */

static const char *kind_of(const struct rowchange *c)
{
    return c->old == NULL ? "added" : c->new == NULL ? "removed" : "changed";
}

/* ---- JSON ---- */

static json_t *row_json(const Pgstrand__Table *t, const char *line)
{
    struct bytes column[RELATION_COLUMNS_MAX];
    json_t *o = json_object();
    if (line == NULL) {
        json_decref(o);
        return json_null();
    }
    const size_t count = copytext_split(bytes_text(line), column, t->n_column);
    for (size_t i = 0; i < count; i++) {
        OWNED(buf) struct buf text = {0};
        const bool there = copytext_unescape(column[i], &text);
        jsonout_set(&o, t->column[i]->name, there ? jsonout_bytes(buf_view(&text)) : json_null());
    }
    return o;
}

static json_t *name_json(const Pgstrand__Table *t)
{
    OWNED(buf) struct buf name = {0};
    buf_printf(&name, "%s.%s", t->schema, t->name);
    return jsonout_text(buf_cstring(&name));
}

struct counts {
    uint64_t added, changed, removed;
};

static void count_row(struct counts *n, const struct rowchange *c)
{
    n->added += c->old == NULL;
    n->removed += c->new == NULL;
    n->changed += c->old != NULL && c->new != NULL;
}

/* The rows of one table from `i` on, counted; returns where the next table begins. */
static size_t count_table(const struct changes *c, size_t i, struct counts *n)
{
    const Pgstrand__Table *t = c->item[i].table;
    *n = (struct counts){0};
    for (; i < c->count && c->item[i].table == t; i++)
        count_row(n, &c->item[i]);
    return i;
}

static status print_json(const struct changes *c, err *e)
{
    OWNED(json) json_t *o = json_object();
    json_t *tables = json_array(), *rows = json_array(), *notes = json_array();
    struct counts n;
    for (size_t i = 0, next; i < c->count; i = next) {
        json_t *t = json_object();
        next = count_table(c, i, &n);
        jsonout_set(&t, "table", name_json(c->item[i].table));
        jsonout_set(&t, "added", jsonout_count(n.added));
        jsonout_set(&t, "changed", jsonout_count(n.changed));
        jsonout_set(&t, "removed", jsonout_count(n.removed));
        jsonout_append(&tables, t);
    }
    for (size_t i = 0; i < c->count; i++) {
        const struct rowchange *r = &c->item[i];
        json_t *row = json_object();
        jsonout_set(&row, "table", name_json(r->table));
        jsonout_set(&row, "entity", jsonout_uuid(&r->entity));
        jsonout_set(&row, "kind", jsonout_text(kind_of(r)));
        jsonout_set(&row, "old", row_json(r->table, r->old));
        jsonout_set(&row, "new", row_json(r->table, r->new));
        jsonout_set(&row, "last_seq", r->last == 0 ? json_null() : jsonout_count(r->last));
        jsonout_append(&rows, row);
    }
    for (size_t i = 0; i < c->notes; i++)
        jsonout_append(&notes, jsonout_text(c->note[i]));
    jsonout_set(&o, "from", jsonout_count(c->from));
    jsonout_set(&o, "to", jsonout_count(c->to));
    jsonout_set(&o, "tables", tables);
    jsonout_set(&o, "rows", rows);
    jsonout_set(&o, "notes", notes);
    return jsonout_print(o, JSONOUT_DOCUMENT, e);
}

/* ---- lines ---- */

static void put_value(struct buf *out, struct bytes column)
{
    OWNED(buf) struct buf text = {0};
    if (!copytext_unescape(column, &text)) {
        buf_text(out, "null");
        return;
    }
    const bool cut = text.len > VALUE_SHOWN;
    if (cut)
        for (text.len = VALUE_SHOWN; text.len > 0 && (text.data[text.len] & 0xC0) == 0x80; text.len--)
            ;
    output_clean(out, buf_view(&text));
    buf_text(out, cut ? "..." : "");
}

/* The key, then what differs. */
static void put_row(const struct rowchange *c, struct buf *out)
{
    struct bytes old[RELATION_COLUMNS_MAX], new[RELATION_COLUMNS_MAX];
    const Pgstrand__Table *t = c->table;
    const char *between = "  ";
    const bool both = c->old != NULL && c->new != NULL;
    (void)copytext_split(bytes_text(c->old != NULL ? c->old : c->new), old, t->n_column);
    (void)copytext_split(bytes_text(c->new != NULL ? c->new : c->old), new, t->n_column);
    buf_printf(out, "%-8s ", kind_of(c));
    output_clean(out, bytes_text(t->schema));
    buf_u8(out, '.');
    output_clean(out, bytes_text(t->name));
    for (size_t i = 0; i < t->n_column; i++) {
        if (!t->column[i]->key)
            continue;
        buf_u8(out, ' ');
        output_clean(out, bytes_text(t->column[i]->name));
        buf_u8(out, '=');
        put_value(out, new[i]);
    }
    for (size_t i = 0; i < t->n_column; i++) {
        if (t->column[i]->key || (both && bytes_equal(old[i], new[i])))
            continue;
        buf_text(out, between);
        between = ", ";
        output_clean(out, bytes_text(t->column[i]->name));
        buf_text(out, ": ");
        put_value(out, old[i]);
        if (both) {
            buf_text(out, " -> ");
            put_value(out, new[i]);
        }
    }
}

static status print_text(const struct changes *c, err *e)
{
    OWNED(buf) struct buf line = {0};
    struct counts all = {0};
    char added[OUTPUT_TEXT], changed[OUTPUT_TEXT], removed[OUTPUT_TEXT];
    for (size_t i = 0; i < c->count; i++) {
        buf_reset(&line);
        put_row(&c->item[i], &line);
        TRY(buf_done(&line, e));
        (void)puts(buf_cstring(&line));
        count_row(&all, &c->item[i]);
    }
    (void)printf("seq %" PRIu64 " to %" PRIu64 ": %s rows added, %s changed, %s removed\n", c->from, c->to,
                 output_count(all.added, added), output_count(all.changed, changed),
                 output_count(all.removed, removed));
    return DONE;
}

static status parse_seq(const char *text, uint64_t *out, err *e)
{
    char *end = NULL;
    *out = strtoull(text, &end, 10);
    if (end == text || *end != '\0' || text[0] == '-' || *out > SEQ_MAX)
        return err_set(e, ERR_USAGE, "%s is no seq: pgstrand diff SEQ1 SEQ2", text);
    return DONE;
}

status cmd_diff(struct cli *cli, err *e)
{
    const char *tables = NULL;
    uint64_t from = 0, to = 0;
    const struct option_spec specs[] = {
        {"table", OPTION_TEXT, &tables, "T", "only these tables: names or globs, with or without schema"},
    };
    OWNED(datadir) struct datadir *d = NULL;
    OWNED(history) struct history h = {0};
    OWNED(changes) struct changes c = {0};

    TRY(options_parse(cli, specs, sizeof specs / sizeof specs[0], 2, 2, e));
    if (cli->finished)
        return DONE;
    TRY(parse_seq(cli->args[0], &from, e));
    TRY(parse_seq(cli->args[1], &to, e));
    if (from > to)
        return err_set(e, ERR_USAGE, "seq %" PRIu64 " comes behind seq %" PRIu64 ": the earlier one first",
                       from, to);
    TRY(cli_open(cli, &d, e));
    TRY(history_open(d, &cli->progress, &h, e));
    TRY(changes_read(&h, from, to, tables, &c, e));
    if (c.from != from || c.to != to)
        report_note(cli, "inside a transaction: rounded down to seq %" PRIu64 " and %" PRIu64, c.from, c.to);
    for (size_t i = 0; i < c.notes; i++)
        report_note(cli, "%s", c.note[i]);
    return cli->json ? print_json(&c, e) : print_text(&c, e);
}
