/*
 * lmdbcheck: is an LMDB file well-formed? LMDB trusts what it finds in a page: a flipped bit in a length or
 * an offset makes it read outside of the file, and the program is gone instead of saying what is wrong. So
 * the pages are looked at first, by this. Its layout is that of data version 1 (LMDB 0.9, 64 bits):
 *
 *   page    u64 number, u16 pad, u16 flags (1 branch, 2 leaf, 4 overflow), then u16 lower and u16 upper
 *           bound of the free space (overflow: u32 pages), then u16 offsets of nodes up to `lower`
 *   node    u16 low, u16 high, u16 flags, u16 length of the key, key, data; branch: child = low, high and
 * flags as 48 bits; leaf: length of the data = low, high; flags 1: the data is on overflow pages, its page
 *           number is here; 2: the data is a database's record (lmdbmeta.h)
 *
 * Found: whatever makes LMDB read what it should not, or hand out pages that are in use. Not found: other
 * bytes of keys and values (logrecord.h does), and of the two transaction numbers one bit that makes the last
 * commit look like the one before.
 *
 * Failure: ERR_STORAGE naming file and page.
 */
#ifndef PGSTRAND_LMDBCHECK_H
#define PGSTRAND_LMDBCHECK_H

#include <stdint.h>

#include "proto/base/bytes.h"
#include "proto/base/err.h"

enum lmdbcheck_extent {
    LMDBCHECK_SMALL, /* what a look at a few records touches: small databases, of a large one the way to its
                      * last entry; and that no page of these is free: what was there before is, and looks as
                      * whole */
    LMDBCHECK_ONE,   /* one named database */
    LMDBCHECK_NEAR,  /* of it what finding a key touches, and the entries beside it */
    LMDBCHECK_FROM,  /* of it what finding a key touches, the entry before it, and all behind */
    LMDBCHECK_ALL    /* everything, and that no page is both free and in use */
};

/* What is to be looked at. */
struct lmdbcheck_what {
    enum lmdbcheck_extent extent;
    const char *database; /* LMDBCHECK_ONE, _NEAR and _FROM */
    struct bytes key;     /* LMDBCHECK_NEAR and _FROM */
};

/* The snapshot of transaction `txn`, which must be pinned by a read transaction. Time: that of reading the
 * pages once; LMDBCHECK_NEAR looks at some dozen. */
MUST_CHECK status lmdbcheck_run(int fd, const char *path, uint64_t txn, const struct lmdbcheck_what *what,
                                err *e);

#endif
