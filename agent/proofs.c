#include "agent/proofs.h"

#include "agent/workflow/workflowrecord.h"
#include "proto/pbmem.h"

/* ---- the snapshot's mark ---- */

struct search {
    const uuid *snapshot;
    uint64_t seq;
    bool found;
    struct catalog_key key;
};

static status look(void *context, struct bytes key, const ProtobufCMessage *message, err *e)
{
    struct search *s = context;
    const Pgstrand__SnapshotHeader *h = ((const Pgstrand__SnapshotRecord *)(const void *)message)->header;
    (void)e;
    if (h->last_seq != s->seq || key.len > sizeof s->key.data ||
        !bytes_equal(pbmem_view(h->snapshot), bytes_of(s->snapshot->b, sizeof s->snapshot->b)))
        return DONE;
    s->found = true;
    memcpy(s->key.data, key.data, key.len);
    s->key.len = key.len;
    return DONE;
}

static status mark_snapshot(struct datadir *d, const struct restore_result *r, err *e)
{
    PB_OWNED(ProtobufCMessage) *message = NULL;
    struct search s = {.snapshot = &r->snapshot, .seq = r->seq};
    TRY(catalog_each(d->catalog, CATALOG_SNAPSHOT, look, &s, e));
    if (!s.found)
        return DONE;
    TRY(catalog_get(d->catalog, CATALOG_SNAPSHOT, catalog_key_bytes(&s.key), &message, e));
    if (message == NULL)
        return DONE;
    Pgstrand__SnapshotRecord *record = (Pgstrand__SnapshotRecord *)(void *)message;
    record->has_verified = 1;
    record->verified = pgtime_now();
    return catalog_put(d->catalog, CATALOG_SNAPSHOT, catalog_key_bytes(&s.key), message, e);
}

/* ---- the record ---- */

struct oldest {
    size_t count;
    struct catalog_key first;
};

static status count_one(void *context, struct bytes key, const ProtobufCMessage *record, err *e)
{
    struct oldest *o = context;
    (void)record;
    (void)e;
    if (o->count++ == 0 && key.len <= sizeof o->first.data) {
        memcpy(o->first.data, key.data, key.len);
        o->first.len = key.len;
    }
    return DONE;
}

static status prune(struct datadir *d, err *e)
{
    for (;;) {
        struct oldest o = {0};
        TRY(catalog_each(d->catalog, CATALOG_PROOF, count_one, &o, e));
        if (o.count <= PROOFS_KEPT)
            return DONE;
        TRY(catalog_delete(d->catalog, CATALOG_PROOF, catalog_key_bytes(&o.first), e));
    }
}

static status put(struct datadir *d, const struct restore_result *r, const uuid *workflow, pgtime began,
                  bool drill, const err *why, err *e)
{
    Pgstrand__ProofRecord record = PGSTRAND__PROOF_RECORD__INIT;
    PB_OWNED(Pgstrand__ErrorRecord) *error = NULL;
    record.time = pgtime_now();
    record.good = why == NULL;
    record.seq = r->seq;
    record.has_snapshot = !uuid_is_nil(&r->snapshot);
    record.snapshot = pbmem_uuid(&r->snapshot);
    record.tables = r->table_count;
    record.rows = r->rows;
    record.has_entities = true;
    record.entities = r->entities;
    record.milliseconds = (uint64_t)(record.time - began) / 1000;
    record.drill = drill;
    record.has_workflow = workflow != NULL;
    if (workflow != NULL)
        record.workflow = pbmem_uuid(workflow);
    TRY(workflowrecord_set_error(&error, why, e));
    record.error = error;
    struct catalog_key key = catalog_key_u64((uint64_t)record.time);
    TRY(catalog_put(d->catalog, CATALOG_PROOF, catalog_key_bytes(&key), &record.base, e));
    return prune(d, e);
}

static bool is_proven(const struct restore_request *request, const struct restore_result *r)
{
    bool proven = r->table_count > 0 && request->tables == NULL && request->tiers == 0 &&
                  request->business == NULL && !request->no_demo && r->same_device;
    for (size_t i = 0; i < r->table_count; i++)
        proven = proven && r->table[i].proven && r->table[i].failed == 0;
    return proven;
}

status proofs_record(struct datadir *d, const struct restore_request *request,
                     const struct restore_result *result, const uuid *workflow, pgtime began, err *e)
{
    if (!is_proven(request, result))
        return DONE;
    TRY(mark_snapshot(d, result, e));
    return put(d, result, workflow, began, false, NULL, e);
}

status proofs_record_drill(struct datadir *d, const struct restore_result *result, const uuid *workflow,
                           pgtime began, const err *why, err *e)
{
    if (why == NULL)
        TRY(mark_snapshot(d, result, e));
    return put(d, result, workflow, began, true, why, e);
}

/* ---- the last ---- */

struct last {
    bool drills; /* only */
    Pgstrand__ProofRecord *good;
    Pgstrand__ProofRecord *any;
};

static void last_fini(struct last *l)
{
    if (l->good != NULL)
        pbmem_free(&l->good->base);
    if (l->any != NULL)
        pbmem_free(&l->any->base);
}
OWN_VALUE(last, last_fini);

static status keep(const ProtobufCMessage *message, Pgstrand__ProofRecord **out, err *e)
{
    OWNED(buf) struct buf raw = {0};
    PB_OWNED(Pgstrand__ProofRecord) *copy = NULL;
    TRY(pbmem_pack(message, &raw, e));
    TRY(PB_UNPACK(copy, pgstrand__proof_record__descriptor, buf_view(&raw), "a proof", 0, e));
    if (*out != NULL)
        pbmem_free(&(*out)->base);
    *out = copy;
    copy = NULL;
    return DONE;
}

static status see(void *context, struct bytes key, const ProtobufCMessage *message, err *e)
{
    struct last *l = context;
    (void)key;
    if (l->drills && !((const Pgstrand__ProofRecord *)(const void *)message)->drill)
        return DONE;
    TRY(keep(message, &l->any, e));
    return l->any->good ? keep(message, &l->good, e) : DONE;
}

static status find(struct datadir *d, bool drills, Pgstrand__ProofRecord **good, Pgstrand__ProofRecord **last,
                   err *e)
{
    OWNED(last) struct last l = {.drills = drills};
    TRY(catalog_each(d->catalog, CATALOG_PROOF, see, &l, e));
    *good = l.good;
    *last = l.any;
    l = (struct last){0};
    return DONE;
}

status proofs_last(struct datadir *d, Pgstrand__ProofRecord **good, Pgstrand__ProofRecord **last, err *e)
{
    return find(d, false, good, last, e);
}

status proofs_last_drill(struct datadir *d, Pgstrand__ProofRecord **good, Pgstrand__ProofRecord **last,
                         err *e)
{
    return find(d, true, good, last, e);
}
