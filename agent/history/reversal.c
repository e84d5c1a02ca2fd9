#include "agent/history/reversal.h"

#include <inttypes.h>

#include "agent/history/allactions.h"
#include "agent/history/entitykey.h"
#include "agent/history/reversalsql.h"
#include "agent/pg/pgconn.h"
#include "agent/restore/plan/plantable.h"
#include "proto/base/array.h"

#define BLOCK_ROWS 100 /* statements in one block: the server keeps them parsed while it runs */
#define NAMED_MAX 5    /* rows in a message */

void reversal_fini(struct reversal *r)
{
    for (size_t i = 0; i < r->count; i++)
        buf_fini(&r->statement[i]);
    free(r->statement);
    buf_fini(&r->begin);
    changes_fini(&r->changes);
    *r = (struct reversal){0};
}

/* ---- what forbids it ---- */

struct since {
    struct history *h;
    const struct reversal *r;
    struct seqlist seqs; /* behind the range, filed under its rows */
    struct buf names;
    size_t count;
    struct buf scratch;
};

static void since_fini(struct since *s)
{
    seqlist_fini(&s->seqs);
    buf_fini(&s->names);
    buf_fini(&s->scratch);
}
OWN_VALUE(since, since_fini);

static const struct rowchange *change_of(const struct reversal *r, const uuid *entity)
{
    for (size_t i = 0; i < r->changes.count; i++)
        if (uuid_equal(&r->changes.item[i].entity, entity))
            return &r->changes.item[i];
    return NULL;
}

static void name_row(struct since *s, const struct rowchange *c, uint64_t seq)
{
    if (c == NULL)
        return;
    if (s->count < NAMED_MAX) {
        buf_text(&s->names, s->count > 0 ? ", " : "");
        reversal_name(c, &s->names);
        buf_printf(&s->names, " at seq %" PRIu64, seq);
    }
    s->count++;
}

/* A rewrite gives values another meaning, and added columns their values: what the rows were before is no
 * state that they can have behind it. */
static status was_rewritten(const Pgstrand__Table *t, uint64_t seq, err *e)
{
    return err_set(
        e, ERR_SCHEMA,
        "%s.%s was rewritten at seq %" PRIu64
        " by a change of the schema: what its rows were before cannot be put back as it was; take a "
        "range behind it, or leave the table out (--table)",
        t->schema, t->name, seq);
}

static status check_rewrites(const struct changes *c, err *e)
{
    for (size_t i = 0; i < c->count; i++) {
        uuid id;
        TRY(entitykey_table(c->item[i].table, &id, e));
        const struct rowset_table *t = rowset_find_table(&c->set, &id);
        if (t != NULL && t->rewritten > 0)
            return was_rewritten(c->item[i].table, t->rewritten, e);
    }
    return DONE;
}

static status look_at(struct since *s, struct allactions *actions, const struct source_action *a, err *e)
{
    uuid now, before;
    bool found = false;
    if (a->action.kind == ACTION_TRUNCATE) {
        struct reader versions = reader_over(a->action.truncated);
        for (uint32_t v = action_next_truncated(&versions); v != 0; v = action_next_truncated(&versions)) {
            const struct relation *rel = NULL;
            TRY(allactions_relation(actions, v, &rel, e));
            for (size_t i = 0; i < s->r->changes.count; i++) {
                const struct rowchange *c = &s->r->changes.item[i];
                if (c->table->oid != rel->oid)
                    continue;
                if ((a->action.flags & ACTION_TRUNCATE_REWRITTEN) != 0)
                    return was_rewritten(c->table, a->seq, e);
                name_row(s, c, a->seq);
            }
        }
        return DONE;
    }
    if (a->relation == NULL)
        return DONE;
    TRY(entitykey_of_action(a->relation, &a->action, &s->h->d->identity.dataset, &s->scratch, &now, &before,
                            &found, e));
    if (!found)
        return DONE;
    name_row(s, change_of(s->r, &now), a->seq);
    if (!uuid_is_nil(&before))
        name_row(s, change_of(s->r, &before), a->seq);
    return DONE;
}

