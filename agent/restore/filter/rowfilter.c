#include "agent/restore/filter/rowfilter.h"

#include <inttypes.h>

#include "agent/glob.h"
#include "agent/restore/filter/membership.h"
#include "proto/copytext.h"

struct rowfilter {
    struct fkgraph graph;
    struct membership members;
    const struct rowfilter_options *options; /* while it is made */
    /* the root table */
    uint64_t chosen, businesses;
    bool is_there; /* the one that was asked for */
};

void rowfilter_free(struct rowfilter *r)
{
    if (r == NULL)
        return;
    for (size_t i = 0; i < r->members.count; i++)
        markedrows_fini(&r->members.table[i].rows);
    free(r->members.table);
    keyindex_free(r->members.index);
    buf_fini(&r->members.key);
    fkgraph_fini(&r->graph);
    free(r);
}

static void rowfilter_cleanup(struct rowfilter **r)
{
    rowfilter_free(*r);
}

/* ---- the root table's rows ---- */

struct choosing {
    struct rowfilter *filter;
    uint16_t key, demo; /* places of columns */
    bool has_demo;
    struct buf text;
};

static bool is_listed(const char *list, const char *word)
{
    const size_t len = strlen(word);
    for (const char *at = list; at != NULL && *at != '\0';) {
        at += strspn(at, ", \t\n");
        const size_t item = strcspn(at, ",\n");
        size_t end = item;
        while (end > 0 && (at[end - 1] == ' ' || at[end - 1] == '\t'))
            end--;
        if (end == len && memcmp(at, word, len) == 0)
            return true;
        at += item;
    }
    return false;
}

static status choose_row(void *context, struct markedrows *s, uint64_t row, struct bytes line, err *e)
{
    struct choosing *c = context;
    struct rowfilter *r = c->filter;
    (void)line;
    buf_reset(&c->text);
    const bool named = copytext_unescape(s->column[c->key], &c->text);
    const char *key = buf_cstring(&c->text);
    TRY(buf_done(&c->text, e));
    const bool demo = (c->has_demo && bytes_equal(s->column[c->demo], bytes_text("t"))) ||
                      (named && is_listed(r->options->rules.demo_ids, key));
    const bool meant = r->options->business == NULL || (named && strcmp(key, r->options->business) == 0);
    r->businesses++;
    r->is_there |= r->options->business != NULL && meant;
    if (meant && !(demo && r->options->no_demo))
        r->chosen += markedrows_set(s, MARKEDROWS_OURS, row);
    else
        (void)markedrows_set(s, MARKEDROWS_FOREIGN, row);
    return DONE;
}

static status column_place(const Pgstrand__Table *t, const char *name, const char *setting, uint16_t *out,
                           err *e)
{
    for (*out = 0; *out < t->n_column; ++*out)
        if (strcmp(t->column[*out]->name, name) == 0)
            return DONE;
    return err_set(e, ERR_VALIDATION, "%s.%s has no column %s, which %s in [business] names", t->schema,
                   t->name, name, setting);
}

static status choose_rows(struct rowfilter *r, struct markedrows *s, err *e)
{
    const struct rowfilter_rules *rules = &r->options->rules;
    struct choosing c = {.filter = r, .has_demo = *rules->demo_column != '\0'};
    TRY(column_place(s->table, rules->key, "key", &c.key, e));
    if (c.has_demo)
        TRY(column_place(s->table, rules->demo_column, "demo_column", &c.demo, e));
    const status done = markedrows_each(s, choose_row, &c, e);
    buf_fini(&c.text);
    return done;
}

static status check_choice(const struct rowfilter *r, err *e)
{
    const struct rowfilter_options *o = r->options;
    if (o->business != NULL && !r->is_there)
        return err_set(e, ERR_VALIDATION, "there is no business %s in %s at that seq", o->business,
                       o->rules.root);
    if (o->business != NULL && r->chosen == 0)
        return err_set(e, ERR_VALIDATION, "business %s is a demo one: with --no-demo nothing is left of it",
                       o->business);
    return DONE;
}

/* ---- making it ---- */

static bool is_outside(const struct rowfilter_rules *rules, const Pgstrand__Table *t)
{
    return glob_list_match(rules->shared, t->schema, t->name) ||
           glob_list_match(rules->exclude, t->schema, t->name);
}

static status find_root(struct rowfilter *r, err *e)
{
    const struct rowfilter_options *o = r->options;
    const struct plan *p = r->graph.plan;
    bool found = false;
    for (size_t i = 0; i < p->count; i++) {
        if (p->table[i].message->partition_root || !fkgraph_is_called(&r->graph, i, o->rules.root))
            continue;
        if (!p->table[i].comes)
            return err_set(
                e, ERR_VALIDATION,
                "%s, the table of businesses, is not among the tables that come: what belongs to a business "
                "cannot be told",
                o->rules.root);
        r->members.table[i].wave = 1;
        r->members.table[i].down = true;
        r->members.table[i].outside = false;
        found = true;
    }
    return found
               ? DONE
               : err_set(e, ERR_VALIDATION,
                         "there is no table %s, which root in [business] names, at that seq", o->rules.root);
}

/* Only what the filter concerns is written to files. */
static status take_rows(struct rowfilter *r, struct plan *p, struct fold *f, err *e)
{
    for (size_t i = 0; i < p->count; i++) {
        struct member_table *t = &r->members.table[i];
        const Pgstrand__Table *m = p->table[i].message;
        const bool excluded = glob_list_match(r->options->rules.exclude, m->schema, m->name) && t->wave != 1;
        p->table[i].filtered =
            p->table[i].comes && !m->partition_root && (excluded || (t->wave > 0 && !t->outside));
        t->here = p->table[i].filtered && !excluded;
        if (!t->here)
            continue;
        if (!markedrows_take(&t->rows, p, f, &p->table[i], r->options->dir, e).ok)
            return err_wrap(e, "%s.%s", m->schema, m->name);
    }
    return DONE;
}

