#include "proto/copybinaryvalue.h"

#include <stdlib.h>

/* The lowest 2, 4 or 8 bytes. */
static void append(struct buf *out, uint64_t value, size_t len)
{
    if (len == 2)
        buf_u16(out, (uint16_t)value);
    else if (len == 4)
        buf_u32(out, (uint32_t)value);
    else
        buf_u64(out, value);
}

static bool is_word(struct bytes text, const char *word)
{
    return text.len == strlen(word) && memcmp(text.data, word, text.len) == 0;
}

static bool is_digit(uint8_t letter)
{
    return letter >= '0' && letter <= '9';
}

/* ---- numbers ---- */

bool copybinaryvalue_integer(struct buf *out, struct bytes text, size_t len)
{
    bool negative = text.len > 0 && text.data[0] == '-';
    uint64_t limit = (UINT64_C(1) << (8 * len - 1)) - !negative;
    uint64_t value = 0;
    if (text.len == negative || text.len > 20)
        return false;
    for (size_t i = negative; i < text.len; i++) {
        if (!is_digit(text.data[i]) || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(text.data[i] - '0'), &value))
            return false;
    }
    if (value > limit)
        return false;
    append(out, negative ? 0 - value : value, len);
    return true;
}

/* What the server prints is the shortest text that is read back as the same number. No program of ours leaves
 * the C locale. */
bool copybinaryvalue_float(struct buf *out, struct bytes text, size_t len)
{
    char copy[64]; /* the server's longest is 24: -2.2250738585072014e-308 */
    char *end = NULL;
    uint64_t bits = 0;
    if (text.len == 0 || text.len >= sizeof copy || text.data[0] == ' ')
        return false;
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    if (len == 4) {
        float value = strtof(copy, &end);
        uint32_t narrow;
        memcpy(&narrow, &value, sizeof narrow);
        bits = narrow;
    } else {
        double value = strtod(copy, &end);
        memcpy(&bits, &value, sizeof bits);
    }
    append(out, bits, len);
    return *end == '\0' && end != copy;
}

#define NUMERIC_NEGATIVE 0x4000u /* src/backend/utils/adt/numeric.c */
#define NUMERIC_NAN 0xc000u
#define NUMERIC_INFINITY 0xd000u
#define NUMERIC_MINUS_INFINITY 0xf000u
#define NUMERIC_GROUP 4 /* decimal digits in a digit of its base 10000 */

static bool numeric_head(struct buf *out, size_t groups, int64_t weight, unsigned sign, size_t scale)
{
    buf_u16(out, (uint16_t)groups);
    buf_u16(out, (uint16_t)weight);
    buf_u16(out, (uint16_t)sign);
    buf_u16(out, (uint16_t)scale);
    return groups <= UINT16_MAX && weight <= INT16_MAX && scale <= INT16_MAX;
}

/* Groups of four digits; those before the point are filled up in front, those behind it at the end. */
static void numeric_groups(struct buf *out, struct bytes digits, size_t missing)
{
    unsigned group = 0;
    size_t in_group = missing;
    for (size_t i = 0; i < digits.len; i++) {
        group = group * 10 + (unsigned)(digits.data[i] - '0');
        if (++in_group < NUMERIC_GROUP)
            continue;
        buf_u16(out, (uint16_t)group);
        group = 0;
        in_group = 0;
    }
    if (in_group == 0 || digits.len == 0)
        return;
    for (; in_group < NUMERIC_GROUP; in_group++)
        group *= 10;
    buf_u16(out, (uint16_t)group);
}

static bool all_digits(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!is_digit(text.data[i]))
            return false;
    return true;
}

bool copybinaryvalue_numeric(struct buf *out, struct bytes text)
{
    if (is_word(text, "NaN"))
        return numeric_head(out, 0, 0, NUMERIC_NAN, 0);
    if (is_word(text, "Infinity"))
        return numeric_head(out, 0, 0, NUMERIC_INFINITY, 0);
    if (is_word(text, "-Infinity"))
        return numeric_head(out, 0, 0, NUMERIC_MINUS_INFINITY, 0);
    bool negative = text.len > 0 && text.data[0] == '-';
    struct bytes whole = bytes_of(text.data + negative, text.len - negative);
    struct bytes behind = bytes_of(NULL, 0);
    const uint8_t *point = whole.len > 0 ? memchr(whole.data, '.', whole.len) : NULL;
    if (point != NULL) {
        behind = bytes_of(point + 1, (size_t)(whole.data + whole.len - point - 1));
        whole.len = (size_t)(point - whole.data);
    }
    if (whole.len + behind.len == 0 || !all_digits(whole) || !all_digits(behind))
        return false;
    size_t before = (whole.len + NUMERIC_GROUP - 1) / NUMERIC_GROUP;
    size_t after = (behind.len + NUMERIC_GROUP - 1) / NUMERIC_GROUP;
    bool fits =
        numeric_head(out, before + after, (int64_t)before - 1, negative ? NUMERIC_NEGATIVE : 0, behind.len);
    numeric_groups(out, whole, before * NUMERIC_GROUP - whole.len);
    numeric_groups(out, behind, 0);
    return fits;
}

/* ---- bytes ---- */

/* What a hex digit stands for, and one; 0: it is none. A table, because random digits are what a processor
 * guesses wrong at a branch. */
static const uint8_t hex_digit[256] = {
    ['0'] = 1, ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9, ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
};

/* Pairs of hex digits; false when there are others. */
static bool hex(struct buf *out, const uint8_t *at, size_t pairs)
{
    uint8_t *to = buf_room(out, pairs);
    bool good = true;
    if (to == NULL)
        return true; /* buf_done tells */
    for (size_t i = 0; i < pairs; i++) {
        const unsigned high = hex_digit[at[2 * i]], low = hex_digit[at[2 * i + 1]];
        good &= high > 0 && low > 0;
        to[i] = (uint8_t)((high - 1) << 4 | (low - 1));
    }
    out->len += pairs;
    return good;
}

bool copybinaryvalue_bytea(struct buf *out, struct bytes text)
{
    if (text.len < 2 || text.len % 2 != 0 || text.data[0] != '\\' || text.data[1] != 'x')
        return false;
    return hex(out, text.data + 2, text.len / 2 - 1);
}

/* 8-4-4-4-12 */
bool copybinaryvalue_uuid(struct buf *out, struct bytes text)
{
    static const size_t pairs[] = {4, 2, 2, 2, 6};
    const uint8_t *at = text.data;
    if (text.len != 36)
        return false;
    for (size_t i = 0; i < 5; i++) {
        if (i > 0 && *at++ != '-')
            return false;
        if (!hex(out, at, pairs[i]))
            return false;
        at += 2 * pairs[i];
    }
    return true;
}
