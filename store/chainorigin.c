#include "store/chainorigin.h"

#include "proto/pbmem.h"
#include "store/handover.h"

/* A link, and what is known of those before it. */
struct origin {
    const struct chain_link *before;    /* NULL: it is the first */
    const struct chain_link *certified; /* the newest one that has a recovery key; NULL: none has */
};

static bool same(ProtobufCBinaryData a, ProtobufCBinaryData b)
{
    return bytes_equal(pbmem_view(a), pbmem_view(b));
}

static status another(const struct chain_link *link, const char *what, err *e)
{
    return err_set(e, ERR_STORAGE, "%s: another %s than the rest of the chain", link->name, what);
}

/* What the certificate says is checked once for a device, not for each of its links. */
static status check_certificate(const struct origin *o, const struct chain_link *link, err *e)
{
    const Pgstrand__SnapshotCommit *c = link->commit;
    const Pgstrand__SnapshotCommit *known = o->certified != NULL ? o->certified->commit : NULL;
    if (!c->has_recovery_key)
        return DONE;
    if (known != NULL && !same(known->recovery_key, c->recovery_key))
        return another(link, "recovery key", e);
    if (known != NULL && same(known->device_certificate, c->device_certificate) &&
        same(known->device_key, c->device_key) && same(known->header->device, c->header->device))
        return DONE;
    if (!handover_certified(c->recovery_key.data, pbmem_view(c->header->node), pbmem_view(c->header->device),
                            pbmem_view(c->device_key), pbmem_view(c->device_certificate), e)
             .ok)
        return err_wrap(e, "%s", link->name);
    return DONE;
}

static bool leads(const Pgstrand__Handover *h, const struct chain_link *from, const struct chain_link *to)
{
    const Pgstrand__SnapshotCommit *a = from->commit, *b = to->commit;
    return same(h->node, b->header->node) && same(h->dataset, b->header->dataset) &&
           same(h->last, a->header->snapshot) &&
           bytes_equal(pbmem_view(h->last_hash), bytes_of(from->hash, sizeof from->hash)) &&
           same(h->from_device, a->header->device) && same(h->from_key, a->device_key) &&
           same(h->device, b->header->device) && same(h->device_key, b->device_key);
}

static status check_handover(const struct origin *o, const struct chain_link *link, err *e)
{
    const Pgstrand__SnapshotCommit *c = link->commit;
    PB_OWNED(Pgstrand__Handover) *h = NULL;
    if (o->certified == NULL)
        return err_set(e, ERR_STORAGE, "%s: a hand-over, but the chain before it has no recovery key",
                       link->name);
    if (!handover_open(o->certified->commit->recovery_key.data, pbmem_view(c->handover),
                       pbmem_view(c->handover_signature), &h, e)
             .ok)
        return err_wrap(e, "%s", link->name);
    if (leads(h, o->before, link))
        return DONE;
    return err_set(e, ERR_STORAGE, "%s: its hand-over is not from %s to the device that sealed it",
                   link->name, o->before->name);
}

static status check_device(const struct origin *o, const struct chain_link *link, err *e)
{
    const Pgstrand__SnapshotCommit *a = o->before->commit, *b = link->commit;
    const char *what = !same(a->header->device, b->header->device) ? "device"
                       : !same(a->device_key, b->device_key)       ? "device key"
                                                                   : NULL;
    if (b->has_handover && what != NULL && !chain_same_incarnation(o->before, link))
        return check_handover(o, link, e);
    if (b->has_handover)
        return err_set(e, ERR_STORAGE, "%s: a hand-over where no other device takes over", link->name);
    return what == NULL ? DONE : another(link, what, e);
}

static struct origin origin_of(const struct chain *c, size_t number)
{
    struct origin o = {.before = number > 0 ? &c->link[number - 1] : NULL};
    for (size_t i = number; i > 0 && o.certified == NULL; i--)
        if (c->link[i - 1].commit->has_recovery_key)
            o.certified = &c->link[i - 1];
    return o;
}

status chainorigin_check(const struct chain *c, size_t number, err *e)
{
    const struct chain_link *link = &c->link[number];
    const struct origin o = origin_of(c, number);
    const Pgstrand__SnapshotHeader *a = o.before != NULL ? o.before->commit->header : NULL;
    if (a == NULL && link->commit->has_handover)
        return err_set(e, ERR_STORAGE, "%s: a hand-over, but nothing before it", link->name);
    if (a != NULL && !same(a->node, link->commit->header->node))
        return another(link, "node", e);
    if (a != NULL && !same(a->dataset, link->commit->header->dataset))
        return another(link, "dataset", e);
    if (a != NULL)
        TRY(check_device(&o, link, e));
    return check_certificate(&o, link, e);
}
