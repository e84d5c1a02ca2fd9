/*
 * docmeta: the metadata of a document that is made.
 */
#ifndef PGSTRAND_DOCMETA_H
#define PGSTRAND_DOCMETA_H

#include "agent/document/docexport.h"
#include "agent/restore/job.h"

/* Appends the object. `device` NULL: a business backup. */
MUST_CHECK status docmeta_put(const struct job *job, const struct docexport_request *request,
                              const struct docpart_facts *business, const struct docpart_facts *device,
                              struct buf *out, err *e);

/* "15-0123456789ab": the server's major and the beginning of a SHA-256 over the schema's text. */
#define DOCMETA_SCHEMA_TEXT 32
MUST_CHECK status docmeta_schema_version(const Pgstrand__Schema *schema, char out[static DOCMETA_SCHEMA_TEXT],
                                         err *e);

#endif
