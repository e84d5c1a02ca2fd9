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

/* Days since 2000-01-01 in the Gregorian calendar, carried on before its beginning; year 0 is 1 BC, months
 * count from 1. */
int64_t pgtime_days(int64_t year, int64_t month, int64_t day);

struct pgtime_date {
    int64_t year;
    unsigned month; /* 1 to 12 */
    unsigned day;
};
struct pgtime_date pgtime_date_of(int64_t days);

#endif
