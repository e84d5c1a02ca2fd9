/*
 * docrow: a row as a JSON object. Whole numbers up to 15 digits and finite floats are numbers, booleans are
 * booleans, json and jsonb stand as they are, timestamps as ISO 8601 has them; everything else is a string of
 * PostgreSQL's text: numeric and long integers too, since readers would round them.
 *
 * A json value that JSON text alone would not bring back (null, one nested too deeply) is {"$json": "its
 * text"}.
 */
#ifndef PGSTRAND_DOCROW_H
#define PGSTRAND_DOCROW_H

#include <snapshot.pb-c.h>

#include "proto/base/buf.h"

#define DOCROW_JSON "$json" /* the only member of such an object */

struct docrow {
    const Pgstrand__Table *table;
    struct bytes *column; /* of the row at hand */
    struct buf scratch;
};

/* `t` is borrowed. */
MUST_CHECK status docrow_init(struct docrow *r, const Pgstrand__Table *t, err *e);
void docrow_fini(struct docrow *r);
OWN_VALUE(docrow, docrow_fini);

/* Appends the object of a COPY line without its line end. */
MUST_CHECK status docrow_put(struct docrow *r, struct bytes line, struct buf *out, err *e);

#endif
