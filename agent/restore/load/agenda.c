#include "agent/restore/load/agenda.h"

#include <stdlib.h>

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

status agenda_add(struct agenda *a, enum agenda_kind kind, size_t table, size_t what, bool alone, err *e)
{
    struct agenda_item *grown = realloc(a->item, (a->count + 1) * sizeof *grown);
    if (grown == NULL)
        return err_no_memory(e);
    a->item = grown;
    a->item[a->count++] = (struct agenda_item){kind, table, what, alone, false};
    if (table != AGENDA_NO_TABLE) {
        a->table[table].loads += kind == AGENDA_LOAD;
        a->table[table].proofs += kind == AGENDA_PROVE;
    }
    return DONE;
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
    a->unproven = 0;
    for (size_t t = 0; t < a->tables; t++)
        a->unproven += a->table[t].loads + a->table[t].proofs > 0;
}

static bool may_start(const struct agenda *a, const struct agenda_item *item)
{
    if (item->started)
        return false;
    if (item->table == AGENDA_NO_TABLE)
        return a->unproven == 0;
    const struct agenda_table *t = &a->table[item->table];
    switch (item->kind) {
    case AGENDA_LOAD:
        return true;
    case AGENDA_PROVE:
        return t->loads == 0;
    case AGENDA_STATEMENT:
        break;
    }
    return t->loads == 0 && t->proofs == 0 && !t->locked && (!item->alone || t->running == 0);
}

bool agenda_take(struct agenda *a, size_t *number)
{
    size_t chosen = a->count;
    for (size_t i = 0; i < a->count; i++) {
        const struct agenda_item *item = &a->item[i];
        if (!may_start(a, item))
            continue;
        bool free_table = item->table == AGENDA_NO_TABLE || a->table[item->table].running == 0;
        if (chosen == a->count || free_table)
            chosen = i;
        if (free_table)
            break;
    }
    if (chosen == a->count)
        return false;
    struct agenda_item *item = &a->item[chosen];
    item->started = true;
    if (item->table != AGENDA_NO_TABLE) {
        a->table[item->table].running++;
        a->table[item->table].locked = item->alone;
    }
    *number = chosen;
    return true;
}

void agenda_ended(struct agenda *a, size_t number)
{
    const struct agenda_item *item = &a->item[number];
    if (item->table == AGENDA_NO_TABLE)
        return;
    struct agenda_table *t = &a->table[item->table];
    t->running--;
    if (item->alone)
        t->locked = false;
    if (item->kind == AGENDA_STATEMENT)
        return;
    t->loads -= item->kind == AGENDA_LOAD;
    t->proofs -= item->kind == AGENDA_PROVE;
    a->unproven -= t->loads + t->proofs == 0;
}
