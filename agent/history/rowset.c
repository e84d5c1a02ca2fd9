#include "agent/history/rowset.h"

#include <stdlib.h>

#include "proto/base/array.h"

void rowset_fini(struct rowset *s)
{
    free(s->row);
    free(s->slot);
    free(s->table);
    *s = (struct rowset){0};
}

const struct rowset_table *rowset_find_table(const struct rowset *s, const uuid *id)
{
    for (uint32_t i = 0; i < s->tables; i++)
        if (uuid_equal(&s->table[i].id, id))
            return &s->table[i];
    return NULL;
}

status rowset_table(struct rowset *s, const uuid *id, uint32_t *number, err *e)
{
    const struct rowset_table *known = rowset_find_table(s, id);
    if (known != NULL) {
        *number = (uint32_t)(known - s->table);
        return DONE;
    }
    TRY(array_one_more(&s->table, s->tables, sizeof *s->table, e));
    s->table[s->tables] = (struct rowset_table){.id = *id};
    *number = s->tables++;
    return DONE;
}

/* A UUID made from a hash is one already. */
static size_t slot_of(const struct rowset *s, const uuid *entity)
{
    uint64_t hash;
    memcpy(&hash, entity->b, sizeof hash);
    size_t at = (size_t)hash & (s->slots - 1);
    while (s->slot[at] != 0 && !uuid_equal(&s->row[s->slot[at] - 1].entity, entity))
        at = (at + 1) & (s->slots - 1);
    return at;
}

struct rowset_row *rowset_find(const struct rowset *s, const uuid *entity)
{
    if (s->slots == 0)
        return NULL;
    const uint32_t found = s->slot[slot_of(s, entity)];
    return found == 0 ? NULL : &s->row[found - 1];
}

static status make_room(struct rowset *s, err *e)
{
    size_t room = s->room;
    TRY(array_room(&s->row, s->count, &room, sizeof *s->row, e));
    if (room == s->room)
        return DONE;
    uint32_t *slot = calloc(room * 2, sizeof *slot);
    if (slot == NULL)
        return err_no_memory(e);
    free(s->slot);
    s->slot = slot;
    s->slots = room * 2;
    s->room = room; /* now: both have it */
    for (size_t i = 0; i < s->count; i++)
        s->slot[slot_of(s, &s->row[i].entity)] = (uint32_t)(i + 1);
    return DONE;
}

status rowset_row(struct rowset *s, uint32_t table, const uuid *entity, size_t *place, err *e)
{
    const struct rowset_row *known = rowset_find(s, entity);
    if (known != NULL) {
        *place = (size_t)(known - s->row);
        return DONE;
    }
    TRY(make_room(s, e));
    *place = s->count;
    s->slot[slot_of(s, entity)] = (uint32_t)(s->count + 1);
    s->row[s->count++] = (struct rowset_row){.entity = *entity, .table = table};
    return DONE;
}
