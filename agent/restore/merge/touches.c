#include "agent/restore/merge/touches.h"

#include <inttypes.h>

#include "agent/restore/merge/retelling.h"
#include "agent/restore/merge/truncated.h"
#include "proto/copytext.h"

#define FLUSH_BYTES ((size_t)256 << 10) /* of one table's lines, before they go to the server */

struct touched {
    const struct stage *stage;
    struct buf lines;
};

struct touches {
    const struct history *history;
    struct pgconn *c;
    struct touched *table;
    size_t count;
    struct buf old_key, new_key;
    struct retelling retelling;
};

static void touches_fini(struct touches *t)
{
    for (size_t i = 0; i < t->count && t->table != NULL; i++)
        buf_fini(&t->table[i].lines);
    free(t->table);
    buf_fini(&t->old_key);
    buf_fini(&t->new_key);
}
OWN_VALUE(touches, touches_fini);

void touches_name(struct buf *out, const char *history, const struct stage *s)
{
    buf_printf(out, "pg_temp.pgstrand_touch_%s_%zu", history, s->table);
}

static status make_table(const struct touches *t, const struct stage *s, err *e)
{
    OWNED(buf) struct buf sql = {0};
    buf_printf(&sql, "CREATE TEMPORARY TABLE pgstrand_touch_%s_%zu ON COMMIT DROP AS SELECT ",
               t->history->name, s->table);
    for (uint16_t i = 0; i < s->key_count; i++) {
        pgconn_quote_name(&sql, s->message->column[s->key[i]]->name);
        buf_printf(&sql, " AS k%u, ", (unsigned)i + 1);
    }
    buf_text(&sql, "0::bigint AS seq, ''::text AS kind, pg_catalog.now() AS at, ''::text AS origin");
    for (uint16_t i = 0; i < s->key_count; i++) {
        buf_text(&sql, ", ");
        pgconn_quote_name(&sql, s->message->column[s->key[i]]->name);
        buf_printf(&sql, " AS n%u", (unsigned)i + 1);
    }
    buf_text(&sql, " FROM ");
    stage_target(&sql, s);
    buf_text(&sql, " WITH NO DATA");
    TRY(buf_done(&sql, e));
    return pgconn_exec(t->c, buf_cstring(&sql), e);
}

static status flush(struct touches *t, struct touched *at, err *e)
{
    OWNED(buf) struct buf sql = {0};
    uint64_t rows = 0;
    if (at->lines.len == 0)
        return DONE;
    TRY(buf_done(&at->lines, e));
    buf_text(&sql, "COPY ");
    touches_name(&sql, t->history->name, at->stage);
    buf_text(&sql, " FROM STDIN");
    TRY(buf_done(&sql, e));
    TRY(pgconn_copy_in(t->c, buf_cstring(&sql), e));
    TRY(pgconn_copy_data(t->c, buf_view(&at->lines), e));
    TRY(pgconn_copy_finish(t->c, &rows, e));
    buf_reset(&at->lines);
    return DONE;
}

/* ---- the key of an action's row ---- */

static int column_of(const struct relation *r, const char *name)
{
    for (uint16_t i = 0; i < r->column_count; i++)
        if (strcmp(r->columns[i].name, name) == 0)
            return i;
    return -1;
}

static bool value_at(struct bytes raw, int column, struct value *out)
{
    struct tuple t = tuple_open(raw);
    for (int i = 0; tuple_next(&t, out); i++)
        if (i == column)
            return true;
    return false;
}

/* False when the row was written before the table had such a column, or does not tell it. */
static bool key_of(const struct stage *s, const struct relation *r, struct bytes raw, struct bytes fallback,
                   struct buf *out)
{
    buf_reset(out);
    for (uint16_t i = 0; i < s->key_count; i++) {
        struct value v;
        int column = column_of(r, s->message->column[s->key[i]]->name);
        if (column < 0 || raw.len == 0 || !value_at(raw, column, &v))
            return false;
        if (v.kind == VALUE_UNCHANGED && (fallback.len == 0 || !value_at(fallback, column, &v)))
            return false;
        if (v.kind != VALUE_TEXT)
            return false;
        copytext_value(out, i == 0, v);
    }
    return true;
}

/* `to`: the key that the row moved to, NULL: it did not move. */
static void put(struct touched *at, const struct buf *key, char kind, const struct buf *to,
                const struct source_action *a)
{
    char time[PGTIME_TEXT];
    buf_bytes(&at->lines, key->data, key->len);
    buf_printf(&at->lines, "\t%" PRIu64 "\t%c\t%s", a->seq, kind, pgtime_format(a->commit.time, time));
    copytext_value(&at->lines, false,
                   (struct value){VALUE_TEXT, a->commit.origin.len > 0 ? a->commit.origin : bytes_text("")});
    for (uint16_t i = 0; to == NULL && i < at->stage->key_count; i++)
        buf_text(&at->lines, "\t\\N");
    if (to != NULL) {
        buf_u8(&at->lines, '\t');
        buf_bytes(&at->lines, to->data, to->len);
    }
    buf_u8(&at->lines, '\n');
}

