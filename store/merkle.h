/*
 * merkle: the root over a section: its salt, the leaves of its frames, and its index. Leaves and nodes are
 * hashed in different domains, so that one can never pass for the other. Shape: as in RFC 6962 (the left
 * subtree is the largest power of two that fits). Memory: 2 KiB, whatever the number of leaves.
 */
#ifndef PGSTRAND_MERKLE_H
#define PGSTRAND_MERKLE_H

#include "proto/base/digest.h"

#define MERKLE_SALT_LEN 32

struct merkle {
    uint64_t count;
    uint8_t stack[64][SHA256_LEN]; /* [i]: a whole subtree of 2^i leaves, when bit i of count is set */
};

/* Starts from {0}. */
MUST_CHECK status merkle_add(struct merkle *m, struct hasher *h, const uint8_t leaf[static SHA256_LEN],
                             err *e);

/* The hash of the tree so far; a tree without leaves has one too. More may be added afterwards. */
MUST_CHECK status merkle_tree(const struct merkle *m, struct hasher *h, uint8_t out[static SHA256_LEN],
                              err *e);

/* The section's root: SHA-256(domain, salt, number of frames, tree of the frames, tree of the index frames).
 */
MUST_CHECK status merkle_root(const struct merkle *frames, const struct merkle *index,
                              const uint8_t salt[static MERKLE_SALT_LEN], struct hasher *h,
                              uint8_t out[static SHA256_LEN], err *e);

#endif
