/*
 * docexport: the state at a seq as one JSON document, version 2.0: metadata, businessData and, in a
 * full-device backup, deviceData; each part with its SHA-256. Tables are members of a part (docname.h), rows
 * objects (docrow.h).
 *
 * Memory is bounded whatever the size: the fold spills, and the parts lie on disk until the metadata is known
 * (twice the document's size in DATA/spool and where it goes).
 */
#ifndef PGSTRAND_DOCEXPORT_H
#define PGSTRAND_DOCEXPORT_H

#include "agent/document/docpart.h"
#include "agent/restore/restore.h"

struct docexport_request {
    /* from, node, target, tables, memory and the filter are looked at */
    struct restore_request what;
    bool full_device;       /* with the device tier */
    const char *created_by; /* NULL: "system" */
};

/* `sink` gets the document; when it fails, what it has got is no document. The report is as a restore's: seq,
 * tables, warnings. *facts: of businessData and deviceData together. */
MUST_CHECK status docexport_run(struct datadir *d, const struct docexport_request *request,
                                const struct progress *progress, const struct docsink *sink,
                                struct restore_result *report, struct docpart_facts *facts, err *e);

#endif
