/*
 * lsn: a position in PostgreSQL's write-ahead log, in bytes. Written as two hexadecimal halves,
 * "16/B374D848".
 */
#ifndef PGSTRAND_LSN_H
#define PGSTRAND_LSN_H

#include <stdint.h>

#include "proto/base/err.h"

typedef uint64_t lsn;

#define LSN_NONE ((lsn)0)
#define LSN_TEXT 18 /* "FFFFFFFF/FFFFFFFF" and NUL */

/* Writes the text into `out` and returns it. */
const char *lsn_format(lsn value, char out[static LSN_TEXT]);

/* Fails with ERR_VALIDATION when `text` is not an LSN. */
MUST_CHECK status lsn_parse(const char *text, lsn *out, err *e);

#endif
