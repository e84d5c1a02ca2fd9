#include "agent/breaks.h"

struct break_list {
    uint64_t *seq; /* of the open ones */
    size_t open;
    size_t cap;
    uint64_t last;
};

static status look_at_break(void *context, struct bytes key, const ProtobufCMessage *record, err *e)
{
    struct break_list *list = context;
    const Pgstrand__SchemaBreak *r = (const Pgstrand__SchemaBreak *)record;
    (void)key;
    if (r->seq > list->last)
        list->last = r->seq;
    if (r->has_healed_seq)
        return DONE;
    if (list->open == list->cap) {
        const size_t cap = list->cap == 0 ? 16 : list->cap * 2;
        uint64_t *more = realloc(list->seq, cap * sizeof *more);
        if (more == NULL)
            return err_no_memory(e);
        list->seq = more;
        list->cap = cap;
    }
    list->seq[list->open++] = r->seq;
    return DONE;
}

status breaks_open(struct catalog *c, size_t *open, uint64_t *last_seq, err *e)
{
    struct break_list list = {0};
    const status looked = catalog_each(c, CATALOG_BREAK, look_at_break, &list, e);
    free(list.seq);
    *open = list.open;
    *last_seq = list.last;
    return looked;
}

static status heal_one(struct catalog *c, uint64_t seq, uint64_t healed, err *e)
{
    PB_OWNED(Pgstrand__SchemaBreak) *r = NULL;
    const struct catalog_key key = catalog_key_u64(seq);
    TRY(catalog_get(c, CATALOG_BREAK, catalog_key_bytes(&key), (ProtobufCMessage **)(void *)&r, e));
    if (r == NULL)
        return DONE;
    r->has_healed_seq = true;
    r->healed_seq = healed;
    return catalog_put(c, CATALOG_BREAK, catalog_key_bytes(&key), &r->base, e);
}

status breaks_heal(struct catalog *c, uint64_t seq, err *e)
{
    struct break_list list = {0};
    status healed = catalog_each(c, CATALOG_BREAK, look_at_break, &list, e);
    for (size_t i = 0; healed.ok && i < list.open; i++) {
        if (list.seq[i] <= seq)
            healed = heal_one(c, list.seq[i], seq, e);
    }
    free(list.seq);
    return healed;
}
