#include "agent/restore/inherit.h"

status inherit_identity(struct job *job, const struct place *place, err *e)
{
    struct datadir *d = job->d;
    PB_OWNED(Pgstrand__IdentityRecord) *record = NULL;
    TRY(datadir_new_identity(d, &place->dataset, &job->node, NULL, job->out->recovery_secret, e));
    job->out->new_identity = true;
    TRY(catalog_get(d->catalog, CATALOG_IDENTITY, (struct bytes){0}, (ProtobufCMessage **)(void *)&record,
                    e));
    if (record == NULL)
        return err_set(e, ERR_STORAGE, "the new identity is not in the catalogue of %s", d->root);
    free(record->inherited_from.data);
    record->inherited_from.data = malloc(sizeof place->node.b);
    if (record->inherited_from.data == NULL)
        return err_no_memory(e);
    memcpy(record->inherited_from.data, place->node.b, sizeof place->node.b);
    record->inherited_from.len = sizeof place->node.b;
    record->has_inherited_from = true;
    return datadir_set_identity(d, record, e);
}
