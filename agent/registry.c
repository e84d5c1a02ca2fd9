#include "agent/registry.h"

struct entry {
    uint32_t oid;
    Pgstrand__TableRecord *record;
};

struct registry {
    struct catalog *catalog;
    uuid dataset;
    struct entry *entry; /* sorted by oid */
    size_t count;
    size_t room;
};

void registry_free(struct registry *r)
{
    if (r == NULL)
        return;
    for (size_t i = 0; i < r->count; i++)
        pbmem_free(&r->entry[i].record->base);
    free(r->entry);
    free(r);
}

/* The place of `oid`, or where it belongs. */
static size_t place(const struct registry *r, uint32_t oid)
{
    size_t low = 0;
    size_t high = r->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (r->entry[middle].oid < oid)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static const Pgstrand__TableRecord *find(const struct registry *r, uint32_t oid)
{
    size_t at = place(r, oid);
    return at < r->count && r->entry[at].oid == oid ? r->entry[at].record : NULL;
}

/* Puts a copy of the record at its place. */
static status keep(struct registry *r, const Pgstrand__TableRecord *record, err *e)
{
    OWNED(buf) struct buf packed = {0};
    Pgstrand__TableRecord *copy = NULL;
    TRY(pbmem_pack(&record->base, &packed, e));
    TRY(PB_UNPACK(copy, pgstrand__table_record__descriptor, buf_view(&packed), "table record", 0, e));
    size_t at = place(r, record->oid);
    if (at < r->count && r->entry[at].oid == record->oid) {
        pbmem_free(&r->entry[at].record->base);
        r->entry[at].record = copy;
        return DONE;
    }
    if (r->count == r->room) {
        size_t room = r->room == 0 ? 64 : r->room * 2;
        struct entry *grown = realloc(r->entry, room * sizeof *grown);
        if (grown == NULL) {
            pbmem_free(&copy->base);
            return err_no_memory(e);
        }
        r->entry = grown;
        r->room = room;
    }
    memmove(r->entry + at + 1, r->entry + at, (r->count - at) * sizeof *r->entry);
    r->entry[at] = (struct entry){record->oid, copy};
    r->count++;
    return DONE;
}

static status load_one(void *context, struct bytes key, const ProtobufCMessage *record, err *e)
{
    (void)key;
    return keep(context, (const Pgstrand__TableRecord *)(const void *)record, e);
}

status registry_load(struct catalog *catalog, const uuid *dataset, struct registry **out, err *e)
{
    OWNED(registry) struct registry *r = calloc(1, sizeof *r);
    if (r == NULL)
        return err_no_memory(e);
    r->catalog = catalog;
    r->dataset = *dataset;
    TRY(catalog_each(catalog, CATALOG_TABLE, load_one, r, e));
    *out = r;
    r = NULL;
    return DONE;
}

static bool is_current(const Pgstrand__TableRecord *known, const struct registry_table *table)
{
    return strcmp(known->schema, table->schema) == 0 && strcmp(known->name, table->name) == 0 &&
           known->replica_identity == (uint32_t)(unsigned char)table->replica_identity &&
           (enum tier)known->tier == table->tier->tier && strcmp(known->rule, table->tier->rule) == 0;
}

status registry_see(struct registry *r, const struct registry_table *table, uint64_t seq, uuid *out, err *e)
{
    const Pgstrand__TableRecord *known = find(r, table->oid);
    if (known != NULL)
        TRY(uuid_from_bytes(bytes_of(known->table.data, known->table.len), "table record", out, e));
    else
        TRY(relation_table_uuid(&r->dataset, table->schema, table->name, out, e));
    if (known != NULL && is_current(known, table))
        return DONE;

    /* protobuf-c's strings are not const; they are only read. */
    Pgstrand__TableRecord record = PGSTRAND__TABLE_RECORD__INIT;
    record.table = (ProtobufCBinaryData){sizeof out->b, out->b};
    record.oid = table->oid;
    record.schema = (char *)(uintptr_t)table->schema;
    record.name = (char *)(uintptr_t)table->name;
    record.tier = (Pgstrand__Tier)table->tier->tier;
    record.rule = (char *)(uintptr_t)table->tier->rule;
    record.replica_identity = (uint32_t)(unsigned char)table->replica_identity;
    record.has_since_seq = true;
    record.since_seq = seq;
    struct catalog_key key = catalog_key_uuid(out);
    TRY(catalog_put(r->catalog, CATALOG_TABLE, catalog_key_bytes(&key), &record.base, e));
    return keep(r, &record, e);
}
