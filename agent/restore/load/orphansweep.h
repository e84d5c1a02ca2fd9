/*
 * orphansweep: finds, keeps and deletes rows whose foreign key leads to no row; in one transaction of the
 * target. orphans.h decides which of it.
 */
#ifndef PGSTRAND_ORPHANSWEEP_H
#define PGSTRAND_ORPHANSWEEP_H

#include "agent/restore/job.h"
#include "agent/restore/load/foreignkeys.h"

struct orphans_of {
    bool wrong;       /* the server refused it, or it was found to have orphans */
    uint64_t found;   /* before anything was done */
    uint64_t removed; /* deleted or cleared */
};

struct orphansweep {
    struct job *job;
    struct pgconn *c;
    bool replica; /* nobody's triggers fire, foreign keys' among them */
    struct foreignkeys keys;
    struct orphans_of *of; /* by keys */
};
void orphansweep_fini(struct orphansweep *s);
OWN_VALUE(orphansweep, orphansweep_fini);

/* Finds the orphans of foreign keys that cannot be added; the keys are not there afterwards either. */
MUST_CHECK status orphansweep_learn(struct orphansweep *s, const struct bytes *failed, size_t count, err *e);
/* Finds those of the foreign keys that are there and concern the tables `oids`. */
MUST_CHECK status orphansweep_look(struct orphansweep *s, const char *oids, bool *any, err *e);

/* Adds the keys NOT VALID; or makes those with orphans NOT VALID. */
MUST_CHECK status orphansweep_keep(struct orphansweep *s, const struct bytes *failed, size_t count, err *e);
MUST_CHECK status orphansweep_keep_standing(struct orphansweep *s, err *e);

/* Deletes until there are no orphans, then adds the keys; the proofs of tables that lose rows follow. */
MUST_CHECK status orphansweep_delete(struct orphansweep *s, const struct bytes *failed, size_t count, err *e);

#endif
