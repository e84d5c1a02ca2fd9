/*
 * versions: what the links behind a FULL say beside actions: the versions of the schema, those that only the
 * own catalogue has included, and new bases of single tables.
 *
 * Ownership: versions_load fills, versions_fini releases. Threads: immutable afterwards.
 */
#ifndef PGSTRAND_VERSIONS_H
#define PGSTRAND_VERSIONS_H

#include "agent/seal/versionbook.h"
#include "store/chain.h"

/* The rows of one table in an INCREMENTAL. */
struct version_base {
    Pgstrand__Table *table; /* its number is the link's */
    size_t link;
    uint64_t seq; /* they are exact behind this action */
};

struct versions {
    Pgstrand__SchemaVersion **version; /* by the seq from which on they are in force */
    size_t count;
    struct version_base *base; /* by seq */
    size_t bases;
};
void versions_fini(struct versions *v);
OWN_VALUE(versions, versions_fini);

/* What came behind link `base`; `unsealed` may be NULL. */
MUST_CHECK status versions_load(const struct chain *chain, size_t base, const struct versionbook *unsealed,
                                struct versions *out, err *e);

/* The newest base of the table, of those exact at `seq` or before; NULL: there is none but the FULL's. */
const struct version_base *versions_base(const struct versions *v, uint32_t oid, uint64_t seq);

/* When the table's rows were told again last, under a version that is in force at `seq` or was before; NULL:
 * never. */
const Pgstrand__RowsRetold *versions_retold(const struct versions *v, uint32_t oid, uint64_t seq);

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
