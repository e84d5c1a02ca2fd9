/*
 * foreignkeys: those of the target as its catalogue has them, each with the condition that finds its orphans:
 * rows that lead to no row. The condition compares as the key does (citext, MATCH FULL).
 *
 * Ownership: foreignkeys_read -> caller -> foreignkeys_fini.
 */
#ifndef PGSTRAND_FOREIGNKEYS_H
#define PGSTRAND_FOREIGNKEYS_H

#include "agent/pg/pgconn.h"
#include "proto/base/buf.h"

struct foreignkey {
    uint32_t oid;
    const char *name;
    const char *table; /* schema.table, quoted */
    const char *parent;
    uint32_t table_oid, parent_oid;
    bool parent_partitioned;
    const char *target;     /* [ONLY] schema.table c */
    const char *where;      /* finds orphans among the rows of c */
    const char *clear;      /* ON DELETE SET NULL: "column = NULL, ..."; NULL: none */
    const char *definition; /* FOREIGN KEY ... */
    bool concerned;         /* read with `oids`: of these tables, into them, or of partitions */
};

struct foreignkeys {
    struct foreignkey *key;
    size_t count;
    struct pgrows *rows; /* which the texts belong to */
};
void foreignkeys_fini(struct foreignkeys *k);
OWN_VALUE(foreignkeys, foreignkeys_fini);

/* The valid ones, and those of `more`: OIDs of others, "1,2". A partition's copy of its root's is left out.
 * `oids`: tables, "1,2". */
MUST_CHECK status foreignkeys_read(struct pgconn *c, const char *more, const char *oids,
                                   struct foreignkeys *out, err *e);

MUST_CHECK status foreignkeys_count(struct pgconn *c, const struct foreignkey *k, uint64_t *orphans, err *e);

#endif
