/*
 * relcache: relations of a log in memory: by version, and the newest by oid and tier (where a column decides
 * on the tier, a table has rows of two).
 *
 * Ownership: owns the relations given to it; what it hands out lives until relcache_rollback, relcache_trim
 * or relcache_free. Threads: belongs to one.
 */
#ifndef PGSTRAND_RELCACHE_H
#define PGSTRAND_RELCACHE_H

#include "proto/relation.h"

struct relcache_entry {
    struct relation *relation;
    uint64_t stored; /* the caller's mark: when it was written to the present segment; 0: not */
    uint64_t used;   /* the caller's mark: the later the larger */
};

struct relcache;

MUST_CHECK status relcache_new(struct relcache **out, err *e);
void relcache_free(struct relcache *c); /* NULL-safe */
OWN_POINTER(relcache, relcache_free);

/* Takes `r` over, also when it fails. Versions may come in any order. */
MUST_CHECK status relcache_add(struct relcache *c, struct relation *r, struct relcache_entry **out, err *e);

/* NULL when it is not there. Entries move with the next relcache_add. */
struct relcache_entry *relcache_find(struct relcache *c, uint32_t version);
struct relcache_entry *relcache_latest(struct relcache *c, uint32_t oid, enum tier tier);
/* Of any tier. */
struct relcache_entry *relcache_latest_of_all(struct relcache *c, uint32_t oid);

/* All, by version. */
struct relcache_entry *relcache_entries(struct relcache *c, size_t *count);

/* Forgets versions >= first, and marks `stored` >= since. */
MUST_CHECK status relcache_rollback(struct relcache *c, uint32_t first, uint64_t since, err *e);

/* Keeps the newest version of each oid and tier alone, and of these the `max` last used. */
MUST_CHECK status relcache_trim(struct relcache *c, size_t max, err *e);

#endif