/* Numbers behind the range that are filed under a name. */
static status add_later(struct since *s, const uuid *name, err *e)
{
    OWNED(seqlist) struct seqlist all = {0};
    TRY(history_find(s->h, name, &all, e));
    for (size_t i = 0; i < all.count; i++)
        if (all.seq[i] > s->r->changes.to)
            TRY(seqlist_add(&s->seqs, all.seq[i], e));
    return DONE;
}

static status check_since(struct history *h, const struct reversal *r, err *e)
{
    OWNED(since) struct since s = {.h = h, .r = r};
    OWNED(allactions) struct allactions *actions = NULL;
    const struct entityindex_place place = {h->d, h->place.chain, h->place.log};
    for (size_t i = 0; i < r->changes.count; i++)
        TRY(add_later(&s, &r->changes.item[i].entity, e));
    for (uint32_t i = 0; i < r->changes.set.tables; i++)
        TRY(add_later(&s, &r->changes.set.table[i].id, e));
    seqlist_sort(&s.seqs);
    if (s.seqs.count == 0)
        return DONE;
    TRY(allactions_open(&place, 0, &s.seqs, &actions, e));
    for (;;) {
        struct source_action a;
        bool end = false;
        TRY(allactions_next(actions, &a, &end, e));
        if (end)
            break;
        TRY(look_at(&s, actions, &a, e));
    }
    if (s.count == 0)
        return DONE;
    if (s.count > NAMED_MAX)
        buf_printf(&s.names, " and %zu more", s.count - NAMED_MAX);
    return err_set(e, ERR_REFUSED,
                   "rows were changed since seq %" PRIu64
                   ": %.700s; undo the later changes first, or leave the "
                   "table out (--table)",
                   r->changes.to, buf_cstring(&s.names));
}

static bool same_columns(const Pgstrand__Table *a, const Pgstrand__Table *b)
{
    bool same =
        a->n_column == b->n_column && strcmp(a->schema, b->schema) == 0 && strcmp(a->name, b->name) == 0;
    for (size_t i = 0; same && i < a->n_column; i++)
        same = plantable_attnum(a, i) == plantable_attnum(b, i) && a->column[i]->type == b->column[i]->type &&
               strcmp(a->column[i]->name, b->column[i]->name) == 0;
    return same;
}

static status check_tables(struct history *h, const struct reversal *r, const char *tables, err *e)
{
    OWNED(plan) struct plan *now = NULL;
    TRY(history_plan(h, entityindex_end(h->index), tables, &now, e));
    for (size_t i = 0; i < r->changes.count; i++) {
        const Pgstrand__Table *t = r->changes.item[i].table;
        const struct plan_table *current = plantable_by_oid(now, t->oid);
        if (current != NULL && same_columns(t, current->message))
            continue;
        return err_set(e, ERR_SCHEMA,
                       "%s.%s has another name or other columns now than at seq %" PRIu64
                       ", or is gone: what its rows were cannot be put back as it is; leave it out (--table)",
                       t->schema, t->name, r->changes.to);
    }
    return DONE;
}

/* ---- the statements ---- */

static status next_statement(struct reversal *r, struct buf **out, err *e)
{
    TRY(array_room(&r->statement, r->count, &r->room, sizeof *r->statement, e));
    r->statement[r->count] = (struct buf){0};
    *out = &r->statement[r->count++];
    return DONE;
}

enum phase { PHASE_DELETE, PHASE_UPDATE, PHASE_INSERT, PHASES };

static enum phase phase_of(const struct rowchange *c)
{
    return c->old == NULL ? PHASE_DELETE : c->new == NULL ? PHASE_INSERT : PHASE_UPDATE;
}

/* The last change first: so every state on the way is one that was there before, as far as it goes. */
static int later_first(const void *a, const void *b)
{
    const struct rowchange *x = *(const struct rowchange *const *)a, *y = *(const struct rowchange *const *)b;
    const uint64_t one = phase_of(x) == PHASE_DELETE ? x->first : x->last;
    const uint64_t other = phase_of(y) == PHASE_DELETE ? y->first : y->last;
    if (phase_of(x) != phase_of(y))
        return phase_of(x) < phase_of(y) ? -1 : 1;
    return (one < other) - (one > other);
}

