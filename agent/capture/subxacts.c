#include "agent/capture/subxacts.h"

#include <stdlib.h>

#include "proto/base/array.h"

void subxacts_fini(struct subxacts *s)
{
    free(s->list);
    free(s->index);
    *s = (struct subxacts){0};
}

static size_t hash_of(const struct subxacts *s, uint32_t xid)
{
    return (size_t)(xid * UINT32_C(2654435769)) & (s->index_cap - 1);
}

/* The place in the list, or count when it is not there. */
static size_t place_of(const struct subxacts *s, uint32_t xid)
{
    if (s->index_cap == 0)
        return s->count;
    for (size_t at = hash_of(s, xid); s->index[at] != 0; at = (at + 1) & (s->index_cap - 1)) {
        const size_t place = s->index[at] - 1;
        if (place < s->count && s->list[place].xid == xid)
            return place;
    }
    return s->count;
}

static void index_add(struct subxacts *s, size_t place)
{
    size_t at = hash_of(s, s->list[place].xid);
    while (s->index[at] != 0)
        at = (at + 1) & (s->index_cap - 1);
    s->index[at] = (uint32_t)place + 1;
    s->index_used++;
}

/* Room for one more in the index; what was cut off falls out on the way. */
static status index_reserve(struct subxacts *s, err *e)
{
    if ((s->index_used + 1) * 2 <= s->index_cap)
        return DONE;
    size_t cap = 64;
    while (cap < (s->count + 1) * 4)
        cap *= 2;
    uint32_t *index = calloc(cap, sizeof *index);
    if (index == NULL)
        return err_no_memory(e);
    free(s->index);
    s->index = index;
    s->index_cap = cap;
    s->index_used = 0;
    for (size_t i = 0; i < s->count; i++)
        index_add(s, i);
    return DONE;
}

bool subxacts_known(const struct subxacts *s, uint32_t xid)
{
    return place_of(s, xid) < s->count;
}

status subxacts_note(struct subxacts *s, const struct subxact *one, err *e)
{
    TRY(index_reserve(s, e));
    TRY(array_room(&s->list, s->count, &s->cap, sizeof *s->list, e));
    s->list[s->count] = *one;
    s->count++;
    index_add(s, s->count - 1);
    return DONE;
}

bool subxacts_cut(struct subxacts *s, uint32_t xid, struct subxact *out)
{
    const size_t at = place_of(s, xid);
    if (at == s->count)
        return false;
    *out = s->list[at];
    s->count = at;
    return true;
}
