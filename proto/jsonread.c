#include "proto/jsonread.h"

#include <string.h>

#define DEPTH_MAX 64 /* of nested values; PostgreSQL would stop later */

static void skip_space(struct reader *r)
{
    while (r->left > 0 && (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r'))
        (void)reader_u8(r);
}

bool jsonread_take(struct reader *r, uint8_t wanted)
{
    skip_space(r);
    if (r->left == 0 || *r->at != wanted)
        return false;
    (void)reader_u8(r);
    return true;
}

static uint32_t hex4(struct reader *r)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        const uint8_t c = reader_u8(r);
        if (c >= '0' && c <= '9')
            value = value * 16 + (uint32_t)(c - '0');
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            value = value * 16 + (uint32_t)((c | 0x20) - 'a' + 10);
        else
            reader_fail(r);
    }
    return value;
}

/* UTF-8 (RFC 3629). A lone surrogate is malformed, and so is NUL, which PostgreSQL's text cannot hold. */
static void put_code_point(struct reader *r, uint32_t c, struct buf *out)
{
    if (c >= 0xD800 && c <= 0xDBFF) {
        const bool pair = reader_u8(r) == '\\' && reader_u8(r) == 'u';
        const uint32_t low = hex4(r);
        if (!pair || low < 0xDC00 || low > 0xDFFF)
            reader_fail(r);
        c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
    } else if (c == 0 || (c >= 0xDC00 && c <= 0xDFFF)) {
        reader_fail(r);
    }
    if (c < 0x80) {
        buf_u8(out, (uint8_t)c);
    } else if (c < 0x800) {
        buf_u8(out, (uint8_t)(0xC0 | c >> 6));
        buf_u8(out, (uint8_t)(0x80 | (c & 0x3F)));
    } else if (c < 0x10000) {
        buf_u8(out, (uint8_t)(0xE0 | c >> 12));
        buf_u8(out, (uint8_t)(0x80 | (c >> 6 & 0x3F)));
        buf_u8(out, (uint8_t)(0x80 | (c & 0x3F)));
    } else {
        buf_u8(out, (uint8_t)(0xF0 | c >> 18));
        buf_u8(out, (uint8_t)(0x80 | (c >> 12 & 0x3F)));
        buf_u8(out, (uint8_t)(0x80 | (c >> 6 & 0x3F)));
        buf_u8(out, (uint8_t)(0x80 | (c & 0x3F)));
    }
}

static void escape(struct reader *r, struct buf *out)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    const uint8_t c = reader_u8(r);
    const char *at = c != 0 ? strchr(from, c) : NULL;
    if (c == 'u')
        put_code_point(r, hex4(r), out);
    else if (at != NULL)
        buf_u8(out, (uint8_t)to[at - from]);
    else
        reader_fail(r);
}

bool jsonread_string(struct reader *r, struct buf *out)
{
    buf_reset(out);
    if (!jsonread_take(r, '"'))
        return false;
    while (reader_ok(r)) {
        const uint8_t c = reader_u8(r);
        if (c == '"')
            return reader_ok(r);
        if (c == '\\')
            escape(r, out);
        else
            buf_u8(out, c);
    }
    return false;
}

static bool take_word(struct reader *r, const char *word)
{
    const size_t len = strlen(word);
    skip_space(r);
    if (r->left < len || memcmp(r->at, word, len) != 0)
        return false;
    (void)reader_bytes(r, len);
    return true;
}

bool jsonread_null(struct reader *r)
{
    return take_word(r, "null");
}

bool jsonread_bool(struct reader *r, bool *out)
{
    *out = take_word(r, "true");
    return *out || take_word(r, "false");
}

bool jsonread_number(struct reader *r, int64_t *out)
{
    uint64_t value = 0;
    skip_space(r);
    const bool negative = jsonread_take(r, '-');
    if (r->left == 0 || *r->at < '0' || *r->at > '9')
        return false;
    while (r->left > 0 && *r->at >= '0' && *r->at <= '9') {
        const uint64_t digit = (uint64_t)(reader_u8(r) - '0');
        if (value > ((uint64_t)INT64_MAX - digit) / 10) {
            reader_fail(r);
            return false;
        }
        value = value * 10 + digit;
    }
    *out = negative ? -(int64_t)value : (int64_t)value;
    return true;
}

static bool is_next(const struct reader *r, const char *any)
{
    return r->left > 0 && *r->at != '\0' && strchr(any, *r->at) != NULL;
}

static bool skip_digits(struct reader *r)
{
    bool some = false;
    while (is_next(r, "0123456789"))
        some = reader_u8(r) != 0;
    return some;
}

/* Numbers with a fraction or an exponent, too. */
static bool skip_number(struct reader *r)
{
    if (is_next(r, "-"))
        (void)reader_u8(r);
    if (!skip_digits(r))
        return false;
    if (is_next(r, ".")) {
        (void)reader_u8(r);
        if (!skip_digits(r))
            return false;
    }
    if (!is_next(r, "eE"))
        return true;
    (void)reader_u8(r);
    if (is_next(r, "+-"))
        (void)reader_u8(r);
    return skip_digits(r);
}

static bool skip_value(struct reader *r, int depth, struct buf *scratch);

/* The members of an object or the elements of an array, behind the opening bracket. */
static bool skip_members(struct reader *r, uint8_t end, int depth, struct buf *scratch)
{
    if (jsonread_take(r, end))
        return true;
    do {
        if (end == '}' && (!jsonread_string(r, scratch) || !jsonread_take(r, ':')))
            return false;
        if (!skip_value(r, depth + 1, scratch))
            return false;
    } while (jsonread_take(r, ','));
    return jsonread_take(r, end);
}

static bool skip_value(struct reader *r, int depth, struct buf *scratch)
{
    bool ignored;
    if (depth > DEPTH_MAX)
        reader_fail(r);
    skip_space(r);
    if (!reader_ok(r) || r->left == 0)
        return false;
    if (jsonread_take(r, '{'))
        return skip_members(r, '}', depth, scratch);
    if (jsonread_take(r, '['))
        return skip_members(r, ']', depth, scratch);
    if (*r->at == '"')
        return jsonread_string(r, scratch);
    return jsonread_null(r) || jsonread_bool(r, &ignored) || skip_number(r);
}

bool jsonread_skip(struct reader *r)
{
    OWNED(buf) struct buf scratch = {0};
    return skip_value(r, 0, &scratch);
}

bool jsonread_raw(struct reader *r, struct bytes *raw)
{
    skip_space(r);
    const uint8_t *start = r->at;
    const bool any = jsonread_skip(r) && reader_ok(r);
    *raw = bytes_of(start, any ? (size_t)(r->at - start) : 0);
    return any;
}

bool jsonread_end(struct reader *r)
{
    skip_space(r);
    return reader_ok(r) && r->left == 0;
}
