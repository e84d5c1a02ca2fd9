/*
 * sealstaged: the staged bases (agent/base) of tables, on their way into a snapshot: as messages for its
 * SCHEMA section, as frames for its ROWS sections.
 *
 * Ownership: sealstaged_load fills, sealstaged_fini releases. Threads: one.
 */
#ifndef PGSTRAND_SEALSTAGED_H
#define PGSTRAND_SEALSTAGED_H

#include "agent/datadir.h"
#include "agent/progress.h"
#include "store/snapwriter.h"

struct sealstaged {
    Pgstrand__BaseTableRecord **record; /* in the catalogue's order: by oid, then part */
    size_t count;
    Pgstrand__Table **table; /* one for each oid, numbered; points into the records */
    size_t table_count;
    uint32_t *number; /* of record i's table */
};
void sealstaged_fini(struct sealstaged *s);
OWN_VALUE(sealstaged, sealstaged_fini);

/* All that are staged. */
MUST_CHECK status sealstaged_load(struct datadir *d, struct sealstaged *out, err *e);

/* ROWS: a section for each tier that has tables, their row files one after the other, business first. */
MUST_CHECK status sealstaged_write(const struct datadir *d, const struct sealstaged *s,
                                   const struct progress *progress, struct snapwriter *writer, err *e);

#endif
