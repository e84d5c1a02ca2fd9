/*
 * chain: the snapshots of one (node, incarnation) in a folder, and those of the incarnations before it,
 * checked as a chain: numbers without gaps from 0 in each incarnation, each child naming its parent by UUID
 * and by the hash of the parent's commit, seq ranges adjoining (a DIFFERENTIAL's is all there is since the
 * newest FULL), one dataset, one device key until a hand-over (chainorigin.h), no fork.
 *
 * The first snapshot of a node's first incarnation has no parent. That of a later one names the last one of
 * the incarnation before, which lies in a folder beside; so the links of the whole lineage stand in a row,
 * and a later incarnation may begin with an INCREMENTAL.
 *
 * Ownership: chain_load -> caller -> chain_free (NULL-safe). Threads: immutable after loading.
 */
#ifndef PGSTRAND_CHAIN_H
#define PGSTRAND_CHAIN_H

#include "proto/base/arena.h"
#include "proto/base/digest.h"
#include "proto/base/own.h"
#include <snapshot.pb-c.h>

struct chain_link {
    const char *dir; /* of its incarnation; borrowed from the chain */
    char *name;
    Pgstrand__SnapshotCommit *commit; /* borrowed from the chain */
    uint8_t hash[SHA256_LEN];         /* of the .commit */
    bool pruned;                      /* its content was given up (snapprune.h) */
};

struct chain {
    char *dir;               /* of the last incarnation */
    struct chain_link *link; /* oldest first; its number starts again at 0 with each incarnation */
    size_t count;
    size_t own;   /* index of the first link that lies in `dir` */
    char **older; /* the folders of the incarnations before, newest first */
    size_t older_count;
    struct arena commits;
};

/* Loads every commit of the folder and of the incarnations it goes back to, and checks the chain; ERR_STORAGE
 * says which link is missing, forked or does not fit. Of signatures the last one is checked: it covers the
 * hash of the commit before, and so on. Empty folder: count 0. */
MUST_CHECK status chain_load(const char *dir, struct chain **out, err *e);
void chain_free(struct chain *c);
OWN_POINTER(chain, chain_free);

/* The snapshot that was just published in its folder, checked as chain_load would. When it fails the chain is
 * only to be freed. */
MUST_CHECK status chain_append(struct chain *c, const char *name, err *e);

/* The chain goes on in another folder, which holds nothing yet: the next link is number 0 of a new
 * incarnation. */
MUST_CHECK status chain_succeed(struct chain *c, const char *dir, err *e);

/* Are both of one incarnation, whose LSNs can be compared? */
bool chain_same_incarnation(const struct chain_link *a, const struct chain_link *b);

/* The first link from which on none is pruned: a FULL; the number of links when the last one is. */
size_t chain_first_kept(const struct chain *c);

/* The public half of the owner's recovery key, SIGNING_KEY_LEN bytes, borrowed; NULL: no link has it. */
const uint8_t *chain_recovery_key(const struct chain *c);

/* By UUID or by name given at sealing; NULL when there is none. */
const struct chain_link *chain_find(const struct chain *c, const char *uuid_or_name);

/* Removes .part files, .snap or .device files without a commit, and those of pruned snapshots; the names that
 * stay are durable afterwards, also where the process that gave them was killed at that. Only the sealer may,
 * holding its lock.
 */
MUST_CHECK status chain_tidy(const char *dir, err *e);

#endif
