/*
 * place: finds the chain that a restore starts from: the own one, or one of a vault.
 */
#ifndef PGSTRAND_PLACE_H
#define PGSTRAND_PLACE_H

#include "agent/restore/restore.h"
#include "agent/seal/versionbook.h"
#include "store/chain.h"

struct place {
    struct chain *chain;
    uuid node;
    uuid dataset;
    char *log;                   /* folder whose tail goes on; NULL: none */
    struct versionbook unsealed; /* versions of the schema that only the own catalogue has */
    bool same_device;
};
void place_fini(struct place *p);
OWN_VALUE(place, place_fini);

/* ERR_VALIDATION when there is none, or several and no choice was made. */
MUST_CHECK status place_find(struct datadir *d, const struct restore_request *request, struct place *out,
                             err *e);

#endif
