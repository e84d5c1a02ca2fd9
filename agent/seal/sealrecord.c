#include "agent/seal/sealrecord.h"

#include "proto/pbmem.h"

static status key_of(const struct chain_link *link, struct catalog_key *out, err *e)
{
    const ProtobufCBinaryData *raw = &link->commit->header->incarnation;
    uuid incarnation;
    TRY(uuid_from_bytes(pbmem_view(*raw), link->name, &incarnation, e));
    *out = catalog_key_snapshot(&incarnation, link->commit->header->number);
    return DONE;
}

/* *out NULL: there is none, or another snapshot's, or one that is still being written. */
static status get(struct datadir *d, const struct chain_link *link, Pgstrand__SnapshotRecord **out, err *e)
{
    PB_OWNED(Pgstrand__SnapshotRecord) *known = NULL;
    struct catalog_key key;
    *out = NULL;
    TRY(key_of(link, &key, e));
    TRY(catalog_get(d->catalog, CATALOG_SNAPSHOT, catalog_key_bytes(&key),
                    (ProtobufCMessage **)(void *)&known, e));
    if (known == NULL || !known->complete || strcmp(known->file, link->name) != 0)
        return DONE;
    *out = known;
    known = NULL;
    return DONE;
}

status sealrecord_is_there(struct datadir *d, const struct chain_link *link, bool *out, err *e)
{
    PB_OWNED(Pgstrand__SnapshotRecord) *known = NULL;
    TRY(get(d, link, &known, e));
    *out = known != NULL;
    return DONE;
}

status sealrecord_put(struct datadir *d, const struct chain_link *link, struct sealrecord_schema schema,
                      err *e)
{
    Pgstrand__SnapshotRecord record = PGSTRAND__SNAPSHOT_RECORD__INIT;
    const Pgstrand__SnapshotCommit *commit = link->commit;
    struct catalog_key key;
    TRY(key_of(link, &key, e));
    record.header = commit->header;
    record.file = link->name;
    record.size = commit->size;
    record.commit_hash = pbmem_borrow(link->hash, SHA256_LEN);
    record.complete = true;
    record.has_schema_seq = schema.known;
    record.schema_seq = schema.seq;
    for (size_t i = 0; i < commit->n_section; i++) {
        record.rows += commit->section[i]->rows;
        record.actions += commit->section[i]->actions;
    }
    return catalog_put(d->catalog, CATALOG_SNAPSHOT, catalog_key_bytes(&key), &record.base, e);
}

status sealrecord_schema(struct datadir *d, const struct chain_link *link, struct sealrecord_schema *out,
                         err *e)
{
    PB_OWNED(Pgstrand__SnapshotRecord) *known = NULL;
    *out = (struct sealrecord_schema){0};
    if (link->commit->header->type == PGSTRAND__SNAPSHOT_TYPE__FULL) {
        out->known = true; /* what it has itself is its own, no version */
        return DONE;
    }
    TRY(get(d, link, &known, e));
    if (known != NULL && known->has_schema_seq)
        *out = (struct sealrecord_schema){true, known->schema_seq};
    return DONE;
}

static status note(struct datadir *d, const struct chain_link *link, uint64_t seq, err *e)
{
    PB_OWNED(Pgstrand__SnapshotRecord) *known = NULL;
    struct catalog_key key;
    TRY(get(d, link, &known, e));
    if (known == NULL)
        return DONE;
    TRY(key_of(link, &key, e));
    known->has_schema_seq = true;
    known->schema_seq = seq;
    return catalog_put(d->catalog, CATALOG_SNAPSHOT, catalog_key_bytes(&key), &known->base, e);
}

status sealrecord_note_schema(struct datadir *d, const struct chain_link *link, uint64_t seq, err *e)
{
    err dropped = ERR_INIT;
    TRY(catalog_begin(d->catalog, e)); /* somebody may note something else of it */
    const status noted = note(d, link, seq, e);
    const status ended = catalog_end(d->catalog, noted.ok, noted.ok ? e : &dropped);
    return noted.ok ? ended : noted;
}
