/*
 * baseschema: the schema that goes with staged table bases: dumped under the same exported snapshot, staged
 * beside the rows.
 */
#ifndef PGSTRAND_BASESCHEMA_H
#define PGSTRAND_BASESCHEMA_H

#include <snapshot.pb-c.h>

#include "agent/base/base.h"
#include "agent/pg/schema.h"

#define BASESCHEMA_FILE "schema.pb" /* in DATA/base: a Schema message without tables */

/* A read-only transaction under the request's snapshot. */
MUST_CHECK status baseschema_begin(const struct base_request *request, struct pgconn *conn, err *e);

/* A connection inside a read-only transaction under the request's snapshot. */
MUST_CHECK status baseschema_connect(const struct base_request *request, struct pgconn **out, err *e);

/* Was one staged before? */
MUST_CHECK status baseschema_is_staged(struct datadir *d, bool *staged, err *e);

/*
 * Dumps the schema under the request's snapshot and stages it. When one is staged already (an interrupted
 * base) and its fingerprint differs, the bases staged with it are of another schema: all are forgotten and
 * taken again.
 */
MUST_CHECK status baseschema_stage(struct datadir *d, const struct base_request *request, err *e);

/* The dump as a message without tables; it borrows from the text. */
void baseschema_message(struct schema_text *text, Pgstrand__Schema *out);

/* What was staged; ERR_STORAGE when there is none. Free with pbmem_free. */
MUST_CHECK status baseschema_load(struct datadir *d, Pgstrand__Schema **out, err *e);

#endif
