/*
 * versionbook: the schema versions that the catalogue holds: those that are not sealed yet, and the newest. A
 * version is known by the seq from which on it is in force: the last_seq of its last change.
 *
 * Threads: whoever owns the catalogue's handle.
 */
#ifndef PGSTRAND_VERSIONBOOK_H
#define PGSTRAND_VERSIONBOOK_H

#include "agent/datadir.h"

uint64_t versionbook_seq(const Pgstrand__SchemaVersion *v);

/* Keeps it, and heals the changes of the schema that it covers; those whose rows it cannot follow are left
 * open, marked so. One commit. */
MUST_CHECK status versionbook_keep(struct datadir *d, Pgstrand__SchemaVersion *v, err *e);

/* The version of `seq` is what the database has: no change up to there is left without one. */
MUST_CHECK status versionbook_heal(struct datadir *d, uint64_t seq, err *e);

/* Ascending; free with pbmem_free and free. Those of the present incarnation. */
struct versionbook {
    Pgstrand__SchemaVersionRecord **record;
    size_t count;
};
MUST_CHECK status versionbook_load(const struct datadir *d, struct versionbook *out, err *e);
void versionbook_fini(struct versionbook *b);
OWN_VALUE(versionbook, versionbook_fini);

/* What `b` has was sealed: all but the newest are forgotten. */
MUST_CHECK status versionbook_sealed(struct datadir *d, const struct versionbook *b, err *e);

#endif
