#include "agent/heal/healrecord.h"

#include "agent/machine.h"
#include "proto/pbmem.h"
#include "store/actionlog.h"

static const struct bytes no_key = {NULL, 0};

status healrecord_save(struct datadir *d, const Pgstrand__HealRecord *record, err *e)
{
    return catalog_put(d->catalog, CATALOG_HEAL, no_key, &record->base, e);
}

static status put_identity(struct datadir *d, const Pgstrand__HealRecord *record, err *e)
{
    PB_OWNED(Pgstrand__IdentityRecord) *old = NULL;
    struct machine here;
    uuid before = d->identity.incarnation;
    TRY(catalog_get(d->catalog, CATALOG_IDENTITY, no_key, (ProtobufCMessage **)(void *)&old, e));
    if (old == NULL)
        return err_set(e, ERR_STORAGE, "the catalogue in %s has lost its identity", d->root);
    Pgstrand__IdentityRecord new = *old; /* borrows from it */
    machine_read(d->root, &here);
    new.incarnation = record->incarnation;
    new.has_previous_incarnation = true;
    new.previous_incarnation = pbmem_uuid(&before);
    new.system_identifier = record->system_identifier;
    new.has_timeline = true;
    new.timeline = record->timeline;
    new.has_publication_oid = record->has_publication_oid;
    new.publication_oid = record->publication_oid;
    new.machine = here.id;
    new.place = here.place;
    return datadir_set_identity(d, &new, e);
}

static status put_setup(struct datadir *d, const Pgstrand__HealRecord *record, err *e)
{
    PB_OWNED(Pgstrand__SetupRecord) *setup = NULL;
    TRY(catalog_get(d->catalog, CATALOG_SETUP, no_key, (ProtobufCMessage **)(void *)&setup, e));
    if (setup == NULL)
        return err_set(e, ERR_STORAGE, "the catalogue in %s has lost its set-up record", d->root);
    setup->has_slot_lsn = true;
    setup->slot_lsn = record->slot_lsn;
    return catalog_put(d->catalog, CATALOG_SETUP, no_key, &setup->base, e);
}

static status put_break(struct datadir *d, const Pgstrand__HealRecord *record, err *e)
{
    Pgstrand__SchemaBreak at = PGSTRAND__SCHEMA_BREAK__INIT;
    const struct catalog_key key = catalog_key_u64(record->seq);
    if (record->broken == NULL)
        return DONE;
    at.seq = record->seq;
    at.lsn = record->slot_lsn - 1;
    at.what = record->broken;
    return catalog_put(d->catalog, CATALOG_BREAK, catalog_key_bytes(&key), &at.base, e);
}

static status put_all(struct datadir *d, const Pgstrand__HealRecord *record, err *e)
{
    TRY(put_setup(d, record, e));
    TRY(put_break(d, record, e));
    TRY(catalog_delete(d->catalog, CATALOG_HEAL, no_key, e));
    return put_identity(d, record, e);
}

status healrecord_adopt(struct datadir *d, const Pgstrand__HealRecord *record, err *e)
{
    err dropped = ERR_INIT;
    TRY(catalog_begin(d->catalog, e));
    const status put = put_all(d, record, e);
    const status ended = catalog_end(d->catalog, put.ok, put.ok ? e : &dropped);
    if (put.ok && ended.ok)
        return DONE;
    (void)!datadir_load_identity(d, &dropped).ok; /* what was set and not kept */
    return FAILED;
}

/* Is the log the record's already? A log that cannot be opened is not. */
static status is_switched(const struct datadir *d, const Pgstrand__HealRecord *record, bool *out, err *e)
{
    OWNED(logreader) struct logreader *log = NULL;
    struct log_state state;
    TRY(logreader_open(d->log, &log, e));
    TRY(logreader_state(log, &state, e));
    *out = bytes_equal(pbmem_view(record->incarnation),
                       bytes_of(state.incarnation.b, sizeof state.incarnation.b));
    return DONE;
}

status healrecord_settle(struct datadir *d, struct healrecord_settled *out, err *e)
{
    PB_OWNED(Pgstrand__HealRecord) *record = NULL;
    bool switched = false;
    *out = (struct healrecord_settled){0};
    TRY(catalog_get(d->catalog, CATALOG_HEAL, no_key, (ProtobufCMessage **)(void *)&record, e));
    if (record == NULL)
        return DONE;
    TRY(is_switched(d, record, &switched, e));
    if (!switched)
        return catalog_delete(d->catalog, CATALOG_HEAL, no_key, e);
    TRY(healrecord_adopt(d, record, e));
    *out = (struct healrecord_settled){.finished = true, .broken = record->broken != NULL};
    return DONE;
}
