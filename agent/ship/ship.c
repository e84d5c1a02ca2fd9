#include "agent/ship/ship.h"

#include "store/vault.h"

static struct bytes vault_key(const char *name)
{
    return bytes_text(name);
}

static status find_vault(struct datadir *d, const char *name, Pgstrand__VaultRecord **out, err *e)
{
    TRY(catalog_get(d->catalog, CATALOG_VAULT, vault_key(name), (ProtobufCMessage **)(void *)out, e));
    if (*out == NULL)
        return err_set(e, ERR_VALIDATION,
                       "there is no vault \"%s\": pgstrand vault list shows them; vault add makes one known",
                       name);
    return DONE;
}

/* How far the vault is: for `vault list`. */
static status remember(struct datadir *d, Pgstrand__VaultRecord *record, uint64_t number, err *e)
{
    record->has_shipped_number = true;
    record->shipped_number = number;
    free(record->shipped_incarnation.data);
    record->shipped_incarnation.data = malloc(sizeof d->identity.incarnation.b);
    if (record->shipped_incarnation.data == NULL)
        return err_no_memory(e);
    record->has_shipped_incarnation = true;
    record->shipped_incarnation.len = sizeof d->identity.incarnation.b;
    memcpy(record->shipped_incarnation.data, d->identity.incarnation.b, sizeof d->identity.incarnation.b);
    return catalog_put(d->catalog, CATALOG_VAULT, vault_key(record->name), &record->base, e);
}

static status push_all(struct datadir *d, struct vault *vault, Pgstrand__VaultRecord *record,
                       const struct vault_names *names, const struct progress *progress,
                       struct ship_result *out, err *e)
{
    for (size_t i = 0; i < names->count; i++) {
        uint64_t sent = 0;
        if (!vault_put(vault, d->chain, &d->identity.node, &d->identity.incarnation, names->name[i],
                       record->device_files, &sent, e)
                 .ok)
            return err_wrap(e, "shipping %s to vault %s", names->name[i], record->name);
        out->snapshots += sent > 0;
        out->present += sent == 0;
        out->bytes += sent;
        progress->step(progress->context, "ship", i + 1, names->count);
    }
    return names->count == 0 ? DONE : remember(d, record, names->count - 1, e);
}

status ship_push(struct datadir *d, const char *name, const struct progress *progress,
                 struct ship_result *out, err *e)
{
    PB_OWNED(Pgstrand__VaultRecord) *record = NULL;
    OWNED(vault) struct vault *own = NULL;
    OWNED(vault) struct vault *vault = NULL;
    OWNED(vault_names) struct vault_names names = {0};
    *out = (struct ship_result){0};
    TRY(find_vault(d, name, &record, e));
    TRY(vault_open(d->snapshots, true, &own, e));
    TRY(vault_list(own, &d->identity.node, &d->identity.incarnation, &names, e));
    TRY(vault_open(record->url, true, &vault, e));
    return push_all(d, vault, record, &names, progress, out, e);
}
