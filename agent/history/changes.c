#include "agent/history/changes.h"

#include <inttypes.h>

#include "agent/glob.h"
#include "agent/history/allactions.h"
#include "agent/history/entitykey.h"
#include "agent/restore/fold/rowmap.h"
#include "agent/restore/plan/plantable.h"
#include "proto/base/array.h"

void changes_fini(struct changes *c)
{
    for (size_t i = 0; i < c->count; i++) {
        free(c->item[i].old);
        free(c->item[i].new);
    }
    for (size_t i = 0; i < c->lines; i++) {
        free(c->line[i].old);
        free(c->line[i].new);
    }
    for (size_t i = 0; i < c->notes; i++)
        free(c->note[i]);
    free(c->item);
    free(c->line);
    free(c->note);
    plan_free(c->before);
    plan_free(c->after);
    rowset_fini(&c->set);
    *c = (struct changes){0};
}

__attribute__((format(printf, 3, 4))) static status note(struct changes *c, err *e, const char *format, ...)
{
    va_list arguments;
    char *line = NULL;
    va_start(arguments, format);
    const int len = vasprintf(&line, format, arguments);
    va_end(arguments);
    if (len < 0)
        return err_no_memory(e);
    for (size_t i = 0; i < c->notes; i++)
        if (strcmp(c->note[i], line) == 0) { /* once is enough */
            free(line);
            return DONE;
        }
    if (!array_one_more(&c->note, c->notes, sizeof *c->note, e).ok) {
        free(line);
        return FAILED;
    }
    c->note[c->notes++] = line;
    return DONE;
}

/* ---- which rows ---- */

struct scan {
    struct history *h;
    struct changes *out;
    struct allactions *actions;
    const char *tables;
    struct buf scratch;
};

static void scan_fini(struct scan *s)
{
    allactions_close(s->actions);
    buf_fini(&s->scratch);
}
OWN_VALUE(scan, scan_fini);

static bool is_meant(const struct scan *s, const struct relation *r)
{
    return strcmp(r->schema, "pgstrand") != 0 &&
           (s->tables == NULL || glob_list_match(s->tables, r->schema, r->name));
}

static status touch(struct scan *s, uint32_t table, const uuid *entity, uint64_t seq, err *e)
{
    size_t place;
    TRY(rowset_row(&s->out->set, table, entity, &place, e));
    struct rowset_row *row = &s->out->set.row[place];
    row->first = row->asked ? row->first : seq;
    row->last = seq;
    row->asked = true;
    return DONE;
}

static status scan_truncate(struct scan *s, const struct source_action *a, err *e)
{
    struct reader versions = reader_over(a->action.truncated);
    for (uint32_t v = action_next_truncated(&versions); v != 0; v = action_next_truncated(&versions)) {
        const struct relation *r = NULL;
        uint32_t table;
        TRY(allactions_relation(s->actions, v, &r, e));
        if (!is_meant(s, r))
            continue;
        TRY(rowset_table(&s->out->set, &r->table, &table, e));
        s->out->set.table[table].whole = true;
        if ((a->action.flags & ACTION_TRUNCATE_REWRITTEN) != 0)
            s->out->set.table[table].rewritten = a->seq;
    }
    return DONE;
}

static status scan_row(struct scan *s, const struct source_action *a, err *e)
{
    const struct relation *r = a->relation;
    uuid now, before;
    bool found = false;
    uint32_t table;
    if (!is_meant(s, r))
        return DONE;
    if (!relation_is_keyed(r)) {
        const size_t notes = s->out->notes;
        TRY(note(s->out, e, "%s.%s has rows without identity (no primary key): they are left out", r->schema,
                 r->name));
        s->out->keyless += s->out->notes - notes;
        return DONE;
    }
    TRY(entitykey_of_action(r, &a->action, &s->h->d->identity.dataset, &s->scratch, &now, &before, &found,
                            e));
    if (!found)
        return DONE;
    TRY(rowset_table(&s->out->set, &r->table, &table, e));
    TRY(touch(s, table, &now, a->seq, e));
    return uuid_is_nil(&before) ? DONE : touch(s, table, &before, a->seq, e);
}

static status scan_actions(struct scan *s, err *e)
{
    for (;;) {
        struct source_action a;
        bool end = false;
        TRY(allactions_next(s->actions, &a, &end, e));
        if (end || a.seq > s->out->to)
            return DONE;
        if (a.action.kind == ACTION_DDL)
            TRY(note(s->out, e, "the schema changed at seq %" PRIu64 " (%.*s): only rows are compared", a.seq,
                     (int)a.action.prefix.len, (const char *)a.action.prefix.data));
        else if (a.action.kind == ACTION_TRUNCATE)
            TRY(scan_truncate(s, &a, e));
        else if (a.relation != NULL)
            TRY(scan_row(s, &a, e));
    }
}

/* ---- what they were ---- */

struct taking {
    struct history *h;
    struct changes *out;
    bool old;
    const struct plan_table *table; /* of `map` */
    struct rowmap *map;             /* into the columns at `to`; NULL: as they are */
    struct buf mapped;
};

static void taking_fini(struct taking *t)
{
    rowmap_free(t->map);
    buf_fini(&t->mapped);
}
OWN_VALUE(taking, taking_fini);

