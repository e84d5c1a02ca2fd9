#include "agent/breaks.h"

#include "proto/base/array.h"

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
    TRY(array_room(&list->seq, list->open, &list->cap, sizeof *list->seq, e));
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

/* ---- of single tables ---- */

struct table_set {
    uint32_t *oid;
    size_t count;
    bool others; /* something is open that no base of a table heals */
};

static status add_table(struct table_set *set, uint32_t oid, err *e)
{
    size_t at = 0;
    while (at < set->count && set->oid[at] < oid)
        at++;
    if (at < set->count && set->oid[at] == oid)
        return DONE;
    TRY(array_one_more(&set->oid, set->count, sizeof *set->oid, e));
    memmove(set->oid + at + 1, set->oid + at, (set->count - at) * sizeof *set->oid);
    set->oid[at] = oid;
    set->count++;
    return DONE;
}

static status collect_tables(void *context, struct bytes key, const ProtobufCMessage *record, err *e)
{
    struct table_set *set = context;
    const Pgstrand__SchemaBreak *r = (const Pgstrand__SchemaBreak *)record;
    (void)key;
    if (r->has_healed_seq)
        return DONE;
    set->others = set->others || !r->rows || r->n_table == 0;
    for (size_t i = 0; i < r->n_table; i++)
        TRY(add_table(set, r->table[i], e));
    return DONE;
}

status breaks_tables(struct catalog *c, uint32_t **table, size_t *count, err *e)
{
    struct table_set set = {0};
    *table = NULL;
    *count = 0;
    const status looked = catalog_each(c, CATALOG_BREAK, collect_tables, &set, e);
    if (!looked.ok || set.others) {
        free(set.oid);
        return looked;
    }
    *table = set.oid;
    *count = set.count;
    return DONE;
}

static bool is_among(const uint32_t *table, size_t count, uint32_t oid)
{
    for (size_t i = 0; i < count; i++)
        if (table[i] == oid)
            return true;
    return false;
}

static status heal_if_based(struct catalog *c, uint64_t seq, const uint32_t *table, size_t count,
                            uint64_t healed, err *e)
{
    PB_OWNED(Pgstrand__SchemaBreak) *r = NULL;
    const struct catalog_key key = catalog_key_u64(seq);
    TRY(catalog_get(c, CATALOG_BREAK, catalog_key_bytes(&key), (ProtobufCMessage **)(void *)&r, e));
    if (r == NULL || !r->rows || r->n_table == 0)
        return DONE;
    for (size_t i = 0; i < r->n_table; i++)
        if (!is_among(table, count, r->table[i]))
            return DONE;
    return heal_one(c, seq, healed, e);
}

status breaks_heal_tables(struct catalog *c, const uint32_t *table, size_t count, uint64_t seq, err *e)
{
    struct break_list list = {0};
    status healed = catalog_each(c, CATALOG_BREAK, look_at_break, &list, e);
    for (size_t i = 0; healed.ok && i < list.open; i++) {
        if (list.seq[i] <= seq)
            healed = heal_if_based(c, list.seq[i], table, count, seq, e);
    }
    free(list.seq);
    return healed;
}
