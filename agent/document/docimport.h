/*
 * docimport: a JSON document, version 2.0 or 1, becomes a snapshot: the FULL of a chain of its own, in an
 * incarnation of its own, beside the device's chain. It restores like any other (--to-snapshot UUID); nothing
 * descends from it.
 *
 * The document has rows and no schema: the tables are those of the own chain at its end, and the database
 * that is captured here reads the values (doctable.h). The chain's node is the one that the document names,
 * so that a restore knows whether it is of the same device; one that is no UUID, and version 1's unknown one,
 * become a UUID by their name.
 *
 * Memory: one row. Failure: nothing is left behind, wherever it stops: what is staged lies in DATA/import,
 * which the next import clears, and a snapshot exists when its commit does.
 */
#ifndef PGSTRAND_DOCIMPORT_H
#define PGSTRAND_DOCIMPORT_H

#include "agent/datadir.h"
#include "agent/document/docfacts.h"
#include "agent/progress.h"

struct docimport_request {
    const char *path;
    const char *name; /* for restore --to-name; NULL: none */
    bool lenient;     /* tables and columns that the schema does not have are left out, and said */
};

struct docimport_result {
    uuid snapshot;
    uuid node;
    enum docfacts_version version;
    bool same_device;
    bool full_device;
    uint64_t tables, rows, size;
};

MUST_CHECK status docimport_run(struct datadir *d, const struct docimport_request *request,
                                const struct progress *progress, struct docimport_result *out, err *e);

#endif