/* Rows of `from` in the columns that the table has at the end; NULL map when it is gone or the same. */
static status find_map(struct taking *t, const struct plan_table *from, err *e)
{
    uint16_t a[RELATION_COLUMNS_MAX], b[RELATION_COLUMNS_MAX];
    const char *missing[RELATION_COLUMNS_MAX];
    const struct plan_table *to = plantable_by_oid(t->out->after, from->message->oid);
    rowmap_free(t->map);
    t->map = NULL;
    t->table = from;
    if (to == NULL)
        return DONE;
    for (size_t i = 0; i < from->message->n_column; i++)
        a[i] = plantable_attnum(from->message, i);
    for (size_t i = 0; i < to->message->n_column; i++) {
        b[i] = plantable_attnum(to->message, i);
        missing[i] = versions_missing(&t->out->after->versions, to->message->oid, b[i]);
    }
    const struct rowmap_columns have = {(uint16_t)from->message->n_column, a};
    const struct rowmap_columns want = {(uint16_t)to->message->n_column, b};
    return rowmap_make(&have, &want, missing, &t->map, e);
}

static status grow_lines(struct changes *c, err *e)
{
    return c->set.count == 0 ? DONE : array_reach(&c->line, c->set.count - 1, &c->lines, sizeof *c->line, e);
}

static status keep_line(struct taking *t, size_t place, struct bytes line, err *e)
{
    struct changes *c = t->out;
    TRY(grow_lines(c, e));
    c->memory += line.len + 32;
    if (c->memory > t->h->d->config->restore_memory)
        return err_set(e, ERR_VALIDATION,
                       "the rows that changed between seq %" PRIu64 " and %" PRIu64
                       " do not fit into restore.memory: take a smaller range, or some tables (--table)",
                       c->from, c->to);
    char *copy = bytes_strndup(line);
    if (copy == NULL)
        return err_no_memory(e);
    char **slot = t->old ? &c->line[place].old : &c->line[place].new;
    free(*slot);
    *slot = copy;
    return DONE;
}

static status take(void *context, const struct plan *p, const struct plan_table *table, const uuid *entity,
                   struct bytes line, err *e)
{
    struct taking *t = context;
    uint32_t number;
    size_t place;
    uuid id;
    (void)p;
    TRY(entitykey_table(table->message, &id, e));
    TRY(rowset_table(&t->out->set, &id, &number, e));
    TRY(rowset_row(&t->out->set, number, entity, &place, e));
    if (t->old && t->table != table)
        TRY(find_map(t, table, e));
    if (!t->old || t->map == NULL || rowmap_is_identity(t->map))
        return keep_line(t, place, line, e);
    struct buf whole = {0};
    buf_bytes(&whole, line.data, line.len);
    buf_u8(&whole, '\n');
    buf_reset(&t->mapped);
    status mapped = rowmap_lines(t->map, buf_view(&whole), &t->mapped, e);
    buf_fini(&whole);
    TRY(mapped);
    return keep_line(t, place, bytes_of(t->mapped.data, t->mapped.len - 1), e);
}

static status read_state(struct history *h, struct changes *out, const char *tables, bool old, err *e)
{
    OWNED(taking) struct taking t = {.h = h, .out = out, .old = old};
    const struct rowstate_request request = {
        .seq = old ? out->from : out->to, .tables = tables, .set = &out->set, .sink = take, .context = &t};
    return rowstate_at(h, &request, old ? &out->before : &out->after, e);
}

/* ---- which differ ---- */

static int compare(const void *a, const void *b)
{
    const struct rowchange *x = a, *y = b;
    int by = strcmp(x->table->schema, y->table->schema);
    by = by != 0 ? by : strcmp(x->table->name, y->table->name);
    by = by != 0 ? by : (x->last > y->last) - (x->last < y->last);
    return by != 0 ? by : memcmp(x->entity.b, y->entity.b, sizeof x->entity.b);
}

static status collect(struct changes *c, err *e)
{
    c->item = calloc(c->set.count + 1, sizeof *c->item);
    if (c->item == NULL)
        return err_no_memory(e);
    TRY(grow_lines(c, e));
    for (size_t i = 0; i < c->set.count; i++) {
        const struct rowset_row *row = &c->set.row[i];
        const struct plan_table *t = plantable_find(c->after, &c->set.table[row->table].id);
        struct changes_lines *line = &c->line[i];
        const bool same = line->old == NULL || line->new == NULL ? line->old == line->new
                                                                 : strcmp(line->old, line->new) == 0;
        if (same)
            continue;
        if (t == NULL) {
            TRY(note(c, e, "a table that had rows at seq %" PRIu64 " is gone at seq %" PRIu64, c->from,
                     c->to));
            continue;
        }
        c->item[c->count++] = (struct rowchange){.table = t->message,
                                                 .entity = row->entity,
                                                 .old = line->old,
                                                 .new = line->new,
                                                 .first = row->first,
                                                 .last = row->last};
        *line = (struct changes_lines){0};
    }
    qsort(c->item, c->count, sizeof *c->item, compare);
    return DONE;
}

status changes_read(struct history *h, uint64_t from, uint64_t to, const char *tables, struct changes *out,
                    err *e)
{
    const struct entityindex_place place = {h->d, h->place.chain, h->place.log};
    OWNED(scan) struct scan s = {.h = h, .out = out, .tables = tables};
    *out = (struct changes){.from = from, .to = to};
    TRY(history_round(h, &out->from, e));
    TRY(history_round(h, &out->to, e));
    TRY(allactions_open(&place, out->from + 1, NULL, &s.actions, e));
    TRY(scan_actions(&s, e));
    TRY(read_state(h, out, tables, false, e));
    TRY(read_state(h, out, tables, true, e));
    return collect(out, e);
}
