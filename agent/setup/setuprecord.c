#include "agent/setup/setuprecord.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/array.h"

static const struct bytes no_key = {NULL, 0};

status setuprecord_load(struct datadir *d, Pgstrand__SetupRecord **out, err *e)
{
    ProtobufCMessage *found = NULL;
    TRY(catalog_get(d->catalog, CATALOG_SETUP, no_key, &found, e));
    if (found == NULL) {
        Pgstrand__SetupRecord *fresh = malloc(sizeof *fresh);
        if (fresh == NULL)
            return err_no_memory(e);
        pgstrand__setup_record__init(fresh);
        found = &fresh->base;
    }
    *out = (Pgstrand__SetupRecord *)(void *)found;
    return DONE;
}

status setuprecord_save(struct datadir *d, const Pgstrand__SetupRecord *record, err *e)
{
    return catalog_put(d->catalog, CATALOG_SETUP, no_key, &record->base, e);
}

status setuprecord_forget(struct datadir *d, err *e)
{
    return catalog_delete(d->catalog, CATALOG_SETUP, no_key, e);
}

status setuprecord_add_full(Pgstrand__SetupRecord *record, const char *quoted_name, err *e)
{
    for (size_t i = 0; i < record->n_identity_full; i++)
        if (strcmp(record->identity_full[i], quoted_name) == 0)
            return DONE;
    TRY(array_one_more(&record->identity_full, record->n_identity_full, sizeof *record->identity_full, e));
    record->identity_full[record->n_identity_full] = strdup(quoted_name);
    if (record->identity_full[record->n_identity_full] == NULL)
        return err_no_memory(e);
    record->n_identity_full++;
    return DONE;
}
