#include "proto/valuetext.h"

#include "proto/base/pgtime.h"

#define DAY_US INT64_C(86400000000)
#define DATE_LEN 10      /* "2026-11-22" */
#define TIMESTAMP_LEN 19 /* "2026-11-22 01:02:03" */
#define FRACTION_MAX 6

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* ---- numbers ---- */

size_t valuetext_prefix(const struct bytes *text, size_t count)
{
    size_t same = text[0].len;
    for (size_t i = 1; i < count && same > 0; i++) {
        size_t k = 0;
        same = text[i].len < same ? text[i].len : same;
        while (k < same && text[i].data[k] == text[0].data[k])
            k++;
        same = k;
    }
    while (same > 0 && is_digit(text[0].data[same - 1]))
        same--;
    /* A minus alone belongs to the number. */
    return same == 1 && text[0].data[0] == '-' ? 0 : same;
}

/* What the texts seen so far have in common. */
struct look {
    size_t prefix;
    size_t digits; /* of the first one */
    size_t scale;  /* of all */
    bool even;     /* all have as many digits as the first */
    bool zero;     /* one begins with a zero that no number begins with */
    bool negative; /* one has a minus */
};

static bool take_number(struct look *l, struct bytes text, int64_t *out)
{
    const uint8_t *at = text.data + l->prefix, *end = text.data + text.len;
    const bool negative = l->prefix == 0 && at < end && *at == '-';
    at += negative;
    const size_t len = (size_t)(end - at), point = l->scale > 0 ? 1 : 0;
    if (len < l->scale + point + 1 || len - point > VALUETEXT_DIGITS_MAX)
        return false;
    const uint8_t *const dot = end - l->scale - point; /* `end` when there is none */
    int64_t value = 0;
    for (const uint8_t *p = at; p < end; p++) {
        if (p == dot && *p == '.')
            continue;
        if (!is_digit(*p) || p == dot)
            return false;
        value = value * 10 + (*p - '0');
    }
    l->even = l->even && len - point == l->digits;
    l->zero = l->zero || (*at == '0' && len - point > l->scale + 1);
    l->negative = l->negative || negative;
    *out = negative ? -value : value;
    return !negative || value != 0; /* "-0" is no number's text */
}

bool valuetext_numbers(const struct bytes *text, size_t count, size_t prefix, struct valuetext_number *form,
                       int64_t *out)
{
    const struct bytes first = text[0];
    if (first.len <= prefix || !is_digit(first.data[first.len - 1]))
        return false;
    const uint8_t *dot = memchr(first.data + prefix, '.', first.len - prefix);
    struct look l = {.prefix = prefix, .even = true};
    l.scale = dot == NULL ? 0 : (size_t)(first.data + first.len - dot) - 1;
    l.digits = first.len - prefix - (dot != NULL);
    for (size_t i = 0; i < count; i++)
        if (text[i].len < prefix || !take_number(&l, text[i], &out[i]))
            return false;
    if (l.zero && (!l.even || l.negative || l.scale > 0))
        return false;
    *form = (struct valuetext_number){
        .digits = (uint8_t)(l.zero ? l.digits : 0), .scale = (uint8_t)l.scale, .sign = prefix == 0};
    return true;
}

size_t valuetext_put_number(const struct valuetext_number *form, int64_t number,
                            uint8_t out[static VALUETEXT_NUMBER_MAX])
{
    uint8_t text[VALUETEXT_NUMBER_MAX];
    const uint64_t sign = number < 0 ? UINT64_MAX : 0;
    uint64_t left = ((uint64_t)number ^ sign) - sign;
    size_t at = sizeof text, digits = 0;
    const size_t least = form->digits > 0 ? form->digits : form->scale + 1u;
    while (left > 0 || digits < least) {
        if (digits == form->scale && digits > 0)
            text[--at] = '.';
        text[--at] = (uint8_t)('0' + left % 10);
        left /= 10;
        digits++;
    }
    if (number < 0)
        text[--at] = '-';
    memcpy(out, text + at, sizeof text - at);
    return sizeof text - at;
}

/* ---- dates and times ---- */

/* `digits` digits, or -1. */
static int digits_of(const uint8_t *at, unsigned digits)
{
    int value = 0;
    for (unsigned i = 0; i < digits; i++) {
        if (!is_digit(at[i]))
            return -1;
        value = value * 10 + (at[i] - '0');
    }
    return value;
}

/* A date that comes back the same: February 30 does not. */
static bool take_date(const uint8_t *at, int64_t *days)
{
    const int year = digits_of(at, 4), month = digits_of(at + 5, 2), day = digits_of(at + 8, 2);
    if (year < 0 || month < 1 || month > 12 || day < 1 || day > 31 || at[4] != '-' || at[7] != '-')
        return false;
    *days = pgtime_days(year, month, day);
    return day <= 28 || pgtime_date_of(*days).day == (unsigned)day;
}

/* The digits behind the point, of which the last is no zero. */
static bool take_fraction(struct bytes text, size_t *at, int64_t *us)
{
    int64_t unit = 100000;
    if (*at == text.len || text.data[*at] != '.')
        return true;
    size_t digits = 0;
    for (++*at; *at < text.len && is_digit(text.data[*at]) && digits < FRACTION_MAX; ++*at, digits++) {
        *us += unit * (text.data[*at] - '0');
        unit /= 10;
    }
    return digits > 0 && text.data[*at - 1] != '0';
}

