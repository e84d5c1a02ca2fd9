/*
 * place: finds the chain that a restore starts from: the own one, or one of a vault.
 */
#ifndef PGSTRAND_PLACE_H
#define PGSTRAND_PLACE_H

#include "agent/restore/restore.h"
#include "agent/seal/versionbook.h"
#include "store/chain.h"
#include "store/io.h"

struct place {
    struct chain *chain;
    uuid node;
    uuid dataset;
    char *log;                   /* folder whose tail goes on; NULL: none */
    struct versionbook unsealed; /* versions of the schema that only the own catalogue has */
    bool same_device;
    struct io_lock *lock; /* own: nothing is pruned meanwhile */
    bool own;             /* the data directory's own chain, with what its catalogue knows of it */
};
void place_fini(struct place *p);
OWN_VALUE(place, place_fini);

/* Without `from` the own chain; or, when only another chain beside it has the snapshot that was asked for,
 * that one. ERR_VALIDATION when there is none, or several and no choice was made. */
MUST_CHECK status place_find(struct datadir *d, const struct restore_request *request, struct place *out,
                             err *e);

/* The device's own rows must be there when they are wanted: ERR_VALIDATION naming the file that is missing.
 */
MUST_CHECK status place_check_device_files(const struct place *p, err *e);

#endif
