/*
 * fkgraph: the foreign keys between the tables of a plan, as the text of the schema in force has them. A key
 * of or to a partitioned table is one of or to each of its partitions.
 *
 * Ownership: fkgraph_make fills, fkgraph_fini releases; the plan outlives it. Threads: immutable once made.
 */
#ifndef PGSTRAND_FKGRAPH_H
#define PGSTRAND_FKGRAPH_H

#include "agent/restore/plan/plan.h"

#define FKGRAPH_COLUMNS 32 /* INDEX_MAX_KEYS of PostgreSQL: columns of a key */

/* What a foreign key leads to: some columns of a table, or of all partitions of one. */
struct fkgraph_target {
    struct bytes table, columns; /* as the text names them */
    size_t *part;                /* numbers of the plan's tables */
    size_t part_count;
    uint16_t count; /* of columns */
};

struct fkgraph_edge {
    size_t from;   /* number of the plan's table */
    size_t target; /* index */
    uint16_t count;
    uint16_t column[FKGRAPH_COLUMNS]; /* places in the table's rows */
    struct bytes constraint;          /* its name, quoted where needed */
};

struct fkgraph {
    const struct plan *plan;
    struct fkgraph_target *target;
    size_t target_count;
    struct fkgraph_edge *edge; /* by table */
    size_t edge_count;
    struct fkgraph_branch { /* partitions */
        struct bytes root, part;
    } * branch;
    size_t branch_count;
};

MUST_CHECK status fkgraph_make(const struct plan *p, struct fkgraph *out, err *e);
void fkgraph_fini(struct fkgraph *g);
OWN_VALUE(fkgraph, fkgraph_fini);

/* Places of a target's columns in the rows of one of its parts. False: it does not have them. */
bool fkgraph_places(const struct fkgraph *g, const struct fkgraph_target *t, size_t part,
                    uint16_t place[static FKGRAPH_COLUMNS]);

/* Is the plan's table this one, or a partition of it? `name`: schema.table, or the table alone in any schema.
 */
bool fkgraph_is_called(const struct fkgraph *g, size_t table, const char *name);

#endif