static bool take_time(enum valuetext_time kind, struct bytes text, size_t *len, int64_t *out)
{
    *len = DATE_LEN;
    if (text.len < DATE_LEN || !take_date(text.data, out))
        return false;
    if (kind == VALUETEXT_DATE)
        return true;
    const uint8_t *at = text.data + DATE_LEN;
    if (text.len < TIMESTAMP_LEN || at[0] != ' ' || at[3] != ':' || at[6] != ':')
        return false;
    const int hour = digits_of(at + 1, 2), minute = digits_of(at + 4, 2), second = digits_of(at + 7, 2);
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59)
        return false;
    int64_t us = ((hour * 60 + minute) * 60 + second) * INT64_C(1000000);
    *len = TIMESTAMP_LEN;
    if (!take_fraction(text, len, &us))
        return false;
    *out = *out * DAY_US + us;
    return true;
}

bool valuetext_times(const struct bytes *text, size_t count, enum valuetext_time *kind, struct bytes *suffix,
                     int64_t *out)
{
    *kind = text[0].len >= TIMESTAMP_LEN ? VALUETEXT_TIMESTAMP : VALUETEXT_DATE;
    for (size_t i = 0; i < count; i++) {
        size_t len = 0;
        if (!take_time(*kind, text[i], &len, &out[i]))
            return false;
        const struct bytes rest = bytes_of(text[i].data + len, text[i].len - len);
        /* Something that could be read as a part of the time would not come back. */
        if (i == 0 && rest.len > 0 && (is_digit(rest.data[0]) || rest.data[0] == '.'))
            return false;
        if (i == 0)
            *suffix = rest;
        else if (!bytes_equal(rest, *suffix))
            return false;
    }
    return true;
}

static uint8_t *put_digits(uint8_t *at, unsigned value, unsigned digits)
{
    for (unsigned i = digits; i > 0; i--, value /= 10)
        at[i - 1] = (uint8_t)('0' + value % 10);
    return at + digits;
}

static uint8_t *put_fraction(uint8_t *at, unsigned us)
{
    unsigned digits = FRACTION_MAX;
    if (us == 0)
        return at;
    for (; us % 10 == 0; us /= 10)
        digits--;
    *at++ = '.';
    return put_digits(at, us, digits);
}

size_t valuetext_put_time(enum valuetext_time kind, int64_t number, uint8_t out[static VALUETEXT_TIME_MAX])
{
    const int64_t unit = kind == VALUETEXT_DATE ? 1 : DAY_US;
    const int64_t days = number / unit - (number % unit < 0);
    if (days < pgtime_days(0, 1, 1) || days > pgtime_days(9999, 12, 31))
        return 0;
    const int64_t of_day = number - days * unit;
    const struct pgtime_date date = pgtime_date_of(days);
    uint8_t *at = put_digits(out, (unsigned)date.year, 4);
    *at++ = '-';
    at = put_digits(at, date.month, 2);
    *at++ = '-';
    at = put_digits(at, date.day, 2);
    if (kind == VALUETEXT_DATE)
        return DATE_LEN;
    const unsigned seconds = (unsigned)(of_day / 1000000);
    *at++ = ' ';
    at = put_digits(at, seconds / 3600, 2);
    *at++ = ':';
    at = put_digits(at, seconds / 60 % 60, 2);
    *at++ = ':';
    at = put_digits(at, seconds % 60, 2);
    return (size_t)(put_fraction(at, (unsigned)(of_day % 1000000)) - out);
}

/* ---- UUIDs ---- */

static bool is_dash(size_t at)
{
    return at == 8 || at == 13 || at == 18 || at == 23;
}

/* 1 + the value of a lower-case digit; 0: it is none. A table, because digits that are random are not
 * foreseen by a branch. */
static const uint8_t hex_value[256] = {
    ['0'] = 1, ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9, ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
};

bool valuetext_uuid(struct bytes text, uint8_t *out, size_t stride)
{
    if (text.len != VALUETEXT_UUID_LEN)
        return false;
    bool sound = true;
    for (size_t at = 0; at < VALUETEXT_UUID_LEN; at += 2) {
        if (is_dash(at))
            sound = sound && text.data[at++] == '-';
        const unsigned high = hex_value[text.data[at]], low = hex_value[text.data[at + 1]];
        sound = sound && high != 0 && low != 0;
        *out = (uint8_t)((high - 1) << 4 | (low - 1));
        out += stride;
    }
    return sound;
}

void valuetext_put_uuid(const uint8_t *raw, size_t stride, uint8_t out[static VALUETEXT_UUID_LEN])
{
    static const char hex[] = "0123456789abcdef";
    for (size_t at = 0; at < VALUETEXT_UUID_LEN; at += 2, raw += stride) {
        if (is_dash(at))
            out[at++] = '-';
        out[at] = (uint8_t)hex[*raw >> 4];
        out[at + 1] = (uint8_t)hex[*raw & 15];
    }
}
