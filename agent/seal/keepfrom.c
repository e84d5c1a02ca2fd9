#include "agent/seal/keepfrom.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS_FIRST ((size_t)1024)

/* Free: all zero. Seqs have 60 bits. */
struct slot {
    uint64_t id[2];
    uint64_t seq : 63;
    uint64_t pinned : 1;
};

struct keepfrom {
    struct slot *slot;
    size_t slots; /* a power of two */
    size_t count;
    size_t memory;
    bool full;
};

status keepfrom_new(size_t memory, struct keepfrom **out, err *e)
{
    OWNED(keepfrom) struct keepfrom *k = calloc(1, sizeof *k);
    if (k == NULL || (k->slot = calloc(SLOTS_FIRST, sizeof *k->slot)) == NULL)
        return err_no_memory(e);
    k->slots = SLOTS_FIRST;
    k->memory = memory;
    *out = k;
    k = NULL;
    return DONE;
}

void keepfrom_free(struct keepfrom *k)
{
    if (k == NULL)
        return;
    free(k->slot);
    free(k);
}

static bool is_free(const struct slot *s)
{
    return s->id[0] == 0 && s->id[1] == 0;
}

/* The slot of an id, or the free one where it belongs. */
static struct slot *slot_of(struct slot *slot, size_t slots, const uint64_t id[static 2])
{
    size_t at = (size_t)id[0] & (slots - 1);
    while (!is_free(&slot[at]) && (slot[at].id[0] != id[0] || slot[at].id[1] != id[1]))
        at = (at + 1) & (slots - 1);
    return &slot[at];
}

static void words_of(const uint8_t raw[static KEEPFROM_ID], uint64_t id[static 2])
{
    memcpy(id, raw, KEEPFROM_ID);
    if (id[0] == 0 && id[1] == 0)
        id[0] = 1;
}

static status grow(struct keepfrom *k, err *e)
{
    size_t slots = k->slots * 2;
    struct slot *grown = calloc(slots, sizeof *grown);
    if (grown == NULL)
        return err_no_memory(e);
    for (size_t i = 0; i < k->slots; i++)
        if (!is_free(&k->slot[i]))
            *slot_of(grown, slots, k->slot[i].id) = k->slot[i];
    free(k->slot);
    k->slot = grown;
    k->slots = slots;
    return DONE;
}

/* The entity's slot, made when there is none yet; *out NULL: there is no room for it. */
static status place(struct keepfrom *k, const uint8_t raw[static KEEPFROM_ID], struct slot **out, err *e)
{
    uint64_t id[2];
    words_of(raw, id);
    *out = slot_of(k->slot, k->slots, id);
    if (!is_free(*out))
        return DONE;
    if (!k->full && k->count >= k->slots / 8 * 7) {
        k->full = k->slots * 2 * sizeof *k->slot > k->memory;
        if (!k->full)
            TRY(grow(k, e));
        *out = slot_of(k->slot, k->slots, id);
    }
    if (k->full) {
        *out = NULL;
        return DONE;
    }
    memcpy((*out)->id, id, sizeof id);
    k->count++;
    return DONE;
}

status keepfrom_raise(struct keepfrom *k, const uint8_t id[static KEEPFROM_ID], uint64_t seq, err *e)
{
    struct slot *s = NULL;
    TRY(place(k, id, &s, e));
    if (s != NULL && !s->pinned)
        s->seq = seq & (UINT64_MAX >> 1);
    return DONE;
}

status keepfrom_pin(struct keepfrom *k, const uint8_t id[static KEEPFROM_ID], err *e)
{
    struct slot *s = NULL;
    TRY(place(k, id, &s, e));
    if (s != NULL)
        s->pinned = 1;
    return DONE;
}

uint64_t keepfrom_seq(const struct keepfrom *k, const uint8_t raw[static KEEPFROM_ID])
{
    uint64_t id[2];
    words_of(raw, id);
    return slot_of(k->slot, k->slots, id)->seq;
}

bool keepfrom_is_full(const struct keepfrom *k)
{
    return k->full;
}
