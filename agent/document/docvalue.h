/*
 * docvalue: a JSON value as PostgreSQL's text for a column: the way back of docrow, and what other programs
 * write: arrays as JSON arrays, bytes as {"type": "Buffer", "data": [...]}. What the text means is the
 * server's to judge. Pure.
 */
#ifndef PGSTRAND_DOCVALUE_H
#define PGSTRAND_DOCVALUE_H

#include "proto/base/buf.h"

enum docvalue_kind {
    DOCVALUE_TEXT,
    DOCVALUE_JSON,  /* json, jsonb */
    DOCVALUE_ARRAY, /* of anything */
    DOCVALUE_BYTES  /* bytea */
};

/* `raw` is one value as it stands. *null: SQL NULL; else *out is replaced by the text. ERR_VALIDATION when
 * such a column cannot hold such a value. */
MUST_CHECK status docvalue_text(enum docvalue_kind kind, struct bytes raw, struct buf *out, bool *null,
                                err *e);

#endif
