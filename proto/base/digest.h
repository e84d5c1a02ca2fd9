/*
 * digest: SHA-256 and SHA-1, and the digest of a table. One of the two adapters of OpenSSL (the other is
 * signing).
 *
 * Threads: a hasher belongs to one thread at a time; it is kept and started anew for each row.
 */
#ifndef PGSTRAND_DIGEST_H
#define PGSTRAND_DIGEST_H

#include "proto/base/bytes.h"
#include "proto/base/err.h"
#include "proto/base/own.h"

#define SHA256_LEN 32
#define SHA1_LEN 20
#define SHA256_TEXT (2 * SHA256_LEN + 1)

struct hasher; /* a reusable SHA-256 */

MUST_CHECK status hasher_new(struct hasher **out, err *e);
void hasher_free(struct hasher *h); /* NULL-safe */
OWN_POINTER(hasher, hasher_free);

/* Hash of one piece. */
MUST_CHECK status hasher_once(struct hasher *h, struct bytes piece, uint8_t out[static SHA256_LEN], err *e);

/* Hash of many pieces: start, add..., end. */
MUST_CHECK status hasher_start(struct hasher *h, err *e);
MUST_CHECK status hasher_add(struct hasher *h, struct bytes piece, err *e);
MUST_CHECK status hasher_end(struct hasher *h, uint8_t out[static SHA256_LEN], err *e);

/* SHA-1 over two pieces; only for UUIDv5, which prescribes it. */
MUST_CHECK status sha1_pair(struct bytes first, struct bytes second, uint8_t out[static SHA1_LEN], err *e);

/*
 * A table's digest: the sum modulo 2^256 of the SHA-256 of each row, so that rows may come in any order and a
 * row that is there twice counts twice. A row is its COPY text line without the line end (copytext.h).
 */
struct table_digest {
    uint64_t word[4]; /* least significant first */
    uint64_t rows;
};

MUST_CHECK status table_digest_add(struct table_digest *d, struct hasher *h, struct bytes row, err *e);
/* Takes a row out again that is in the sum. */
MUST_CHECK status table_digest_remove(struct table_digest *d, struct hasher *h, struct bytes row, err *e);
void table_digest_merge(struct table_digest *d, const struct table_digest *other);
bool table_digest_equal(const struct table_digest *a, const struct table_digest *b);

/* 32 bytes, most significant first. */
void table_digest_bytes(const struct table_digest *d, uint8_t out[static SHA256_LEN]);
void table_digest_load(struct table_digest *d, const uint8_t raw[static SHA256_LEN], uint64_t rows);

const char *sha256_format(const uint8_t hash[static SHA256_LEN], char out[static SHA256_TEXT]);

#endif
