/*
 * handover: which machine may seal for a node. The owner's recovery key certifies the device that the node
 * was made on, and signs a hand-over to each machine that takes the node over; both travel in the chain's
 * commits, so that whoever reads the chain can tell its owner's machines from others.
 *
 *   certificate   Ed25519 over "pgstrand-device-v1", a zero byte, node, device, the device's public key
 *   hand-over     Ed25519 over "pgstrand-handover-v1", a zero byte, the Handover message as stored
 *
 * Pure. Threads: any. A signature that does not fit is ERR_STORAGE.
 */
#ifndef PGSTRAND_HANDOVER_H
#define PGSTRAND_HANDOVER_H

#include "proto/base/buf.h"
#include "proto/base/signing.h"
#include <snapshot.pb-c.h>

/* What a hand-over may take as stored; an honest one has some 400 bytes. */
#define HANDOVER_MAX 4096

/* `node` and `device` are UUIDs, `device_key` is a public key. */
MUST_CHECK status handover_certify(const struct signing_key *recovery, struct bytes node, struct bytes device,
                                   struct bytes device_key, uint8_t out[static SIGNATURE_LEN], err *e);
MUST_CHECK status handover_certified(const uint8_t recovery[static SIGNING_KEY_LEN], struct bytes node,
                                     struct bytes device, struct bytes device_key, struct bytes certificate,
                                     err *e);

/* Appends the packed message to `out` and signs it. */
MUST_CHECK status handover_sign(const Pgstrand__Handover *handover, const struct signing_key *recovery,
                                struct buf *out, uint8_t signature[static SIGNATURE_LEN], err *e);

/* Signature first, then form, then the certificate in it; free with pbmem_free. */
MUST_CHECK status handover_open(const uint8_t recovery[static SIGNING_KEY_LEN], struct bytes message,
                                struct bytes signature, Pgstrand__Handover **out, err *e);

#endif
