/*
 * base: table bases: the rows of tables, each with the LSN they are exact at, copied by several connections
 * under one exported snapshot into staged row files (store/rowfile.h), recorded in the catalogue one by one
 * as they become durable.
 *
 * A base that was interrupted goes on with the tables that have no record: under a new snapshot and so with a
 * later LSN.
 */
#ifndef PGSTRAND_BASE_H
#define PGSTRAND_BASE_H

#include "agent/datadir.h"
#include "agent/pg/tables.h"
#include "agent/progress.h"

struct base_request {
    const char *conninfo;
    const char *snapshot; /* exported; stays valid until base_copy returns */
    lsn lsn;              /* rows are exact just before this commit LSN */
    int jobs;             /* connections */
    struct gate *gate;    /* closed for the schema's dump, opened after it; NULL: none */
    bool rows_only;       /* no schema is dumped beside them: the chain has it already */
    bool here;            /* the server is on this machine, and takes of its processors */
    /* Holds the tables against rewrites since before the snapshot; given up when somebody waits for one of
     * them. NULL: nobody does. */
    struct pgconn *locks;
};

/*
 * Copies every table of `tables` that has rows of a tier that is written and no record in the catalogue yet.
 * Biggest first; large tables by ctid ranges are one row file all the same. On failure what is complete stays
 * for the next time. ERR_TIMEOUT when a table was truncated or rewritten behind the snapshot, a label of an
 * enum type renamed, or the snapshot has gone with its connection: with a newer one it can be taken.
 */
MUST_CHECK status base_copy(struct datadir *d, const struct base_request *request,
                            const struct table_list *tables, const struct progress *progress, err *e);

/* Removes records and files whose table is not among `tables`, or has another tier there, and files without a
 * record. Start of a base. */
MUST_CHECK status base_tidy(struct datadir *d, const struct table_list *tables, err *e);

/* Forgets all staged bases: after they were sealed. */
MUST_CHECK status base_clear(struct datadir *d, err *e);

#endif
