/*
 * basetask: the pieces of work of a base copy: a table, or a range of a large table's pages, each into one
 * row file.
 *
 * A table is cut into parts only for one base: parts of different LSNs never stand side by side, so an
 * incomplete set is taken again whole.
 */
#ifndef PGSTRAND_BASETASK_H
#define PGSTRAND_BASETASK_H

#include "agent/base/base.h"

/* A part of a large table has at least so many pages (of 8 KiB): 32 MiB, a tenth of a second's work. Smaller
 * ones gain nothing, larger ones leave connections idle at the end. */
#define BASETASK_PAGES 4096
/* However large the table: each part is a file and a record. */
#define BASETASK_PARTS_MAX 256

struct basetask {
    const struct table_info *table;
    uint32_t part;
    uint32_t parts;
    int64_t first_page; /* of this part */
    int64_t end_page;   /* behind it; -1: to the end of the table */
    int64_t weight;     /* bytes expected, for order and progress */
};

struct basetasks {
    struct basetask *task; /* biggest first */
    size_t count;
    int64_t weight;
};
void basetasks_fini(struct basetasks *tasks);
OWN_VALUE(basetasks, basetasks_fini);

/* Everything of `tables` that has no complete record in the catalogue. */
MUST_CHECK status basetasks_plan(struct datadir *d, const struct base_request *request,
                                 const struct table_list *tables, struct basetasks *out, err *e);

/*
 * Are large tables shared between connections? A range of pages costs the server a sixth more than the table
 * as it is, and the connection to a server on this machine keeps two processors busy, its own and ours: where
 * there are no more, a second one on the same table only takes turns. Who asks for more connections than
 * there are processors wants them all the same.
 */
bool basetasks_shared(const struct base_request *request, long processors);

/* "<oid>-<part>.rows" */
#define BASETASK_FILE 32
void basetask_file(const struct basetask *task, char out[static BASETASK_FILE]);

/* COPY ... TO STDOUT for the task. */
void basetask_command(const struct basetask *task, struct buf *sql);

struct catalog_key basetask_key(uint32_t oid, uint32_t part);

#endif
