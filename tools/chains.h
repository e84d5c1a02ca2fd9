/*
 * chains: all chains of a place, the agent's own snapshots or a vault, found and loaded.
 *
 * Ownership: chains_load -> caller -> chains_free (NULL-safe).
 */
#ifndef PGSTRAND_CHAINS_H
#define PGSTRAND_CHAINS_H

#include "agent/datadir.h"
#include "store/chain.h"
#include "store/vault.h"

struct chains_item {
    uuid node;
    uuid incarnation;
    char *dir;
    struct vault_names names; /* of the snapshots that have a commit */
    struct chain *chain;      /* NULL: it does not hold together, `why` says where */
    err why;
};

struct chains {
    struct chains_item *item; /* by the time of their first snapshot; broken ones last */
    size_t count;
};

/* `root`: URL or path. A chain that is damaged is loaded without its `chain`. */
MUST_CHECK status chains_load(const char *root, struct chains **out, err *e);
void chains_free(struct chains *c);
OWN_POINTER(chains, chains_free);

/* The URL of a vault by its name in the catalogue (d may be NULL), or what is a URL or an absolute path
 * already. ERR_VALIDATION otherwise, naming the nearest known vault; *url is malloc'ed. */
MUST_CHECK status chains_vault_url(struct datadir *d, const char *name, char **url, err *e);

#endif
