#include "proto/jsonwrite.h"

#include <ctype.h>

/* Bytes of the character that begins here; 0: it is not UTF-8. */
static size_t character(const uint8_t *at, size_t left)
{
    const uint8_t c = at[0];
    const size_t len = c < 0x80                 ? 1
                       : c >= 0xC2 && c <= 0xDF ? 2
                       : (c & 0xF0) == 0xE0     ? 3
                       : c >= 0xF0 && c <= 0xF4 ? 4
                                                : 0;
    if (len == 0 || len > left)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((at[i] & 0xC0) != 0x80)
            return 0;
    if ((c == 0xE0 && at[1] < 0xA0) || (c == 0xED && at[1] > 0x9F) || (c == 0xF0 && at[1] < 0x90) ||
        (c == 0xF4 && at[1] > 0x8F))
        return 0;
    return len;
}

static void put_control(struct buf *out, uint8_t c)
{
    static const char from[] = "\b\f\n\r\t";
    static const char to[] = "bfnrt";
    const char *at = c != 0 ? strchr(from, c) : NULL;
    if (at != NULL)
        buf_printf(out, "\\%c", to[at - from]);
    else
        buf_printf(out, "\\u%04x", c);
}

static void put_character(struct buf *out, const uint8_t *at, size_t len)
{
    if (*at < 0x20)
        put_control(out, *at);
    else if (*at == '"' || *at == '\\')
        buf_bytes(out, (const uint8_t[]){'\\', *at}, 2);
    else
        buf_bytes(out, at, len);
}

/* Characters that are written as they are. */
static bool is_plain(uint8_t c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* Writes as far as it is UTF-8 and returns how far. */
static size_t put_valid(struct buf *out, struct bytes text)
{
    size_t at = 0;
    while (at < text.len) {
        size_t run = at;
        while (run < text.len && is_plain(text.data[run]))
            run++;
        buf_bytes(out, text.data + at, run - at);
        at = run;
        if (at == text.len)
            break;
        const size_t len = character(text.data + at, text.len - at);
        if (len == 0)
            break;
        put_character(out, text.data + at, len);
        at += len;
    }
    return at;
}

bool jsonwrite_string(struct buf *out, struct bytes text)
{
    buf_u8(out, '"');
    const bool whole = put_valid(out, text) == text.len;
    buf_u8(out, '"');
    return whole;
}

void jsonwrite_text(struct buf *out, const char *text)
{
    if (text == NULL) {
        buf_text(out, "null");
        return;
    }
    struct bytes left = bytes_text(text);
    buf_u8(out, '"');
    for (;;) {
        const size_t at = put_valid(out, left);
        if (at == left.len)
            break;
        buf_text(out, "\xEF\xBF\xBD");
        left = bytes_of(left.data + at + 1, left.len - at - 1);
    }
    buf_u8(out, '"');
}

void jsonwrite_compact(struct buf *out, struct bytes text)
{
    bool string = false;
    size_t run = 0;
    for (size_t i = 0; i < text.len; i++) {
        const uint8_t c = text.data[i];
        if (c == '"')
            string = !string;
        else if (string && c == '\\')
            i++;
        else if (!string && (c == ' ' || c == '\n' || c == '\t' || c == '\r')) {
            buf_bytes(out, text.data + run, i - run);
            run = i + 1;
        }
    }
    buf_bytes(out, text.data + run, text.len - run);
}

static size_t digits(struct bytes text, size_t at)
{
    size_t count = 0;
    while (at + count < text.len && isdigit(text.data[at + count]))
        count++;
    return count;
}

bool jsonwrite_is_number(struct bytes text)
{
    size_t at = text.len > 0 && text.data[0] == '-' ? 1 : 0;
    const size_t whole = digits(text, at);
    if (whole == 0 || (whole > 1 && text.data[at] == '0'))
        return false;
    at += whole;
    if (at < text.len && text.data[at] == '.') {
        const size_t fraction = digits(text, ++at);
        if (fraction == 0)
            return false;
        at += fraction;
    }
    if (at < text.len && (text.data[at] | 0x20) == 'e') {
        at++;
        if (at < text.len && (text.data[at] == '+' || text.data[at] == '-'))
            at++;
        const size_t exponent = digits(text, at);
        if (exponent == 0)
            return false;
        at += exponent;
    }
    return at == text.len;
}
