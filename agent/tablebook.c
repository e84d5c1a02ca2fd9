#include "agent/tablebook.h"

#include <stdlib.h>

#include "proto/base/array.h"
#include "proto/pbmem.h"

struct page {
    uint32_t oid; /* 0: its table is gone, the name was taken over */
    uuid table;
    char *schema;
    char *name;
    struct relation *based; /* NULL: not known */
};

struct tablebook {
    uuid dataset;
    struct page *page;
    size_t count;
    size_t cap;
};

void tablebook_free(struct tablebook *b)
{
    if (b == NULL)
        return;
    for (size_t i = 0; i < b->count; i++) {
        free(b->page[i].schema);
        free(b->page[i].name);
        relation_free(b->page[i].based);
    }
    free(b->page);
    free(b);
}

static status add_page(struct tablebook *b, uint32_t oid, const uuid *table, const char *schema,
                       const char *name, err *e)
{
    TRY(array_room(&b->page, b->count, &b->cap, sizeof *b->page, e));
    struct page *p = &b->page[b->count];
    *p = (struct page){.oid = oid, .table = *table, .schema = strdup(schema), .name = strdup(name)};
    b->count++;
    return p->schema != NULL && p->name != NULL ? DONE : err_no_memory(e);
}

static status load_page(void *context, struct bytes key, const ProtobufCMessage *record, err *e)
{
    const Pgstrand__TableRecord *r = (const Pgstrand__TableRecord *)record;
    uuid table;
    (void)key;
    struct tablebook *b = context;
    TRY(uuid_from_bytes(pbmem_view(r->table), "a table's UUID", &table, e));
    TRY(add_page(b, r->oid, &table, r->schema, r->name, e));
    return r->has_shape ? relation_decode(pbmem_view(r->shape), &b->page[b->count - 1].based, e) : DONE;
}

status tablebook_load(struct catalog *c, const uuid *dataset, struct tablebook **out, err *e)
{
    OWNED(tablebook) struct tablebook *b = calloc(1, sizeof *b);
    if (b == NULL)
        return err_no_memory(e);
    b->dataset = *dataset;
    TRY(catalog_each(c, CATALOG_TABLE, load_page, b, e));
    *out = b;
    b = NULL;
    return DONE;
}

static struct page *page_of(struct tablebook *b, uint32_t oid)
{
    for (size_t i = 0; i < b->count; i++) {
        if (b->page[i].oid == oid)
            return &b->page[i];
    }
    return NULL;
}

const struct relation *tablebook_based(const struct tablebook *b, uint32_t oid)
{
    for (size_t i = 0; i < b->count; i++) {
        if (b->page[i].oid == oid)
            return b->page[i].based;
    }
    return NULL;
}

static struct page *bearer_of(struct tablebook *b, const uuid *table, uint32_t but)
{
    for (size_t i = 0; i < b->count; i++) {
        const struct page *p = &b->page[i];
        if (p->oid != 0 && p->oid != but && uuid_equal(&p->table, table))
            return &b->page[i];
    }
    return NULL;
}

static bool same_name(const struct page *p, const struct relation *shape)
{
    return strcmp(p->schema, shape->schema) == 0 && strcmp(p->name, shape->name) == 0;
}

/* A dropped table's name goes to its successor; a bearer that lives on keeps the UUID. */
static status settle(struct tablebook *b, struct relation *shape, err *e)
{
    struct page *other = bearer_of(b, &shape->table, shape->oid);
    if (other == NULL)
        return DONE;
    if (same_name(other, shape)) {
        other->oid = 0;
        return DONE;
    }
    TRY(relation_table_uuid(&b->dataset, shape->schema, shape->name, &shape->table, e));
    if (bearer_of(b, &shape->table, shape->oid) == NULL)
        return DONE;
    OWNED(buf) struct buf name = {0};
    buf_printf(&name, "%s#%u", shape->name, shape->oid);
    TRY(buf_done(&name, e));
    return relation_table_uuid(&b->dataset, shape->schema, buf_cstring(&name), &shape->table, e);
}

