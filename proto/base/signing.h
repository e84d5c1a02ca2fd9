/*
 * signing: Ed25519 keys and signatures (RFC 8032), raw 32-byte keys. The second adapter of OpenSSL.
 */
#ifndef PGSTRAND_SIGNING_H
#define PGSTRAND_SIGNING_H

#include "proto/base/bytes.h"
#include "proto/base/err.h"

#define SIGNING_KEY_LEN 32
#define SIGNATURE_LEN 64

struct signing_key {
    uint8_t secret[SIGNING_KEY_LEN]; /* the seed; never leaves the device */
    uint8_t public[SIGNING_KEY_LEN];
};

/* A new key from the kernel's randomness. */
MUST_CHECK status signing_key_new(struct signing_key *out, err *e);

/* The pair that belongs to a stored seed. */
MUST_CHECK status signing_key_from_secret(const uint8_t secret[static SIGNING_KEY_LEN],
                                          struct signing_key *out, err *e);

MUST_CHECK status signing_sign(const struct signing_key *key, struct bytes message,
                               uint8_t out[static SIGNATURE_LEN], err *e);

/* Fails with ERR_STORAGE when the signature is not this key's over this message. */
MUST_CHECK status signing_verify(const uint8_t public[static SIGNING_KEY_LEN], struct bytes message,
                                 const uint8_t signature[static SIGNATURE_LEN], err *e);

#endif
