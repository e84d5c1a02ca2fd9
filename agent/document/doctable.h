/*
 * doctable: the rows of one table of a document into a staged row file (store/rowfile.h). They go through a
 * temporary table of the database that is captured here: the server reads what the document has, in whatever
 * form its types allow, fills in defaults, and gives the rows back in its own form, which is what a snapshot
 * holds and a restore proves.
 *
 * All in one transaction that is rolled back: the database stays as it was.
 */
#ifndef PGSTRAND_DOCTABLE_H
#define PGSTRAND_DOCTABLE_H

#include <snapshot.pb-c.h>

#include "agent/pg/pgconn.h"
#include "proto/base/digest.h"
#include "proto/jsonstream.h"

struct doctable_request {
    const Pgstrand__Table *table;
    const char *rowfile;
    int level;    /* zstd */
    bool lenient; /* columns that the table does not have are left out and counted */
};

struct doctable_result {
    struct table_digest digest;
    uint64_t given;   /* rows in the document */
    uint64_t unknown; /* values of columns that the table does not have */
};

/* The stream stands before the list of rows. */
MUST_CHECK status doctable_take(struct pgconn *c, struct jsonstream *s,
                                const struct doctable_request *request, struct doctable_result *out, err *e);

#endif
