#include "agent/restore/fold/foldlink.h"

void foldlink_fini(struct foldlink *l)
{
    free(l->node);
    *l = (struct foldlink){0};
}

/* 0 marks a free slot. */
static uint64_t not_zero(uint64_t hash)
{
    return hash == 0 ? 1 : hash;
}

static struct foldlink_node *slot_of(struct foldlink_node *node, size_t slots, uint64_t hash)
{
    size_t at = (size_t)hash & (slots - 1);
    while (node[at].hash != 0 && node[at].hash != hash)
        at = (at + 1) & (slots - 1);
    return &node[at];
}

static status grow(struct foldlink *l, err *e)
{
    size_t slots = l->slots == 0 ? 64 : l->slots * 2;
    struct foldlink_node *node = calloc(slots, sizeof *node);
    if (node == NULL)
        return err_no_memory(e);
    for (size_t i = 0; i < l->slots; i++)
        if (l->node[i].hash != 0)
            *slot_of(node, slots, l->node[i].hash) = l->node[i];
    free(l->node);
    l->node = node;
    l->slots = slots;
    return DONE;
}

static status add(struct foldlink *l, uint64_t hash, err *e)
{
    if (l->count + 1 > l->slots / 2)
        TRY(grow(l, e));
    struct foldlink_node *at = slot_of(l->node, l->slots, hash);
    if (at->hash == 0) {
        *at = (struct foldlink_node){hash, hash};
        l->count++;
    }
    return DONE;
}

uint64_t foldlink_root(struct foldlink *l, uint64_t hash)
{
    hash = not_zero(hash);
    if (l->slots == 0)
        return hash;
    struct foldlink_node *at = slot_of(l->node, l->slots, hash);
    if (at->hash == 0)
        return hash;
    while (at->parent != at->hash) {
        struct foldlink_node *above = slot_of(l->node, l->slots, at->parent);
        at->parent = above->parent; /* halves the way for the next time */
        at = slot_of(l->node, l->slots, at->parent);
    }
    return at->hash;
}

status foldlink_join(struct foldlink *l, uint64_t a, uint64_t b, err *e)
{
    TRY(add(l, not_zero(a), e));
    TRY(add(l, not_zero(b), e));
    uint64_t root_a = foldlink_root(l, a);
    uint64_t root_b = foldlink_root(l, b);
    /* The smaller hash wins: random enough to keep the trees low. */
    uint64_t root = root_a < root_b ? root_a : root_b;
    slot_of(l->node, l->slots, root_a)->parent = root;
    slot_of(l->node, l->slots, root_b)->parent = root;
    return DONE;
}

status foldfilter_init(struct foldfilter *f, uint64_t keys, size_t limit, err *e)
{
    uint64_t bits = 1024;
    while (bits < keys * 10 && bits / 8 * 2 <= limit)
        bits *= 2;
    f->bits = calloc(bits / 64, sizeof *f->bits);
    f->mask = bits - 1;
    return f->bits == NULL ? err_no_memory(e) : DONE;
}

void foldfilter_fini(struct foldfilter *f)
{
    free(f->bits);
    *f = (struct foldfilter){0};
}

/* Four probes from one hash (Kirsch and Mitzenmacher, "Less Hashing, Same Performance"). */
#define PROBES 4
static uint64_t probe(const struct foldfilter *f, uint64_t hash, unsigned i)
{
    return (hash + i * ((hash >> 32) | 1)) & f->mask;
}

void foldfilter_add(struct foldfilter *f, uint64_t hash)
{
    for (unsigned i = 0; i < PROBES; i++) {
        uint64_t bit = probe(f, hash, i);
        f->bits[bit / 64] |= UINT64_C(1) << (bit % 64);
    }
}

bool foldfilter_may_have(const struct foldfilter *f, uint64_t hash)
{
    for (unsigned i = 0; i < PROBES; i++) {
        uint64_t bit = probe(f, hash, i);
        if ((f->bits[bit / 64] & UINT64_C(1) << (bit % 64)) == 0)
            return false;
    }
    return true;
}
