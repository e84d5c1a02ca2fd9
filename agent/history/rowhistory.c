#include "agent/history/rowhistory.h"

#include "agent/history/rowcolumns.h"
#include "agent/history/rowevents.h"
#include "proto/base/array.h"
#include "proto/tuple.h"

#define ROUNDS_MAX 256 /* key changes that are followed, one after the other */

void rowhistory_fini(struct rowhistory *r)
{
    for (size_t i = 0; i < r->count; i++)
        free(r->event[i].memory);
    for (size_t i = 0; i < r->relations; i++)
        relation_free(r->relation[i]);
    for (size_t i = 0; i < r->tuples; i++) {
        buf_fini(r->tuple[i]);
        free(r->tuple[i]);
    }
    free(r->event);
    free(r->relation);
    free(r->tuple);
    *r = (struct rowhistory){0};
}

bool rowhistory_is_whole(struct bytes tuple)
{
    return tuple.len > 0 && !tuple_has_unchanged(tuple);
}

/* ---- following keys ---- */

/* A key that was this row's before (back) or became it (forth), from where on it is to be followed. */
struct thread {
    uuid entity;
    uint64_t seq;
    bool back;
};

struct threads {
    struct thread item[ROUNDS_MAX];
    size_t count;
    size_t done;
};

static void add_thread(struct threads *t, const uuid *entity, uint64_t seq, bool back)
{
    for (size_t i = 0; i < t->count; i++)
        if (uuid_equal(&t->item[i].entity, entity) && t->item[i].seq == seq && t->item[i].back == back)
            return;
    if (t->count < ROUNDS_MAX)
        t->item[t->count++] = (struct thread){*entity, seq, back};
}

/* Of what was found under another key only what was this row: up to where it came from, or went. */
static void cut(struct rowhistory *r, size_t from, const struct thread *at, struct threads *threads)
{
    size_t kept = from;
    bool inside = true;
    const size_t count = r->count - from;
    for (size_t n = 0; n < count; n++) {
        /* oldest last when going back */
        struct rowevent *ev = &r->event[at->back ? r->count - 1 - n : from + n];
        const bool begins = uuid_equal(&ev->entity, &at->entity) &&
                            (ev->action.kind == ACTION_CREATE || !uuid_is_nil(&ev->previous));
        const bool ends = (uuid_equal(&ev->entity, &at->entity) && ev->action.kind == ACTION_DELETE) ||
                          uuid_equal(&ev->previous, &at->entity);
        if (inside && at->back && ends)
            inside = false;
        if (inside && !at->back && begins)
            inside = false;
        if (!inside) {
            free(ev->memory);
            ev->memory = NULL;
            ev->relation = NULL; /* to be left out */
            continue;
        }
        if (at->back && begins) {
            if (!uuid_is_nil(&ev->previous))
                add_thread(threads, &ev->previous, ev->seq, true);
            inside = false;
        }
        if (!at->back && ends) {
            if (!uuid_is_nil(&ev->previous))
                add_thread(threads, &ev->entity, ev->seq, false);
            inside = false;
        }
    }
    for (size_t i = from; i < r->count; i++)
        if (r->event[i].relation != NULL)
            r->event[kept++] = r->event[i];
    r->count = kept;
}

static status follow(struct history *h, struct rowhistory *r, struct threads *threads, err *e)
{
    while (threads->done < threads->count) {
        const struct thread at = threads->item[threads->done++];
        const size_t before = r->count;
        TRY(rowevents_add(h, r, &at.entity, at.back ? 1 : at.seq + 1, at.back ? at.seq - 1 : UINT64_MAX, e));
        cut(r, before, &at, threads);
    }
    return DONE;
}

