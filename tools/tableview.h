/*
 * tableview: how commands tell of a table: its name, tier, replica identity, and what is to be known about
 * it.
 */
#ifndef PGSTRAND_TABLEVIEW_H
#define PGSTRAND_TABLEVIEW_H

#include <jansson.h>

#include "agent/pg/tables.h"

/* "schema.name" */
json_t *tableview_name(const struct table_info *t);
/* {table, tier, other_tier, rule, replica_identity, partitioned, bytes}: others add their own. */
json_t *tableview_json(const struct table_info *t);

/* "business", or "device, else transient" for a rule that looks at a column. */
void tableview_tier(const struct table_info *t, struct buf *out);
/* "primary key", "index", "full row", "none", "partitioned" */
const char *tableview_identity(const struct table_info *t);

#endif
