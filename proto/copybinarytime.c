#include "proto/copybinaryvalue.h"

#include "proto/base/pgtime.h"

/* Dates and times: "2026-11-22", "2026-11-22 06:10:00.25+00", "0044-03-15 BC", "infinity". */

#define DAY_US INT64_C(86400000000)
#define SECOND_US INT64_C(1000000)
#define YEAR_DIGITS 7 /* up to 5874897 */

/* What is left of a text. */
struct cursor {
    const uint8_t *at, *end;
};

static bool skip(struct cursor *c, char letter)
{
    bool is = c->at < c->end && *c->at == (uint8_t)letter;
    c->at += is;
    return is;
}

static bool number(struct cursor *c, size_t least, size_t most, int64_t *out)
{
    size_t digits = 0;
    *out = 0;
    for (; digits < most && c->at < c->end && *c->at >= '0' && *c->at <= '9'; digits++)
        *out = *out * 10 + (*c->at++ - '0');
    return digits >= least;
}

struct date {
    int64_t year, month, day;
};

static bool date(struct cursor *c, struct date *d)
{
    return number(c, 4, YEAR_DIGITS, &d->year) && skip(c, '-') && number(c, 2, 2, &d->month) &&
           skip(c, '-') && number(c, 2, 2, &d->day) && d->month >= 1 && d->month <= 12 && d->day >= 1 &&
           d->day <= 31;
}

/* The end of the text, after " BC" if it is there. */
static bool era(struct cursor *c, struct date *d)
{
    if (skip(c, ' ')) {
        if (!skip(c, 'B') || !skip(c, 'C'))
            return false;
        d->year = 1 - d->year;
    }
    return c->at == c->end;
}

static bool fraction(struct cursor *c, int64_t *us)
{
    int64_t value = 0;
    const uint8_t *from = c->at;
    if (!number(c, 1, 6, &value))
        return false;
    for (size_t digits = (size_t)(c->at - from); digits < 6; digits++)
        value *= 10;
    *us += value;
    return true;
}

static bool clock_time(struct cursor *c, int64_t *us)
{
    int64_t hour, minute, second;
    if (!number(c, 2, 2, &hour) || !skip(c, ':') || !number(c, 2, 2, &minute) || !skip(c, ':') ||
        !number(c, 2, 2, &second))
        return false;
    *us = ((hour * 60 + minute) * 60 + second) * SECOND_US;
    return !skip(c, '.') || fraction(c, us);
}

/* "+00", "-03:30": what must be taken off to come to UTC. */
static bool zone(struct cursor *c, int64_t *us)
{
    bool west = false;
    int64_t hour, minute = 0, second = 0;
    *us = 0;
    if (!skip(c, '+')) {
        west = skip(c, '-');
        if (!west)
            return true;
    }
    if (!number(c, 2, 2, &hour) || (skip(c, ':') && !number(c, 2, 2, &minute)) ||
        (skip(c, ':') && !number(c, 2, 2, &second)))
        return false;
    *us = ((hour * 60 + minute) * 60 + second) * SECOND_US * (west ? -1 : 1);
    return true;
}

static bool infinite(struct bytes text, bool *negative)
{
    *negative = text.len > 0 && text.data[0] == '-';
    return text.len == 8u + *negative && memcmp(text.data + *negative, "infinity", 8) == 0;
}

bool copybinaryvalue_date(struct buf *out, struct bytes text)
{
    struct cursor c = {text.data, text.data + text.len};
    struct date d;
    bool negative;
    if (infinite(text, &negative)) {
        buf_u32(out, (uint32_t)(negative ? UINT64_C(0x80000000) : INT32_MAX));
        return true;
    }
    if (!date(&c, &d) || !era(&c, &d))
        return false;
    buf_u32(out, (uint32_t)pgtime_days(d.year, d.month, d.day));
    return true;
}

bool copybinaryvalue_timestamp(struct buf *out, struct bytes text)
{
    struct cursor c = {text.data, text.data + text.len};
    struct date d;
    int64_t time, offset;
    bool negative;
    if (infinite(text, &negative)) {
        buf_u64(out, (uint64_t)(negative ? UINT64_C(1) << 63 : INT64_MAX));
        return true;
    }
    if (!date(&c, &d) || !skip(&c, ' ') || !clock_time(&c, &time) || !zone(&c, &offset) || !era(&c, &d))
        return false;
    int64_t day = pgtime_days(d.year, d.month, d.day), us;
    if (__builtin_mul_overflow(day, DAY_US, &us) || __builtin_add_overflow(us, time - offset, &us))
        return false;
    buf_u64(out, (uint64_t)us);
    return true;
}
