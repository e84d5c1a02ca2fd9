#include "agent/seal/versionbook.h"

#include <stdlib.h>

#include "proto/base/array.h"
#include "proto/pbmem.h"

#define VERSION_MEMORY ((size_t)512 << 20) /* bytes of one version's text and tables that are believed */

uint64_t versionbook_seq(const Pgstrand__SchemaVersion *v)
{
    return v->n_change == 0 ? 0 : v->change[v->n_change - 1]->last_seq;
}

void versionbook_fini(struct versionbook *b)
{
    for (size_t i = 0; i < b->count; i++)
        pbmem_free(&b->record[i]->base);
    free(b->record);
    *b = (struct versionbook){0};
}

struct loading {
    const struct datadir *d;
    struct versionbook *book;
};

static status load_one(void *context, struct bytes key, const ProtobufCMessage *message, err *e)
{
    struct loading *l = context;
    const Pgstrand__SchemaVersionRecord *r = (const Pgstrand__SchemaVersionRecord *)(const void *)message;
    const uuid *own = &l->d->identity.incarnation;
    OWNED(buf) struct buf packed = {0};
    (void)key;
    if (!bytes_equal(pbmem_view(r->incarnation), bytes_of(own->b, sizeof own->b)))
        return DONE;
    TRY(array_one_more(&l->book->record, l->book->count, sizeof(Pgstrand__SchemaVersionRecord *), e));
    TRY(pbmem_pack(message, &packed, e));
    TRY(PB_UNPACK(l->book->record[l->book->count], pgstrand__schema_version_record__descriptor,
                  buf_view(&packed), "a schema version", VERSION_MEMORY, e));
    l->book->count++;
    return DONE;
}

status versionbook_load(const struct datadir *d, struct versionbook *out, err *e)
{
    struct loading l = {d, out};
    *out = (struct versionbook){0};
    return catalog_each(d->catalog, CATALOG_SCHEMA, load_one, &l, e);
}

static status put(struct datadir *d, Pgstrand__SchemaVersion *v, bool sealed, err *e)
{
    Pgstrand__SchemaVersionRecord r = PGSTRAND__SCHEMA_VERSION_RECORD__INIT;
    const struct catalog_key key = catalog_key_u64(versionbook_seq(v));
    r.incarnation = pbmem_uuid(&d->identity.incarnation);
    r.version = v;
    r.has_sealed = true;
    r.sealed = sealed;
    return catalog_put(d->catalog, CATALOG_SCHEMA, catalog_key_bytes(&key), &r.base, e);
}

static status put_break(struct datadir *d, Pgstrand__SchemaBreak *r, err *e)
{
    const struct catalog_key key = catalog_key_u64(r->seq);
    r->has_ddl = r->ddl = true;
    return catalog_put(d->catalog, CATALOG_BREAK, catalog_key_bytes(&key), &r->base, e);
}

static status put_healed(struct datadir *d, uint64_t seq, lsn at, char *what, uint64_t healed, err *e)
{
    Pgstrand__SchemaBreak r = PGSTRAND__SCHEMA_BREAK__INIT;
    r.seq = seq;
    r.lsn = at;
    r.what = what;
    r.has_healed_seq = true;
    r.healed_seq = healed;
    return put_break(d, &r, e);
}

/* What is open of the commit that `first` is of: its tables, none when the change may be about any. */
static status put_rows(struct datadir *d, const Pgstrand__SchemaVersion *v,
                       const Pgstrand__RowsChanged *first, err *e)
{
    Pgstrand__SchemaBreak r = PGSTRAND__SCHEMA_BREAK__INIT;
    OWNED(memory) uint32_t *table = calloc(v->n_rows_changed, sizeof *table);
    bool any = false;
    if (table == NULL)
        return err_no_memory(e);
    for (size_t i = 0; i < v->n_rows_changed; i++) {
        if (v->rows_changed[i]->seq != first->seq)
            continue;
        any = any || v->rows_changed[i]->oid == 0;
        table[r.n_table++] = v->rows_changed[i]->oid;
    }
    r.seq = first->seq;
    r.lsn = first->lsn;
    r.what = first->what;
    r.has_rows = r.rows = true;
    r.table = table;
    r.n_table = any ? 0 : r.n_table;
    return put_break(d, &r, e);
}

/* A FULL that was sealed meanwhile has healed it, or somebody else kept this version already. */
static status is_settled(struct datadir *d, uint64_t seq, bool *out, err *e)
{
    PB_OWNED(Pgstrand__SchemaBreak) *b = NULL;
    const struct catalog_key key = catalog_key_u64(seq);
    TRY(catalog_get(d->catalog, CATALOG_BREAK, catalog_key_bytes(&key), (ProtobufCMessage **)(void *)&b, e));
    *out = b != NULL && (b->has_healed_seq || b->rows);
    return DONE;
}

static status keep(struct datadir *d, Pgstrand__SchemaVersion *v, err *e)
{
    bool settled = false;
    TRY(put(d, v, false, e));
    for (size_t i = 0; i < v->n_rows_changed; i++) {
        const Pgstrand__RowsChanged *r = v->rows_changed[i];
        TRY(is_settled(d, r->seq, &settled, e));
        if (!settled)
            TRY(put_rows(d, v, r, e));
    }
    for (size_t i = 0; i < v->n_change; i++) {
        const Pgstrand__SchemaChange *c = v->change[i];
        TRY(is_settled(d, c->last_seq, &settled, e));
        if (!settled)
            TRY(put_healed(d, c->last_seq, c->lsn, c->what, versionbook_seq(v), e));
    }
    return DONE;
}

/* Several writes as one. */
static status commit(struct datadir *d, status done, err *e)
{
    err dropped = ERR_INIT;
    const status ended = catalog_end(d->catalog, done.ok, done.ok ? e : &dropped);
    return done.ok ? ended : done;
}

status versionbook_keep(struct datadir *d, Pgstrand__SchemaVersion *v, err *e)
{
    TRY(catalog_begin(d->catalog, e));
    return commit(d, keep(d, v, e), e);
}

struct healing {
    struct datadir *d;
    uint64_t seq;
};

static status heal_one(void *context, struct bytes key, const ProtobufCMessage *record, err *e)
{
    const struct healing *h = context;
    const Pgstrand__SchemaBreak *b = (const Pgstrand__SchemaBreak *)(const void *)record;
    (void)key;
    if (b->seq > h->seq || b->has_healed_seq || b->rows || !b->ddl)
        return DONE;
    return put_healed(h->d, b->seq, b->lsn, b->what, h->seq, e);
}

status versionbook_heal(struct datadir *d, uint64_t seq, err *e)
{
    struct healing h = {d, seq};
    return catalog_each(d->catalog, CATALOG_BREAK, heal_one, &h, e);
}

static status forget(struct datadir *d, const struct versionbook *b, err *e)
{
    for (size_t i = 0; i < b->count; i++) {
        const struct catalog_key key = catalog_key_u64(versionbook_seq(b->record[i]->version));
        if (i + 1 == b->count)
            TRY(put(d, b->record[i]->version, true, e));
        else
            TRY(catalog_delete(d->catalog, CATALOG_SCHEMA, catalog_key_bytes(&key), e));
    }
    return DONE;
}

status versionbook_sealed(struct datadir *d, const struct versionbook *b, err *e)
{
    if (b->count == 0 || (b->count == 1 && b->record[0]->sealed))
        return DONE;
    TRY(catalog_begin(d->catalog, e));
    return commit(d, forget(d, b, e), e);
}
