/*
 * docname: what tables are called in the JSON documents: the name alone in schema public, schema.name
 * elsewhere.
 */
#ifndef PGSTRAND_DOCNAME_H
#define PGSTRAND_DOCNAME_H

#include <snapshot.pb-c.h>

#include "proto/base/buf.h"

void docname_put(struct buf *out, const Pgstrand__Table *t);

/* The table that a document means: by that name, else the only one of this name in any schema. NULL: none. */
const Pgstrand__Table *docname_find(const Pgstrand__Schema *schema, const char *name);

#endif
