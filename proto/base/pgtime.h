/*
 * pgtime: PostgreSQL's timestamps: microseconds since 2000-01-01 00:00:00 UTC
 * (src/include/datatype/timestamp.h).
 */
#ifndef PGSTRAND_PGTIME_H
#define PGSTRAND_PGTIME_H

#include <stdint.h>

#include "proto/base/err.h"

typedef int64_t pgtime;

#define PGTIME_TEXT 32 /* "2026-11-22T01:02:03.123456Z" and NUL */

/* The clock now. */
pgtime pgtime_now(void);

/* RFC 3339 in UTC with microseconds. */
const char *pgtime_format(pgtime value, char out[static PGTIME_TEXT]);

/* Accepts "2026-11-22", "2026-11-22 01:02[:03[.ffffff]]" with a space or T, and an offset (Z, +hh[:mm],
 * -hh[:mm]); without an offset it is UTC. ERR_VALIDATION otherwise. */
MUST_CHECK status pgtime_parse(const char *text, pgtime *out, err *e);

#endif
