#include "agent/ship/ship.h"

#include "agent/lineage.h"
#include "proto/pbmem.h"
#include "store/io.h"
#include "store/vault.h"

static struct bytes vault_key(const char *name)
{
    return bytes_text(name);
}

status ship_vault(struct datadir *d, const char *name, Pgstrand__VaultRecord **out, err *e)
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

/* One link; behind the last one of its folder all in there is durable. */
static status push(const struct datadir *d, struct vault *vault, const Pgstrand__VaultRecord *record,
                   const struct chain *chain, size_t i, uint64_t *sent, err *e)
{
    const struct chain_link *link = &chain->link[i];
    const ProtobufCBinaryData *id = &link->commit->header->incarnation;
    uuid incarnation;
    TRY(uuid_from_bytes(pbmem_view(*id), link->name, &incarnation, e));
    TRY(link->pruned
            ? vault_put_pruned(vault, link->dir, &d->identity.node, &incarnation, link->name, sent, e)
            : vault_put(vault, link->dir, &d->identity.node, &incarnation, link->name, record->device_files,
                        sent, e));
    if (i + 1 < chain->count && chain_same_incarnation(link, link + 1))
        return DONE;
    return vault_settle(vault, &d->identity.node, &incarnation, e);
}

static status push_all(struct datadir *d, struct vault *vault, Pgstrand__VaultRecord *record,
                       const struct chain *chain, const struct progress *progress, struct ship_result *out,
                       err *e)
{
    for (size_t i = 0; i < chain->count; i++) {
        uint64_t sent = 0;
        if (!push(d, vault, record, chain, i, &sent, e).ok)
            return err_wrap(e, "shipping %s to vault %s", chain->link[i].name, record->name);
        out->snapshots += sent > 0;
        out->present += sent == 0;
        out->bytes += sent;
        progress->step(progress->context, "ship", i + 1, chain->count);
    }
    const size_t own = chain->count - chain->own;
    return own == 0 ? DONE : remember(d, record, own - 1, e);
}

/* A chain that does not hold together is not sent: nobody could read it. */
static status load_chain(const struct datadir *d, struct chain **out, err *e)
{
    TRY(io_make_dir(d->chain, e));
    return lineage_load(d, out, e);
}

static bool is_own(const struct chain *own, const uuid *incarnation)
{
    for (size_t i = 0; i < own->count; i++) {
        const ProtobufCBinaryData *id = &own->link[i].commit->header->incarnation;
        if (bytes_equal(pbmem_view(*id), bytes_of(incarnation->b, sizeof incarnation->b)))
            return true;
    }
    return false;
}

/* Another machine has this node now: what is sealed here would only mislead those who restore. */
static status check_not_taken(const struct datadir *d, struct vault *vault, const struct chain *own, err *e)
{
    OWNED(vault_chains) struct vault_chains all = {0};
    TRY(vault_chains(vault, &all, e));
    for (size_t i = 0; i < all.count; i++) {
        const struct vault_chain *at = &all.chain[i];
        OWNED(chain) struct chain *chain = NULL;
        OWNED(text) char *dir = NULL;
        err broken = ERR_INIT; /* not ours to judge */
        if (!uuid_equal(&at->node, &d->identity.node) || is_own(own, &at->incarnation))
            continue;
        TRY(vault_local_dir(vault, &at->node, &at->incarnation, &dir, e));
        if (!chain_load(dir, &chain, &broken).ok || chain->count == 0)
            continue;
        const ProtobufCBinaryData *device = &chain->link[chain->count - 1].commit->header->device;
        bool over = false;
        for (size_t k = chain->own; k < chain->count; k++)
            over = over || chain->link[k].commit->has_handover;
        if (over &&
            !bytes_equal(pbmem_view(*device), bytes_of(d->identity.device.b, sizeof d->identity.device.b)))
            return err_set(
                e, ERR_REFUSED,
                "this node was taken over by another machine (%s): stop the agent here, and begin anew "
                "with pgstrand identity new",
                dir);
    }
    return DONE;
}

status ship_push(struct datadir *d, const char *name, const struct progress *progress,
                 struct ship_result *out, err *e)
{
    PB_OWNED(Pgstrand__VaultRecord) *record = NULL;
    OWNED(vault) struct vault *vault = NULL;
    OWNED(chain) struct chain *chain = NULL;
    *out = (struct ship_result){0};
    TRY(ship_vault(d, name, &record, e));
    TRY(load_chain(d, &chain, e));
    TRY(vault_open(record->url, true, &vault, e));
    TRY(check_not_taken(d, vault, chain, e));
    return push_all(d, vault, record, chain, progress, out, e);
}
