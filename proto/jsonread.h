/*
 * jsonread: reads JSON text (RFC 8259) value by value, for content that PostgreSQL's functions wrote. Strings
 * come as UTF-8; a lone surrogate is malformed, and so is NUL, which PostgreSQL's text cannot hold.
 *
 * Pure. Every function returns false when what it wants is not there; when the text is malformed the reader
 * is bad as well. White space before a value is stepped over.
 */
#ifndef PGSTRAND_JSONREAD_H
#define PGSTRAND_JSONREAD_H

#include "proto/base/buf.h"
#include "proto/base/reader.h"

/* The next character must be this one: { } [ ] : or a comma. */
bool jsonread_take(struct reader *r, uint8_t wanted);

/* Replaces the content of `out`. */
bool jsonread_string(struct reader *r, struct buf *out);
bool jsonread_null(struct reader *r);
bool jsonread_bool(struct reader *r, bool *out);
/* A whole number within +-(2^63 - 1). */
bool jsonread_number(struct reader *r, int64_t *out);

/* Steps over one value of any kind. */
bool jsonread_skip(struct reader *r);
/* The same; *raw is the value as it stands. */
bool jsonread_raw(struct reader *r, struct bytes *raw);

/* Nothing but white space is left. */
bool jsonread_end(struct reader *r);

#endif
