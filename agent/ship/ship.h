/*
 * ship: pushes the snapshots of the own chain that a vault does not have yet. Business vaults never get a
 * device file.
 */
#ifndef PGSTRAND_SHIP_H
#define PGSTRAND_SHIP_H

#include "agent/datadir.h"
#include "agent/progress.h"

struct ship_result {
    uint64_t snapshots; /* sent now */
    uint64_t present;   /* were there already */
    uint64_t bytes;
};

/* A vault of the catalogue; ERR_VALIDATION when there is none of that name. Free with pbmem_free. */
MUST_CHECK status ship_vault(struct datadir *d, const char *name, Pgstrand__VaultRecord **out, err *e);

/* `vault`: a name from the catalogue. Resumes; a fork in the vault is ERR_REFUSED. */
MUST_CHECK status ship_push(struct datadir *d, const char *vault, const struct progress *progress,
                            struct ship_result *out, err *e);

#endif
