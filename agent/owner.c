#include "agent/owner.h"

#include "proto/pbmem.h"
#include "store/handover.h"

static status load(struct datadir *d, Pgstrand__IdentityRecord **out, err *e)
{
    TRY(catalog_get(d->catalog, CATALOG_IDENTITY, bytes_of(NULL, 0), (ProtobufCMessage **)(void *)out, e));
    return *out != NULL ? DONE
                        : err_set(e, ERR_STORAGE, "the catalogue in %s has lost its identity", d->root);
}

status owner_is_certified(struct datadir *d, bool *out, err *e)
{
    PB_OWNED(Pgstrand__IdentityRecord) *id = NULL;
    TRY(load(d, &id, e));
    *out = id->has_device_certificate;
    return DONE;
}

status owner_is_news(struct datadir *d, const struct chain *chain, bool *out, err *e)
{
    *out = false;
    return chain_recovery_key(chain) != NULL ? DONE : owner_is_certified(d, out, e);
}

static status check_key(const struct datadir *d, const Pgstrand__IdentityRecord *id,
                        const struct signing_key *recovery, err *e)
{
    char node[UUID_TEXT];
    if (bytes_equal(pbmem_view(id->recovery_public_key), bytes_of(recovery->public, SIGNING_KEY_LEN)))
        return DONE;
    return err_set(
        e, ERR_REFUSED,
        "this is not the recovery key of node %s: take the one that was shown when the node was made",
        uuid_format(&d->identity.node, node));
}

/* The identity as it is now, in one transaction: the agent may change another field of it. */
static status keep(struct datadir *d, const struct signing_key *recovery, const struct signing_key *device,
                   err *e)
{
    PB_OWNED(Pgstrand__IdentityRecord) *id = NULL;
    uint8_t certificate[SIGNATURE_LEN];
    TRY(load(d, &id, e));
    TRY(check_key(d, id, recovery, e));
    TRY(handover_certify(recovery, pbmem_view(id->node), pbmem_view(id->device),
                         bytes_of(device->public, SIGNING_KEY_LEN), certificate, e));
    Pgstrand__IdentityRecord certified = *id; /* borrows */
    certified.has_device_certificate = true;
    certified.device_certificate = pbmem_borrow(certificate, sizeof certificate);
    return datadir_set_identity(d, &certified, e);
}

static status certify(struct datadir *d, const struct signing_key *recovery, err *e)
{
    struct signing_key device;
    err dropped = ERR_INIT;
    TRY(datadir_device_key(d, &device, e));
    status begun = catalog_begin(d->catalog, e);
    if (begun.ok) {
        const status kept = keep(d, recovery, &device, e);
        const status ended = catalog_end(d->catalog, kept.ok, kept.ok ? e : &dropped);
        begun = kept.ok ? ended : kept;
    }
    explicit_bzero(&device, sizeof device);
    return begun;
}

status owner_certify(struct datadir *d, const uint8_t secret[static SIGNING_KEY_LEN], err *e)
{
    struct signing_key recovery;
    TRY(signing_key_from_secret(secret, &recovery, e));
    const status done = certify(d, &recovery, e);
    explicit_bzero(&recovery, sizeof recovery);
    return done;
}
