/*
 * docfacts: what a JSON document is, found by reading all of it once: which version, its metadata, and
 * whether its checksums fit. Nothing is believed of it before that, and nothing changed.
 *
 * Version 2.0 is {metadata, businessData[, deviceData]}; version 1 has no metadata: its members are tables.
 *
 * Ownership: docfacts_read fills, docfacts_fini releases. Failure: ERR_VALIDATION.
 */
#ifndef PGSTRAND_DOCFACTS_H
#define PGSTRAND_DOCFACTS_H

#include "proto/base/digest.h"
#include "proto/base/pgtime.h"
#include "proto/jsonstream.h"

enum docfacts_version { DOCFACTS_V1 = 1, DOCFACTS_V2 = 2 };

struct docfacts {
    enum docfacts_version version;
    /* Of the metadata; NULL: not said. Version 1 has none of it. */
    char *source_node, *source_device, *device_name, *hostname, *platform, *created_by, *schema_version;
    char *business;    /* the one it is of */
    char *dataset;     /* only pgstrand writes it */
    bool without_demo; /* businessFilter.includeDemoData is false */
    bool full_device;  /* backupType */
    pgtime time;       /* not said: now */
    uint64_t records;  /* as stats say; UINT64_MAX: they do not */
};

MUST_CHECK status docfacts_read(const struct jsonstream_source *source, struct docfacts *out, err *e);
void docfacts_fini(struct docfacts *f);
OWN_VALUE(docfacts, docfacts_fini);

/* A value of the document, say a row, is at most this long: PostgreSQL has none that is longer. */
#define DOCFACTS_VALUE_MAX ((size_t)1 << 30)

#endif
