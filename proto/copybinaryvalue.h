/*
 * copybinaryvalue: single values of COPY's binary format, for copybinary.c. All return false when the text is
 * not such a value as the server writes it; what was appended must be cut off then. Pure.
 */
#ifndef PGSTRAND_COPYBINARYVALUE_H
#define PGSTRAND_COPYBINARYVALUE_H

#include "proto/base/buf.h"

MUST_CHECK bool copybinaryvalue_integer(struct buf *out, struct bytes text, size_t len); /* 2, 4 or 8 */
MUST_CHECK bool copybinaryvalue_float(struct buf *out, struct bytes text, size_t len);   /* 4 or 8 */
MUST_CHECK bool copybinaryvalue_numeric(struct buf *out, struct bytes text);
MUST_CHECK bool copybinaryvalue_bytea(struct buf *out, struct bytes text); /* in hex */
MUST_CHECK bool copybinaryvalue_uuid(struct buf *out, struct bytes text);
MUST_CHECK bool copybinaryvalue_date(struct buf *out, struct bytes text); /* datestyle ISO */
MUST_CHECK bool copybinaryvalue_timestamp(struct buf *out, struct bytes text);

#endif
