/*
 * jsonwrite: values of COPY's text as JSON text. Pure.
 */
#ifndef PGSTRAND_JSONWRITE_H
#define PGSTRAND_JSONWRITE_H

#include "proto/base/buf.h"

/* Appends a string in quotes, escaped. False when it is not UTF-8 (RFC 3629); `out` then holds a part of it.
 */
bool jsonwrite_string(struct buf *out, struct bytes text);

/* The same of a C string that is UTF-8; what is not becomes U+FFFD. NULL: null. */
void jsonwrite_text(struct buf *out, const char *text);

/* Appends JSON text without the white space between its values; `text` begins outside of a string. */
void jsonwrite_compact(struct buf *out, struct bytes text);

/* Is it a number as JSON writes them? PostgreSQL writes NaN and Infinity, too. */
bool jsonwrite_is_number(struct bytes text);

#endif