static status put_rows(struct reversal *r, const struct rowchange **order, err *e)
{
    size_t *const counts[PHASES] = {&r->deletes, &r->updates, &r->inserts};
    for (size_t i = 0; i < r->changes.count;) {
        OWNED(buf) struct buf rows = {0};
        struct buf *block = NULL;
        for (size_t n = 0; n < BLOCK_ROWS && i < r->changes.count; n++, i++) {
            TRY(reversalsql_row(order[i], &rows, e));
            (*counts[phase_of(order[i])])++;
        }
        TRY(next_statement(r, &block, e));
        TRY(reversalsql_block(buf_view(&rows), block, e));
    }
    return DONE;
}

/* 'public.orders'::regclass, ... */
static status list_tables(const struct reversal *r, struct buf *out, err *e)
{
    const Pgstrand__Table *last = NULL;
    for (size_t i = 0; i < r->changes.count; i++) { /* they are sorted by table */
        const Pgstrand__Table *t = r->changes.item[i].table;
        OWNED(buf) struct buf name = {0};
        if (t == last)
            continue;
        pgconn_quote_name(&name, t->schema);
        buf_u8(&name, '.');
        pgconn_quote_name(&name, t->name);
        buf_text(out, last == NULL ? "" : ", ");
        pgconn_quote_literal(out, buf_cstring(&name));
        buf_text(out, "::pg_catalog.regclass");
        last = t;
    }
    return buf_done(out, e);
}

static status put_statements(struct reversal *r, err *e)
{
    OWNED(buf) struct buf tables = {0};
    struct buf *check = NULL;
    OWNED(memory) const struct rowchange **order = calloc(r->changes.count, sizeof(struct rowchange *));
    if (order == NULL)
        return err_no_memory(e);
    for (size_t i = 0; i < r->changes.count; i++)
        order[i] = &r->changes.item[i];
    qsort(order, r->changes.count, sizeof(struct rowchange *), later_first);
    TRY(list_tables(r, &tables, e));
    TRY(reversalsql_begin(buf_cstring(&tables), &r->begin, e));
    TRY(put_rows(r, order, e));
    TRY(next_statement(r, &check, e));
    return reversalsql_check(buf_cstring(&tables), check, e);
}

status reversal_make(struct history *h, uint64_t first, uint64_t last, const char *tables,
                     struct reversal *out, err *e)
{
    *out = (struct reversal){.first = first, .last = last};
    TRY(changes_read(h, first - 1, last, tables, &out->changes, e));
    if (out->changes.from != first - 1 || out->changes.to != last)
        return err_set(e, ERR_VALIDATION,
                       "seq %" PRIu64 " to %" PRIu64 " cuts a transaction in two: whole ones are undone, for "
                       "example seq %" PRIu64 " to %" PRIu64,
                       first, last, out->changes.from + 1, out->changes.to);
    for (size_t i = 0; out->changes.keyless > 0 && i < out->changes.notes; i++)
        if (strstr(out->changes.note[i], "without identity") != NULL)
            return err_set(e, ERR_SCHEMA,
                           "%.700s; what happened to them cannot be undone row by row (--table "
                           "names other tables)",
                           out->changes.note[i]);
    if (out->changes.count == 0)
        return DONE;
    TRY(check_rewrites(&out->changes, e));
    TRY(check_since(h, out, e));
    TRY(check_tables(h, out, tables, e));
    return put_statements(out, e);
}

status reversal_text(const struct reversal *r, struct buf *out, err *e)
{
    buf_printf(out,
               "-- Undoes seq %" PRIu64 " to %" PRIu64
               ": deletes %zu rows, updates %zu, inserts %zu. Run it with "
               "psql.\nBEGIN;\n",
               r->first, r->last, r->deletes, r->updates, r->inserts);
    buf_bytes(out, r->begin.data, r->begin.len);
    for (size_t i = 0; i < r->count; i++)
        buf_bytes(out, r->statement[i].data, r->statement[i].len);
    buf_text(out, "COMMIT;\n");
    return buf_done(out, e);
}
