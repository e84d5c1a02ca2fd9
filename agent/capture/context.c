#include "agent/capture/context.h"

#include "proto/base/reader.h"

static void skip_space(struct reader *r)
{
    while (r->left > 0 && (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r'))
        (void)reader_u8(r);
}

/* The next character after white space must be this one. */
static bool take(struct reader *r, uint8_t wanted)
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

static bool take_string(struct reader *r, struct buf *out)
{
    buf_reset(out);
    if (!take(r, '"'))
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

static bool take_string_or_null(struct reader *r, struct buf *out)
{
    skip_space(r);
    buf_reset(out);
    if (r->left >= 4 && memcmp(r->at, "null", 4) == 0) {
        (void)reader_bytes(r, 4);
        return true;
    }
    return take_string(r, out);
}

static bool parse(struct reader *r, struct buf *user, struct buf *session)
{
    OWNED(buf) struct buf name = {0};
    OWNED(buf) struct buf other = {0};
    if (!take(r, '{'))
        return false;
    if (take(r, '}'))
        return true;
    do {
        if (!take_string(r, &name) || !take(r, ':'))
            return false;
        struct buf *out = bytes_equal(buf_view(&name), bytes_text("user"))      ? user
                          : bytes_equal(buf_view(&name), bytes_text("session")) ? session
                                                                                : &other;
        if (!take_string_or_null(r, out))
            return false;
    } while (take(r, ','));
    return take(r, '}');
}

bool context_parse(struct bytes content, struct buf *user, struct buf *session)
{
    struct reader r = reader_over(content);
    buf_reset(user);
    buf_reset(session);
    const bool good = parse(&r, user, session);
    skip_space(&r);
    if (good && r.left == 0 && !user->bad && !session->bad)
        return true;
    buf_reset(user);
    buf_reset(session);
    return false;
}
