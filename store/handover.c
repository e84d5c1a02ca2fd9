#include "store/handover.h"

#include "proto/base/digest.h"
#include "proto/base/uuid.h"
#include "proto/pbmem.h"

static const char device_domain[] = "pgstrand-device-v1";
static const char handover_domain[] = "pgstrand-handover-v1";

static status certificate_text(struct bytes node, struct bytes device, struct bytes device_key,
                               struct buf *out, err *e)
{
    if (node.len != sizeof(uuid) || device.len != sizeof(uuid) || device_key.len != SIGNING_KEY_LEN)
        return err_set(e, ERR_STORAGE, "a device's certificate is of something else");
    buf_bytes(out, device_domain, sizeof device_domain);
    buf_bytes(out, node.data, node.len);
    buf_bytes(out, device.data, device.len);
    buf_bytes(out, device_key.data, device_key.len);
    return buf_done(out, e);
}

static status handover_text(struct bytes message, struct buf *out, err *e)
{
    buf_bytes(out, handover_domain, sizeof handover_domain);
    buf_bytes(out, message.data, message.len);
    return buf_done(out, e);
}

status handover_certify(const struct signing_key *recovery, struct bytes node, struct bytes device,
                        struct bytes device_key, uint8_t out[static SIGNATURE_LEN], err *e)
{
    OWNED(buf) struct buf text = {0};
    TRY(certificate_text(node, device, device_key, &text, e));
    return signing_sign(recovery, buf_view(&text), out, e);
}

status handover_certified(const uint8_t recovery[static SIGNING_KEY_LEN], struct bytes node,
                          struct bytes device, struct bytes device_key, struct bytes certificate, err *e)
{
    OWNED(buf) struct buf text = {0};
    if (certificate.len != SIGNATURE_LEN)
        return err_set(e, ERR_STORAGE, "the device's certificate is malformed");
    TRY(certificate_text(node, device, device_key, &text, e));
    if (!signing_verify(recovery, buf_view(&text), certificate.data, e).ok)
        return err_wrap(e, "the recovery key does not certify this device");
    return DONE;
}

status handover_sign(const Pgstrand__Handover *handover, const struct signing_key *recovery, struct buf *out,
                     uint8_t signature[static SIGNATURE_LEN], err *e)
{
    OWNED(buf) struct buf text = {0};
    const size_t from = out->len;
    TRY(pbmem_pack(&handover->base, out, e));
    TRY(handover_text(bytes_of(out->data + from, out->len - from), &text, e));
    return signing_sign(recovery, buf_view(&text), signature, e);
}

static bool is_formed(const Pgstrand__Handover *h)
{
    return h->node.len == sizeof(uuid) && h->dataset.len == sizeof(uuid) && h->last.len == sizeof(uuid) &&
           h->last_hash.len == SHA256_LEN && h->from_device.len == sizeof(uuid) &&
           h->from_key.len == SIGNING_KEY_LEN;
}

status handover_open(const uint8_t recovery[static SIGNING_KEY_LEN], struct bytes message,
                     struct bytes signature, Pgstrand__Handover **out, err *e)
{
    OWNED(buf) struct buf text = {0};
    PB_OWNED(Pgstrand__Handover) *h = NULL;
    if (message.len > HANDOVER_MAX || signature.len != SIGNATURE_LEN)
        return err_set(e, ERR_STORAGE, "the hand-over is malformed");
    TRY(handover_text(message, &text, e));
    if (!signing_verify(recovery, buf_view(&text), signature.data, e).ok)
        return err_wrap(e, "the recovery key did not sign this hand-over");
    TRY(PB_UNPACK(h, pgstrand__handover__descriptor, message, "hand-over", 0, e));
    if (!is_formed(h))
        return err_set(e, ERR_STORAGE, "the hand-over is malformed");
    TRY(handover_certified(recovery, pbmem_view(h->node), pbmem_view(h->device), pbmem_view(h->device_key),
                           pbmem_view(h->certificate), e));
    *out = h;
    h = NULL;
    return DONE;
}
