/*
 * chain: the snapshots of one (node, incarnation) in a folder, checked as a chain: numbers without gaps from
 * 0, each child naming its parent by UUID and by the hash of the parent's commit, seq ranges adjoining (a
 * DIFFERENTIAL's is all there is since the newest FULL), one dataset, one device key, no fork.
 *
 * Ownership: chain_load -> caller -> chain_free (NULL-safe). Threads: immutable after loading.
 */
#ifndef PGSTRAND_CHAIN_H
#define PGSTRAND_CHAIN_H

#include "proto/base/digest.h"
#include "proto/base/own.h"
#include <snapshot.pb-c.h>

struct chain_link {
    char *name;
    Pgstrand__SnapshotCommit *commit;
    uint8_t hash[SHA256_LEN]; /* of the .commit */
};

struct chain {
    char *dir;
    struct chain_link *link; /* by number */
    size_t count;
};

/* Loads every commit of the folder and checks the chain; ERR_STORAGE says which link is missing, forked or
 * does not fit. Empty folder: count 0. */
MUST_CHECK status chain_load(const char *dir, struct chain **out, err *e);
void chain_free(struct chain *c);
OWN_POINTER(chain, chain_free);

/* By UUID or by name given at sealing; NULL when there is none. */
const struct chain_link *chain_find(const struct chain *c, const char *uuid_or_name);

/* Removes .part files and .snap or .device files without a commit. Only the sealer may, holding its lock. */
MUST_CHECK status chain_tidy(const char *dir, err *e);

#endif
