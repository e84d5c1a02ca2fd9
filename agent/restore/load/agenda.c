#include "agent/restore/load/agenda.h"

#include <stdlib.h>

#include "proto/base/array.h"

status agenda_init(struct agenda *a, size_t tables, err *e)
{
    *a = (struct agenda){.table = calloc(tables + 1, sizeof *a->table), .tables = tables};
    return a->table != NULL ? DONE : err_no_memory(e);
}

void agenda_fini(struct agenda *a)
{
    free(a->item);
    free(a->table);
    *a = (struct agenda){0};
}

static struct agenda_table *table_of(const struct agenda *a, size_t rank)
{
    return rank == AGENDA_NO_TABLE ? NULL : &a->table[rank];
}

static status add(struct agenda *a, struct agenda_item item, err *e)
{
    TRY(array_one_more(&a->item, a->count, sizeof *a->item, e));
    a->item[a->count++] = item;
    a->left[item.kind]++;
    struct agenda_table *t = table_of(a, item.table);
    if (t != NULL)
        t->left[item.kind]++;
    return DONE;
}

status agenda_add(struct agenda *a, enum agenda_kind kind, size_t table, size_t what, err *e)
{
    return add(a, (struct agenda_item){kind, table, table, what, false}, e);
}

status agenda_add_key(struct agenda *a, size_t table, size_t parent, size_t what, err *e)
{
    return add(a, (struct agenda_item){AGENDA_KEY, table, parent, what, false}, e);
}

/* By table, then by kind, then as they were added. */
static int in_order(const void *a, const void *b)
{
    const struct agenda_item *x = a, *y = b;
    if (x->table != y->table)
        return x->table < y->table ? -1 : 1;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return (x->what > y->what) - (x->what < y->what);
}

void agenda_ready(struct agenda *a)
{
    if (a->count > 0)
        qsort(a->item, a->count, sizeof *a->item, in_order);
}

static bool alone(const struct agenda_item *item)
{
    return item->kind == AGENDA_CONSTRAINT || item->kind == AGENDA_KEY;
}

/* All kinds before it have ended; but indexes and proofs go together. */
static bool ended_before(const unsigned left[static AGENDA_KINDS], enum agenda_kind kind)
{
    for (int before = AGENDA_LOAD; before < (int)kind; before++)
        if (left[before] > 0 && !(kind == AGENDA_PROVE && before == AGENDA_INDEX))
            return false;
    return true;
}

/* Do the table's other items let it? Statistics are worth waiting for only before a foreign key locks the
 * table, so a key comes after them. */
static bool table_lets(const struct agenda *a, const struct agenda_item *item, size_t rank)
{
    if (rank == AGENDA_NO_TABLE)
        return ended_before(a->left, item->kind);
    const struct agenda_table *t = &a->table[rank];
    return ended_before(t->left, item->kind) && !t->locked && (!alone(item) || t->running == 0);
}

static bool may_start(const struct agenda *a, const struct agenda_item *item)
{
    return !item->started && table_lets(a, item, item->table) &&
           (item->parent == item->table || table_lets(a, item, item->parent));
}

static void mark(struct agenda *a, const struct agenda_item *item, size_t rank, bool running)
{
    struct agenda_table *t = table_of(a, rank);
    if (t == NULL)
        return;
    t->running += running ? 1u : -1u;
    if (alone(item))
        t->locked = running;
}

static void mark_tables(struct agenda *a, const struct agenda_item *item, bool running)
{
    mark(a, item, item->table, running);
    if (item->parent != item->table)
        mark(a, item, item->parent, running);
}

bool agenda_take(struct agenda *a, size_t *number)
{
    size_t chosen = a->count;
    while (a->first < a->count && a->item[a->first].started)
        a->first++;
    for (size_t i = a->first; i < a->count; i++) {
        const struct agenda_item *item = &a->item[i];
        if (!may_start(a, item))
            continue;
        const struct agenda_table *t = table_of(a, item->table);
        bool free_table = t == NULL || t->running == 0;
        if (chosen == a->count || free_table)
            chosen = i;
        if (free_table)
            break;
    }
    if (chosen == a->count)
        return false;
    a->item[chosen].started = true;
    mark_tables(a, &a->item[chosen], true);
    *number = chosen;
    return true;
}

void agenda_ended(struct agenda *a, size_t number)
{
    const struct agenda_item *item = &a->item[number];
    struct agenda_table *t = table_of(a, item->table);
    mark_tables(a, item, false);
    a->left[item->kind]--;
    if (t != NULL)
        t->left[item->kind]--;
}
