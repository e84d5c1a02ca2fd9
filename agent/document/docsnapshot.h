/*
 * docsnapshot: the staged tables of a document as a FULL.
 */
#ifndef PGSTRAND_DOCSNAPSHOT_H
#define PGSTRAND_DOCSNAPSHOT_H

#include "agent/datadir.h"
#include "agent/document/docimport.h"
#include "agent/pg/pgconn.h"
#include "agent/progress.h"

/* A table of the schema, and what the document has of it. */
struct docstaged {
    Pgstrand__Table table; /* shallow copy: what it points at is the schema's */
    char *rowfile;         /* NULL: the document does not have it */
    uint64_t rows;
};

struct docsnapshot {
    struct datadir *d;
    const struct progress *progress;
    const struct docimport_request *request;
    const struct docfacts *facts;
    const Pgstrand__Schema *schema;
    struct docstaged *staged; /* by the schema's tables that have rows at all */
    size_t count;
    int server_version;
    struct pgconn *conn;
    char *note; /* a file that names the chain's folder while it is written */
};

MUST_CHECK status docsnapshot_write(const struct docsnapshot *s, struct docimport_result *out, err *e);

/* What a killed import left of the chain that its note names; without a note nothing. */
MUST_CHECK status docsnapshot_tidy(const char *note, err *e);

#endif
