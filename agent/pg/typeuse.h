/*
 * typeuse: which tables have columns whose values hold values of a type that somebody made: the type itself,
 * an array of it, a domain over it, a range of it, a composite type or another table's row with it, at any
 * depth.
 *
 * Ownership: typeuse_read fills, typeuse_list_fini releases. Threads: immutable afterwards.
 */
#ifndef PGSTRAND_TYPEUSE_H
#define PGSTRAND_TYPEUSE_H

#include "agent/pg/pgconn.h"

struct typeuse {
    uint32_t table;    /* pg_class.oid */
    uint32_t type;     /* pg_type.oid */
    uint32_t relation; /* pg_class.oid of what a composite type is the row of; 0: it is none */
};

struct typeuse_list {
    struct typeuse *use;
    size_t count;
};
void typeuse_list_fini(struct typeuse_list *l);
OWN_VALUE(typeuse_list, typeuse_list_fini);

/* In the connection's current transaction and snapshot. */
MUST_CHECK status typeuse_read(struct pgconn *c, struct typeuse_list *out, err *e);

#endif
