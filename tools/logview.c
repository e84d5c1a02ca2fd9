#include "tools/logview.h"

#include <inttypes.h>

#include "tools/jsonout.h"
#include "tools/output.h"

#define LINE_ROOM 110 /* bytes of values in a line */

void logview_init(struct logview *v, const struct cli *cli, const uuid *dataset)
{
    *v = (struct logview){.cli = cli, .dataset = dataset};
}

void logview_fini(struct logview *v)
{
    buf_fini(&v->batch.text);
    buf_fini(&v->batch.table);
    buf_fini(&v->batch.line);
    buf_fini(&v->line);
}

/* ---- one action ---- */

static status render(const struct logview *v, const struct actionview_entry *entry, json_t *more,
                     struct buf *out, err *e)
{
    OWNED(json) json_t *extra = more;
    OWNED(json) json_t *object = NULL;
    buf_reset(out);
    if (!v->cli->json) {
        TRY(actionview_line(entry, LINE_ROOM, out, e));
        return buf_done(out, e);
    }
    TRY(actionview_json(entry, v->dataset, &object, e));
    if (extra != NULL && json_object_update(object, extra) != 0)
        return err_no_memory(e);
    return jsonout_line(object, out, e);
}

static status print(const struct buf *line, err *e)
{
    (void)fwrite(line->data, 1, line->len, stdout);
    (void)fputc('\n', stdout);
    return ferror(stdout) ? err_set(e, ERR_STORAGE, "cannot write to standard output") : DONE;
}

/* ---- runs of them ---- */

static bool joins(const struct logview_batch *b, const struct actionview_entry *entry)
{
    return b->rows > 0 && entry->relation != NULL && entry->action->kind == b->kind &&
           entry->relation->version == b->relation && entry->commit->first_seq == b->commit.first_seq &&
           entry->seq == b->last + 1;
}

static void keep_commit(struct logview_batch *b, const struct commit *c)
{
    b->commit = *c;
    buf_reset(&b->text);
    buf_bytes(&b->text, c->user.data, c->user.len);
    buf_bytes(&b->text, c->session.data, c->session.len);
    buf_bytes(&b->text, c->origin.data, c->origin.len);
    (void)buf_cstring(&b->text);
    b->commit.user.data = b->text.data;
    b->commit.session.data = b->text.data + c->user.len;
    b->commit.origin.data = b->text.data + c->user.len + c->session.len;
}

static json_t *text_or_null(struct bytes text)
{
    return text.len == 0 ? json_null() : jsonout_bytes(text);
}

static const char *joined_name(enum action_kind kind)
{
    return action_kind_name(kind == ACTION_CREATE   ? ACTION_BATCH_CREATE
                            : kind == ACTION_UPDATE ? ACTION_BATCH_UPDATE
                                                    : ACTION_BATCH_DELETE);
}

static status batch_json(const struct logview_batch *b, struct buf *out, err *e)
{
    OWNED(json) json_t *o = json_object();
    jsonout_set(&o, "seq", jsonout_count(b->first));
    jsonout_set(&o, "last_seq", jsonout_count(b->last));
    jsonout_set(&o, "kind", jsonout_text(joined_name(b->kind)));
    jsonout_set(&o, "table", jsonout_bytes(buf_view(&b->table)));
    jsonout_set(&o, "rows", jsonout_count(b->rows));
    jsonout_set(&o, "lsn", jsonout_lsn(b->commit.lsn));
    jsonout_set(&o, "xid", jsonout_count(b->commit.xid));
    jsonout_set(&o, "time", jsonout_time(b->commit.time));
    jsonout_set(&o, "user", text_or_null(b->commit.user));
    jsonout_set(&o, "session", text_or_null(b->commit.session));
    jsonout_set(&o, "origin", text_or_null(b->commit.origin));
    buf_reset(out);
    return jsonout_line(o, out, e);
}

static void batch_line(const struct logview_batch *b, struct buf *out)
{
    char time[PGTIME_TEXT], rows[OUTPUT_TEXT];
    (void)pgtime_format(b->commit.time, time);
    time[19] = '\0';
    time[10] = ' ';
    buf_reset(out);
    buf_printf(out, "%10" PRIu64 "  %s  %-12s ", b->first, time, joined_name(b->kind));
    output_clean(out, buf_view(&b->table));
    buf_printf(out, "  %s rows, to seq %" PRIu64, output_count(b->rows, rows), b->last);
}

status logview_end(struct logview *v, err *e)
{
    struct logview_batch *b = &v->batch;
    const uint64_t rows = b->rows;
    b->rows = 0;
    if (rows == 0)
        return DONE;
    if (rows == 1)
        return print(&b->line, e);
    b->rows = rows;
    if (v->cli->json)
        TRY(batch_json(b, &v->line, e));
    else
        batch_line(b, &v->line);
    b->rows = 0;
    TRY(buf_done(&v->line, e));
    return print(&v->line, e);
}

status logview_put(struct logview *v, const struct actionview_entry *entry, json_t *more, err *e)
{
    struct logview_batch *b = &v->batch;
    if (v->join && joins(b, entry)) {
        json_decref(more);
        b->rows++;
        b->last = entry->seq;
        return DONE;
    }
    TRY(render(v, entry, more, &v->line, e));
    if (!v->join)
        return print(&v->line, e);
    struct buf line = v->line;
    v->line = (struct buf){0};
    status ended = logview_end(v, e);
    buf_fini(&b->line);
    b->line = line;
    TRY(ended);
    if (entry->relation == NULL)
        return print(&b->line, e);
    b->rows = 1;
    b->first = b->last = entry->seq;
    b->kind = entry->action->kind;
    b->relation = entry->relation->version;
    keep_commit(b, entry->commit);
    buf_reset(&b->table);
    buf_printf(&b->table, "%s.%s", entry->relation->schema, entry->relation->name);
    return buf_done(&b->table, e);
}
