/*
 * versions: the versions of the schema behind a base: those sealed with the actions, then those that only the
 * own catalogue has.
 *
 * Ownership: versions_load fills, versions_fini releases. Threads: immutable afterwards.
 */
#ifndef PGSTRAND_VERSIONS_H
#define PGSTRAND_VERSIONS_H

#include "agent/seal/versionbook.h"
#include "store/chain.h"

struct versions {
    Pgstrand__SchemaVersion **version; /* by the seq from which on they are in force */
    size_t count;
};
void versions_fini(struct versions *v);
OWN_VALUE(versions, versions_fini);

/* What came behind link `base`; `unsealed` may be NULL. */
MUST_CHECK status versions_load(const struct chain *chain, size_t base, const struct versionbook *unsealed,
                                struct versions *out, err *e);

/* The version in force at `seq`; NULL: the base's. When `seq` lies between changes that share one version,
 * *last is the seq before the first of them, else `seq` itself. */
Pgstrand__SchemaVersion *versions_at(const struct versions *v, uint64_t seq, uint64_t *last);

/* Gives the texts' memory back; `but`, if any, keeps its own. */
void versions_drop_texts(struct versions *v, const Pgstrand__SchemaVersion *but);

/* The table of this OID, NULL when there is none. */
const Pgstrand__Table *versions_table(const Pgstrand__Schema *schema, uint32_t oid);

/* What rows have that are older than the column, as the first version says that knows; NULL: nothing. */
const char *versions_missing(const struct versions *v, uint32_t oid, uint32_t attnum);

#endif