static status rename_page(struct page *p, const struct relation *shape, err *e)
{
    char *schema = strdup(shape->schema);
    char *name = strdup(shape->name);
    if (schema == NULL || name == NULL) {
        free(schema);
        free(name);
        return err_no_memory(e);
    }
    free(p->schema);
    free(p->name);
    p->schema = schema;
    p->name = name;
    return DONE;
}

status tablebook_identify(struct tablebook *b, struct relation *shape, const struct relation *logged,
                          bool *known, bool *news, err *e)
{
    struct page *p = page_of(b, shape->oid);
    *known = p != NULL || logged != NULL;
    if (p != NULL)
        shape->table = p->table;
    else if (logged != NULL)
        shape->table = logged->table;
    else
        TRY(relation_table_uuid(&b->dataset, shape->schema, shape->name, &shape->table, e));
    TRY(settle(b, shape, e));
    if (p == NULL) {
        *news = true;
        return add_page(b, shape->oid, &shape->table, shape->schema, shape->name, e);
    }
    *news = !same_name(p, shape) || !uuid_equal(&p->table, &shape->table);
    p->table = shape->table;
    return same_name(p, shape) ? DONE : rename_page(p, shape, e);
}

static status forget_oid(struct page *p, struct catalog *c, err *e)
{
    PB_OWNED(Pgstrand__TableRecord) *r = NULL;
    const struct catalog_key key = catalog_key_uuid(&p->table);
    p->oid = 0;
    TRY(catalog_get(c, CATALOG_TABLE, catalog_key_bytes(&key), (ProtobufCMessage **)(void *)&r, e));
    if (r == NULL || r->oid == 0)
        return DONE;
    r->oid = 0;
    return catalog_put(c, CATALOG_TABLE, catalog_key_bytes(&key), &r->base, e);
}

status tablebook_forget_oids(struct tablebook *b, struct catalog *c, err *e)
{
    for (size_t i = 0; i < b->count; i++)
        TRY(forget_oid(&b->page[i], c, e));
    return DONE;
}

void tablebook_renumber(struct tablebook *b, const char *schema, const char *name, uint32_t oid)
{
    for (size_t i = 0; i < b->count; i++) {
        struct page *p = &b->page[i];
        if (p->oid == 0 && strcmp(p->schema, schema) == 0 && strcmp(p->name, name) == 0) {
            p->oid = oid;
            return;
        }
    }
}

status tablebook_note_base(struct catalog *c, const struct relation *shape, err *e)
{
    PB_OWNED(Pgstrand__TableRecord) *r = NULL;
    OWNED(buf) struct buf packed = {0};
    const struct catalog_key key = catalog_key_uuid(&shape->table);
    relation_encode(shape, &packed);
    TRY(buf_done(&packed, e));
    TRY(catalog_get(c, CATALOG_TABLE, catalog_key_bytes(&key), (ProtobufCMessage **)(void *)&r, e));
    if (r == NULL || bytes_equal(pbmem_view(r->shape), buf_view(&packed)))
        return DONE;
    Pgstrand__TableRecord noted = *r;
    noted.has_shape = true;
    noted.shape = pbmem_borrow(packed.data, packed.len);
    return catalog_put(c, CATALOG_TABLE, catalog_key_bytes(&key), &noted.base, e);
}

status tablebook_record(struct catalog *c, const struct relation *shape, enum tier tier, const char *rule,
                        uint64_t since_seq, err *e)
{
    /* protobuf-c's strings are not const; they are only read. */
    Pgstrand__TableRecord r = PGSTRAND__TABLE_RECORD__INIT;
    const struct catalog_key key = catalog_key_uuid(&shape->table);
    r.table = pbmem_uuid(&shape->table);
    r.oid = shape->oid;
    r.schema = pbmem_text(shape->schema);
    r.name = pbmem_text(shape->name);
    r.rule = pbmem_text(rule);
    r.tier = (Pgstrand__Tier)tier;
    r.replica_identity = (uint8_t)shape->replica_identity;
    r.has_since_seq = true;
    r.since_seq = since_seq;
    return catalog_put(c, CATALOG_TABLE, catalog_key_bytes(&key), &r.base, e);
}