static status check_rules(const struct rowfilter_options *o, err *e)
{
    if (*o->rules.root == '\0')
        return err_set(
            e, ERR_VALIDATION,
            "which table has the businesses? set root and key in section [business] of the configuration");
    if (o->no_demo && *o->rules.demo_column == '\0' && *o->rules.demo_ids == '\0')
        return err_set(
            e, ERR_VALIDATION,
            "which businesses are demo ones? set demo_column or demo_ids in section [business] of the "
            "configuration");
    return DONE;
}

static status make(struct rowfilter *r, struct plan *p, struct fold *f, err *e)
{
    struct membership *m = &r->members;
    TRY(check_rules(r->options, e));
    TRY(fkgraph_make(p, &r->graph, e));
    m->graph = &r->graph;
    m->count = p->count;
    m->table = calloc(p->count + 1, sizeof *m->table);
    if (m->table == NULL)
        return err_no_memory(e);
    for (size_t i = 0; i < p->count; i++)
        m->table[i].outside = is_outside(&r->options->rules, p->table[i].message);
    TRY(find_root(r, e));
    membership_order(m);
    TRY(take_rows(r, p, f, e));
    TRY(keyindex_new(r->options->dir, &m->index, e));
    for (size_t i = 0; i < p->count; i++)
        if (m->table[i].wave == 1)
            TRY(choose_rows(r, &m->table[i].rows, e));
    TRY(check_choice(r, e));
    TRY(membership_mark(m, e));
    keyindex_free(m->index);
    m->index = NULL;
    return DONE;
}

status rowfilter_make(struct plan *p, struct fold *f, const struct rowfilter_options *options,
                      struct rowfilter **out, err *e)
{
    __attribute__((cleanup(rowfilter_cleanup))) struct rowfilter *r = calloc(1, sizeof *r);
    if (r == NULL)
        return err_no_memory(e);
    r->options = options;
    if (!make(r, p, f, e).ok)
        return err_wrap(e, "business filter");
    r->options = NULL;
    *out = r;
    r = NULL;
    return DONE;
}

/* ---- out ---- */

struct emitting {
    const struct fold_sink *sink;
    struct hasher *hasher;
    struct table_digest *expected;
    struct buf lines;
};

#define PIECE ((size_t)65536)

static status emit_row(void *context, struct markedrows *s, uint64_t row, struct bytes line, err *e)
{
    struct emitting *o = context;
    if (markedrows_has(s, MARKEDROWS_FOREIGN, row))
        return DONE;
    TRY(table_digest_add(o->expected, o->hasher, line, e));
    buf_bytes(&o->lines, line.data, line.len);
    buf_u8(&o->lines, '\n');
    TRY(buf_done(&o->lines, e));
    if (o->lines.len < PIECE)
        return DONE;
    TRY(o->sink->lines(o->sink->context, buf_view(&o->lines), e));
    buf_reset(&o->lines);
    return DONE;
}

static status emit_rows(struct emitting *o, struct markedrows *s, err *e)
{
    TRY(hasher_new(&o->hasher, e));
    TRY(markedrows_each(s, emit_row, o, e));
    return o->lines.len == 0 ? DONE : o->sink->lines(o->sink->context, buf_view(&o->lines), e);
}

status rowfilter_emit(struct rowfilter *r, const struct plan *p, const struct plan_table *t,
                      const struct fold_sink *sink, struct table_digest *expected, err *e)
{
    struct member_table *member = &r->members.table[t - p->table];
    struct emitting o = {.sink = sink, .expected = expected};
    *expected = (struct table_digest){0};
    if (!member->here)
        return DONE; /* excluded */
    const status done = emit_rows(&o, &member->rows, e);
    hasher_free(o.hasher);
    buf_fini(&o.lines);
    return done;
}

/* ---- what is worth saying ---- */

static bool note_table(const struct member_table *t, size_t which, char *line, size_t size)
{
    const Pgstrand__Table *m = t->rows.table;
    if (which == 0 && t->torn > 0)
        (void)snprintf(line, size,
                       "%s.%s: %" PRIu64
                       " rows lead to a business that comes and to one that does not: left out",
                       m->schema, m->name, t->torn);
    else if (which == 1 && t->dangling > 0)
        (void)snprintf(line, size,
                       "%s.%s: %" PRIu64
                       " rows lead to rows that are not there, and to no business: left out",
                       m->schema, m->name, t->dangling);
    else
        return false;
    return true;
}

bool rowfilter_note(const struct rowfilter *r, size_t at, char *line, size_t size)
{
    size_t seen = 0;
    if (at == 0) {
        uint64_t left = 0;
        for (size_t i = 0; i < r->members.count; i++)
            left += r->members.table[i].rows.foreign;
        (void)snprintf(line, size,
                       "%" PRIu64 " of %" PRIu64 " businesses: %" PRIu64 " rows of the others stay behind",
                       r->chosen, r->businesses, left);
        return true;
    }
    for (size_t i = 0; i < r->members.count; i++)
        for (size_t which = 0; which < 2; which++)
            if (r->members.table[i].here && note_table(&r->members.table[i], which, line, size) &&
                ++seen == at)
                return true;
    return false;
}
