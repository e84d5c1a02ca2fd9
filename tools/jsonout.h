/*
 * jsonout: JSON on stdout: the one adapter of jansson.
 *
 * A function that cannot make its value returns NULL, and NULL in an object or array makes that NULL too, so
 * that one look at the end (jsonout_print) finds every shortage of memory. Values of unknown encoding are
 * made UTF-8 (what is not becomes U+FFFD).
 */
#ifndef PGSTRAND_JSONOUT_H
#define PGSTRAND_JSONOUT_H

#include <jansson.h>

#include "proto/base/buf.h"
#include "proto/base/lsn.h"
#include "proto/base/own.h"
#include "proto/base/pgtime.h"
#include "proto/base/uuid.h"

/* OWNED(json) json_t *x */
static inline void json_cleanup(json_t **value)
{
    json_decref(*value);
}

json_t *jsonout_uuid(const uuid *id); /* nil or NULL: null */
json_t *jsonout_lsn(lsn value);       /* LSN_NONE: null */
json_t *jsonout_time(pgtime value);
json_t *jsonout_count(uint64_t value);
json_t *jsonout_text(const char *text); /* NULL: null */
json_t *jsonout_bytes(struct bytes text);
json_t *jsonout_hex(struct bytes raw);

/* Puts `value` (whose ownership goes over) under `key`; *object becomes NULL when anything is. */
void jsonout_set(json_t **object, const char *key, json_t *value);
void jsonout_append(json_t **array, json_t *value);

enum jsonout_shape { JSONOUT_DOCUMENT, JSONOUT_LINE };

/* Prints the value with a line end; ERR_STORAGE when memory was out while making it or stdout takes no more.
 */
MUST_CHECK status jsonout_print(const json_t *value, enum jsonout_shape shape, err *e);

/* Appends it as one line without line end; ERR_STORAGE when memory was out. */
MUST_CHECK status jsonout_line(const json_t *value, struct buf *out, err *e);

/* The same facts for people: "key   value", one a line, nested ones indented; nulls are left out. */
MUST_CHECK status jsonout_facts(const json_t *object, FILE *to, err *e);

#endif