static void take_row(struct touches *t, struct touched *at, const struct source_action *a)
{
    const struct stage *s = at->stage;
    bool old = key_of(s, a->relation, a->action.old, (struct bytes){0}, &t->old_key);
    if (a->action.kind == ACTION_DELETE) {
        if (old)
            put(at, &t->old_key, 'D', NULL, a);
        return;
    }
    if (!key_of(s, a->relation, a->action.new, a->action.old, &t->new_key))
        return;
    bool moved =
        a->action.kind == ACTION_UPDATE && old && !bytes_equal(buf_view(&t->old_key), buf_view(&t->new_key));
    if (moved)
        put(at, &t->old_key, 'M', &t->new_key, a);
    char kind = a->action.kind == ACTION_CREATE || moved ? 'C' : 'U';
    if (retelling_takes(&t->retelling, s, a))
        kind = RETELLING_KIND;
    put(at, &t->new_key, kind, NULL, a);
}

/* ---- the history ---- */

static struct touched *table_of(struct touches *t, const struct relation *r)
{
    for (size_t i = 0; r != NULL && i < t->count; i++) {
        const ProtobufCBinaryData *id = &t->table[i].stage->message->table;
        if (id->len == sizeof r->table.b && memcmp(id->data, r->table.b, id->len) == 0)
            return &t->table[i];
    }
    return NULL;
}

static status take_truncate(struct touches *t, struct source *source, const struct source_action *a, err *e)
{
    struct reader versions = reader_over(a->action.truncated);
    for (uint32_t v = action_next_truncated(&versions); v != 0; v = action_next_truncated(&versions)) {
        const struct relation *r = NULL;
        TRY(source_relation(source, v, &r, e));
        struct touched *at = table_of(t, r);
        if (at == NULL)
            continue;
        TRY(flush(t, at, e));
        if (retelling_compares(t->history, a, r))
            TRY(truncated_touch(t->history, at->stage, t->c, a, e));
        if ((a->action.flags & ACTION_TRUNCATE_REWRITTEN) != 0)
            retelling_begin(&t->retelling, at->stage, a, r);
    }
    return DONE;
}

/* What it has told so far is all. */
static status end_retelling(struct touches *t, err *e)
{
    for (size_t i = 0; t->retelling.stage != NULL && i < t->count; i++)
        if (t->table[i].stage == t->retelling.stage)
            TRY(flush(t, &t->table[i], e));
    return t->retelling.stage == NULL ? DONE : retelling_settle(&t->retelling, t->history, t->c, e);
}

static status read_history(struct touches *t, err *e)
{
    const struct history *h = t->history;
    const struct source_options options = {.chain = h->chain, .log = h->log, .tiers = ~0u};
    OWNED(source) struct source *source = NULL;
    TRY(source_open(&options, &source, e));
    for (;;) {
        struct source_action a = {0};
        bool end = false;
        TRY(source_next(source, &a, &end, e));
        if (end || a.seq > h->to_seq || a.seq != t->retelling.next || a.action.kind == ACTION_TRUNCATE)
            TRY(end_retelling(t, e));
        if (end || a.seq > h->to_seq)
            return DONE;
        if (a.action.kind == ACTION_TRUNCATE)
            TRY(take_truncate(t, source, &a, e));
        struct touched *at = table_of(t, a.relation);
        if (at == NULL || a.action.kind > ACTION_DELETE)
            continue;
        take_row(t, at, &a);
        if (at->lines.len > FLUSH_BYTES)
            TRY(flush(t, at, e));
    }
}

status touches_load(const struct history *h, const struct stage *stages, size_t count, struct pgconn *c,
                    err *e)
{
    OWNED(touches) struct touches t = {.history = h, .c = c};
    t.table = calloc(count + 1, sizeof *t.table);
    if (t.table == NULL)
        return err_no_memory(e);
    for (size_t i = 0; i < count; i++) {
        if (stages[i].key_count == 0)
            continue;
        t.table[t.count++].stage = &stages[i];
        TRY(make_table(&t, &stages[i], e));
    }
    TRY(read_history(&t, e));
    for (size_t i = 0; i < t.count; i++)
        TRY(flush(&t, &t.table[i], e));
    return DONE;
}
