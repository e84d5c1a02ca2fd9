/*
 * valuetext: texts of values that stand for a number, and the way back: integers and decimals behind a common
 * prefix, dates and timestamps of DateStyle ISO, UUIDs. What cannot be had back byte for byte is not taken.
 * Pure.
 */
#ifndef PGSTRAND_VALUETEXT_H
#define PGSTRAND_VALUETEXT_H

#include "proto/base/buf.h"

#define VALUETEXT_DIGITS_MAX 18 /* decimal digits that always fit 63 bits */
#define VALUETEXT_NUMBER_MAX 24 /* a sign, 20 digits, a point and what fills up */
#define VALUETEXT_TIME_MAX 26   /* "2026-11-22 01:02:03.123456" */
#define VALUETEXT_UUID_LEN 36

/* How the numbers of a column are written. */
struct valuetext_number {
    uint8_t digits; /* all of so many, filled up with zeroes; 0: as many as it takes */
    uint8_t scale;  /* of them behind the point; 0: there is no point */
    bool sign;      /* a minus may stand before */
};

/*
 * The form that all texts have behind the first `prefix` bytes of each, and their numbers in *out. False when
 * there is none.
 */
MUST_CHECK bool valuetext_numbers(const struct bytes *text, size_t count, size_t prefix,
                                  struct valuetext_number *form, int64_t *out);
/* How many of their first bytes they have in common, up to where a number may begin. */
size_t valuetext_prefix(const struct bytes *text, size_t count);
/* Writes it into `out` and returns its length; any form and any number. */
size_t valuetext_put_number(const struct valuetext_number *form, int64_t number,
                            uint8_t out[static VALUETEXT_NUMBER_MAX]);

enum valuetext_time { VALUETEXT_DATE = 1, VALUETEXT_TIMESTAMP = 2 };

/* All texts are dates (days since 2000-01-01), or timestamps (microseconds since then), followed by the same
 * `suffix` (an offset), which is borrowed from the first of them. False when not. */
MUST_CHECK bool valuetext_times(const struct bytes *text, size_t count, enum valuetext_time *kind,
                                struct bytes *suffix, int64_t *out);
/* The length; 0: not a time of the years 0 to 9999. */
MUST_CHECK size_t valuetext_put_time(enum valuetext_time kind, int64_t number,
                                     uint8_t out[static VALUETEXT_TIME_MAX]);

/* 36 lower-case characters from and to 16 bytes that lie `stride` apart. */
MUST_CHECK bool valuetext_uuid(struct bytes text, uint8_t *out, size_t stride);
void valuetext_put_uuid(const uint8_t *raw, size_t stride, uint8_t out[static VALUETEXT_UUID_LEN]);

#endif
