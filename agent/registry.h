/*
 * registry: the tables this device knows, by OID, with the UUID each got at first sight and keeps over
 * renames.
 *
 * Kept in the catalogue (TableRecord); read once, written when a table is new or changed. Off the capture
 * path: a known table costs a look-up.
 *
 * Ownership: registry_load -> caller -> registry_free (NULL-safe). Threads: one at a time, together with its
 * catalogue.
 */
#ifndef PGSTRAND_REGISTRY_H
#define PGSTRAND_REGISTRY_H

#include "agent/tiers.h"
#include "store/catalog.h"

struct registry;

MUST_CHECK status registry_load(struct catalog *catalog, const uuid *dataset, struct registry **out, err *e);
void registry_free(struct registry *r);
OWN_POINTER(registry, registry_free);

struct registry_table {
    uint32_t oid;
    const char *schema;
    const char *name;
    char replica_identity;
    const struct table_tier *tier; /* what the rules say now */
};

/*
 * The table's UUID. A table seen for the first time is recorded with UUIDv5(dataset, schema, name); one whose
 * name, replica identity or tier changed is recorded anew under the same UUID. `seq`: the last one before the
 * change takes effect.
 */
MUST_CHECK status registry_see(struct registry *r, const struct registry_table *table, uint64_t seq,
                               uuid *out, err *e);

#endif