static status collect(struct history *h, const uuid *entity, struct rowhistory *r, err *e)
{
    struct threads threads = {.count = 0};
    TRY(rowevents_add(h, r, entity, 1, UINT64_MAX, e));
    for (size_t i = 0; i < r->count; i++) {
        const struct rowevent *ev = &r->event[i];
        if (uuid_is_nil(&ev->previous))
            continue;
        if (uuid_equal(&ev->entity, entity))
            add_thread(&threads, &ev->previous, ev->seq, true);
        else
            add_thread(&threads, &ev->entity, ev->seq, false);
    }
    TRY(follow(h, r, &threads, e));
    TRY(rowevents_add_base(h, r, entity, e));
    for (size_t i = 0; i < threads.count; i++)
        if (threads.item[i].back)
            TRY(rowevents_add_base(h, r, &threads.item[i].entity, e));
    if (r->count > 0) {
        const uuid table = r->event[0].relation->table;
        TRY(rowevents_add_truncates(h, r, &table, e));
    }
    rowevents_sort(r);
    return DONE;
}

/* ---- what each event left ---- */

/* What is known of a key's row while the events go by. */
struct known {
    uuid entity;
    bool live;
    uint64_t seq;
    const struct relation *relation;
    struct bytes row; /* empty: not known */
};

struct knowledge {
    struct known *item;
    size_t count;
};

static void knowledge_fini(struct knowledge *k)
{
    free(k->item);
}
OWN_VALUE(knowledge, knowledge_fini);

static status known_of(struct knowledge *k, const uuid *entity, struct known **out, err *e)
{
    for (size_t i = 0; i < k->count; i++)
        if (uuid_equal(&k->item[i].entity, entity)) {
            *out = &k->item[i];
            return DONE;
        }
    TRY(array_one_more(&k->item, k->count, sizeof *k->item, e));
    *out = &k->item[k->count++];
    **out = (struct known){.entity = *entity};
    return DONE;
}

static bool value_at(struct bytes row, uint16_t column, struct value *out)
{
    struct tuple t = tuple_open(row);
    for (uint16_t i = 0; tuple_next(&t, out); i++)
        if (i == column)
            return true;
    return false;
}

/* The column of another version of the table: by its number, or, where that is not known, by its name. */
static bool value_of(const struct known *k, const struct column *c, struct value *out)
{
    const struct relation *r = k->relation;
    for (uint16_t i = 0; i < r->column_count; i++) {
        const struct column *other = &r->columns[i];
        const bool numbered = c->attnum != 0 && other->attnum != 0;
        if (numbered ? other->attnum == c->attnum : strcmp(other->name, c->name) == 0)
            return value_at(k->row, i, out);
    }
    return false;
}

static status new_tuple(struct rowhistory *r, struct buf **out, err *e)
{
    TRY(array_one_more(&r->tuple, r->tuples, sizeof(struct buf *), e));
    *out = calloc(1, sizeof **out);
    if (*out == NULL)
        return err_no_memory(e);
    r->tuple[r->tuples++] = *out;
    return DONE;
}

/* `row` (empty: none of its columns) with what it does not tell taken from what is known. */
static status complete(struct rowhistory *r, const struct relation *rel, struct bytes row, bool keys_only,
                       const struct known *k, struct bytes *out, err *e)
{
    struct buf *whole = NULL;
    struct tuple t = tuple_open(row);
    TRY(new_tuple(r, &whole, e));
    tuple_begin(whole, rel->column_count);
    for (uint16_t i = 0; i < rel->column_count; i++) {
        struct value v = {.kind = VALUE_UNCHANGED};
        const bool told = row.len > 0 && tuple_next(&t, &v) && v.kind != VALUE_UNCHANGED &&
                          (!keys_only || rel->columns[i].key);
        if (!told)
            v = (struct value){.kind = VALUE_UNCHANGED};
        struct value before;
        if (!told && k->live && k->row.len > 0 && value_of(k, &rel->columns[i], &before))
            v = before;
        tuple_put(whole, v);
    }
    TRY(buf_done(whole, e));
    *out = buf_view(whole);
    return DONE;
}

