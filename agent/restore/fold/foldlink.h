/*
 * foldlink: which keys must be folded together: union-find over the hashes of keys, and a Bloom filter of the
 * keys that changes touched.
 *
 * Equal hashes of different keys only put more together than needed; the filter may say yes to a key that it
 * was not given, never no to one that it was.
 */
#ifndef PGSTRAND_FOLDLINK_H
#define PGSTRAND_FOLDLINK_H

#include <stdint.h>

#include "proto/base/err.h"
#include "proto/base/own.h"

struct foldlink_node {
    uint64_t hash;
    uint64_t parent;
};

struct foldlink {
    struct foldlink_node *node; /* open addressing; hash 0: free */
    size_t slots;
    size_t count;
};

void foldlink_fini(struct foldlink *l);
OWN_VALUE(foldlink, foldlink_fini);

/* From now on both have the same root. */
MUST_CHECK status foldlink_join(struct foldlink *l, uint64_t a, uint64_t b, err *e);
/* The hash that stands for all that are joined with this one; itself when none is. */
uint64_t foldlink_root(struct foldlink *l, uint64_t hash);

struct foldfilter {
    uint64_t *bits;
    uint64_t mask; /* number of bits - 1 */
};

/* About 10 bits a key, but at most `limit` bytes. */
MUST_CHECK status foldfilter_init(struct foldfilter *f, uint64_t keys, size_t limit, err *e);
void foldfilter_fini(struct foldfilter *f);
OWN_VALUE(foldfilter, foldfilter_fini);
void foldfilter_add(struct foldfilter *f, uint64_t hash);
bool foldfilter_may_have(const struct foldfilter *f, uint64_t hash);

#endif
