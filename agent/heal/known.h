/*
 * known: the last known state of the database: the own chain and the log's tail, folded.
 *
 * Ownership: known_load -> caller -> known_fini.
 */
#ifndef PGSTRAND_KNOWN_H
#define PGSTRAND_KNOWN_H

#include "agent/restore/fold/fold.h"
#include "agent/restore/plan/place.h"
#include "agent/restore/plan/plan.h"

struct known {
    struct place place;
    struct plan *plan; /* NULL: it cannot be told, `why` says why */
    struct fold *fold;
    err why;
};

/* Fails only where trying again may help (memory, a spool that cannot be written). What cannot be folded is
 * in out->why. */
MUST_CHECK status known_load(struct datadir *d, const struct progress *progress, struct known *out, err *e);
void known_fini(struct known *k);
OWN_VALUE(known, known_fini);

#endif
