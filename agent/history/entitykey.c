#include "agent/history/entitykey.h"

#include "agent/restore/plan/plantable.h"
#include "proto/copytext.h"
#include "proto/pbmem.h"
#include "store/hashrun.h"

uint64_t entitykey_hash(const uuid *entity)
{
    uint64_t hash = 0;
    for (size_t i = 0; i < HASHRUN_BITS / 8; i++)
        hash = hash << 8 | entity->b[i];
    return hash;
}

static status entity_of(const struct relation *r, struct bytes row, struct bytes fallback,
                        const uuid *dataset, struct buf *scratch, uuid *out, err *e)
{
    buf_reset(scratch);
    TRY(relation_key(r, row, fallback, scratch, e));
    return relation_entity(dataset, &r->table, buf_view(scratch), out, e);
}

status entitykey_of_action(const struct relation *r, const struct action *a, const uuid *dataset,
                           struct buf *scratch, uuid *now, uuid *before, bool *found, err *e)
{
    *before = UUID_NIL;
    *found = r != NULL && (a->new.len > 0 || a->old.len > 0);
    if (!*found)
        return DONE;
    if (a->new.len == 0)
        return entity_of(r, a->old, bytes_of(NULL, 0), dataset, scratch, now, e);
    TRY(entity_of(r, a->new, a->old, dataset, scratch, now, e));
    if (a->old.len == 0)
        return DONE;
    TRY(entity_of(r, a->old, bytes_of(NULL, 0), dataset, scratch, before, e));
    if (uuid_equal(before, now))
        *before = UUID_NIL;
    return DONE;
}

uint16_t entitykey_columns(const Pgstrand__Table *t, uint16_t *column)
{
    uint16_t count = 0;
    for (uint16_t i = 0; plantable_is_keyed(t) && i < t->n_column; i++)
        if (t->column[i]->key)
            column[count++] = i;
    return count;
}

status entitykey_table(const Pgstrand__Table *t, uuid *out, err *e)
{
    return uuid_from_bytes(pbmem_view(t->table), t->name, out, e);
}

/* As relation_key writes it. */
static void put_value(struct buf *key, struct bytes value)
{
    buf_u32(key, (uint32_t)value.len);
    buf_bytes(key, value.data, value.len);
}

status entitykey_of_line(const Pgstrand__Table *t, struct bytes line, const uuid *dataset,
                         struct buf *scratch, uuid *out, err *e)
{
    struct bytes column[RELATION_COLUMNS_MAX];
    uuid table;
    const size_t count = copytext_split(line, column, t->n_column);
    if (count != t->n_column)
        return err_set(e, ERR_STORAGE, "a row of %s.%s has another number of columns; run pgstrand verify",
                       t->schema, t->name);
    buf_reset(scratch);
    for (size_t i = 0; i < count; i++) {
        if (!t->column[i]->key)
            continue;
        const size_t at = scratch->len;
        buf_u32(scratch, 0);
        if (!copytext_unescape(column[i], scratch))
            return err_set(e, ERR_STORAGE, "a row of %s.%s has no key; run pgstrand verify", t->schema,
                           t->name);
        TRY(buf_done(scratch, e));
        const size_t len = scratch->len - at - 4;
        for (int k = 0; k < 4; k++)
            scratch->data[at + (size_t)k] = (uint8_t)(len >> (24 - 8 * k));
    }
    TRY(entitykey_table(t, &table, e));
    return relation_entity(dataset, &table, buf_view(scratch), out, e);
}

status entitykey_of_values(const Pgstrand__Table *t, const char *const *value, size_t count,
                           const uuid *dataset, uuid *out, err *e)
{
    OWNED(buf) struct buf key = {0};
    uuid table;
    for (size_t i = 0; i < count; i++)
        put_value(&key, bytes_text(value[i]));
    TRY(buf_done(&key, e));
    TRY(entitykey_table(t, &table, e));
    return relation_entity(dataset, &table, buf_view(&key), out, e);
}

status entitykey_moves(const uuid *table, uuid *out, err *e)
{
    return uuid_v5(table, bytes_text("moves"), out, e);
}
