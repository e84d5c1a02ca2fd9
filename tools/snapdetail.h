/*
 * snapdetail: what only the sections of a snapshot tell: rows by table, versions, the configuration that
 * travels.
 */
#ifndef PGSTRAND_SNAPDETAIL_H
#define PGSTRAND_SNAPDETAIL_H

#include <jansson.h>

#include "store/chain.h"

/* Adds schema_version, tables, entities, config and ratio to the object of snapview. */
MUST_CHECK status snapdetail_add(const struct chain_link *link, json_t **o, err *e);

#endif