static status take_row(struct rowhistory *r, struct knowledge *all, struct rowevent *ev, err *e)
{
    const struct action *a = &ev->action;
    const uuid from = uuid_is_nil(&ev->previous) ? ev->entity : ev->previous;
    struct known *k = NULL;
    TRY(known_of(all, &from, &k, e));
    ev->previous_seq = k->seq;
    if (a->kind != ACTION_CREATE && !(a->old.len > 0 && a->old_kind == 'O'))
        TRY(complete(r, ev->relation, a->old, true, k, &ev->old, e));
    if (rowhistory_is_whole(a->new) || a->new.len == 0)
        ev->new = a->new;
    else
        TRY(complete(r, ev->relation, a->new, false, k, &ev->new, e));
    if (!uuid_is_nil(&ev->previous)) {
        *k = (struct known){.entity = from, .seq = ev->seq};
        TRY(known_of(all, &ev->entity, &k, e));
    }
    *k = (struct known){ev->entity, ev->new.len > 0, ev->seq, ev->relation, ev->new};
    return DONE;
}

/* Concerns the row only when there was one. */
static void take_truncate(struct knowledge *all, struct rowevent *ev, bool *keep)
{
    *keep = false;
    for (size_t i = 0; i < all->count; i++) {
        struct known *k = &all->item[i];
        if (!k->live || *keep) {
            k->live = false;
            continue;
        }
        *keep = true;
        ev->entity = k->entity;
        ev->relation = k->relation;
        ev->previous_seq = k->seq;
        ev->old = k->row;
        *k = (struct known){.entity = k->entity, .seq = ev->seq};
    }
}

/* Rewritten with its table, not emptied with it: told again under its key. */
static bool comes_again(const struct rowhistory *r, size_t truncate, const struct knowledge *all)
{
    const struct rowevent *at = &r->event[truncate];
    if ((at->action.flags & ACTION_TRUNCATE_REWRITTEN) == 0)
        return false;
    for (size_t i = truncate + 1; i < r->count && r->event[i].action.kind == ACTION_UPDATE &&
                                  r->event[i].commit.last_seq == at->commit.last_seq;
         i++)
        for (size_t k = 0; k < all->count; k++)
            if (all->item[k].live && uuid_equal(&all->item[k].entity, &r->event[i].entity))
                return true;
    return false;
}

status rowhistory_fill(struct history *h, const struct plan *p, struct rowhistory *r, err *e)
{
    OWNED(knowledge) struct knowledge all = {0};
    size_t kept = 0;
    TRY(rowcolumns_resolve(h, p, r, e));
    for (size_t i = 0; i < r->count; i++) {
        struct rowevent ev = r->event[i];
        bool keep = true;
        if (ev.action.kind == ACTION_TRUNCATE && comes_again(r, i, &all))
            keep = false;
        else if (ev.action.kind == ACTION_TRUNCATE)
            take_truncate(&all, &ev, &keep);
        else
            TRY(take_row(r, &all, &ev, e));
        r->event[i].memory = NULL;
        if (keep)
            r->event[kept++] = ev;
        else
            free(ev.memory);
    }
    r->count = kept;
    return DONE;
}

status rowhistory_read(struct history *h, const uuid *entity, struct rowhistory *out, err *e)
{
    *out = (struct rowhistory){0};
    return collect(h, entity, out, e);
}

const struct rowevent *rowhistory_at(const struct rowhistory *r, const uuid *entity, uint64_t seq)
{
    const struct rowevent *last = NULL;
    for (size_t i = 0; i < r->count; i++) {
        const struct rowevent *ev = &r->event[i];
        const uint64_t end = ev->base ? ev->seq : ev->commit.last_seq;
        if (end <= seq && (uuid_equal(&ev->entity, entity) || uuid_equal(&ev->previous, entity)))
            last = ev;
    }
    return last;
}
