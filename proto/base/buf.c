#include "proto/base/buf.h"

#include <stdarg.h>

void buf_fini(struct buf *b)
{
    free(b->data);
    *b = (struct buf){0};
}

void buf_shed(struct buf *b, size_t keep)
{
    if (b->cap > keep)
        buf_fini(b);
    buf_reset(b);
}

status buf_done(const struct buf *b, err *e)
{
    return b->bad ? err_no_memory(e) : DONE;
}

static bool grow(struct buf *b, size_t needed)
{
    size_t cap = b->cap == 0 ? 256 : b->cap;
    while (cap < needed) {
        if (cap > SIZE_MAX / 2)
            return false;
        cap *= 2;
    }
    uint8_t *data = realloc(b->data, cap);
    if (data == NULL)
        return false;
    b->data = data;
    b->cap = cap;
    return true;
}

uint8_t *buf_grow(struct buf *b, size_t more)
{
    if (b->bad || more > SIZE_MAX - b->len || !grow(b, b->len + more)) {
        b->bad = true;
        return NULL;
    }
    return b->data + b->len;
}

void buf_bytes(struct buf *b, const void *data, size_t len)
{
    if (len == 0)
        return;
    uint8_t *room = buf_room(b, len);
    if (room == NULL)
        return;
    memcpy(room, data, len);
    b->len += len;
}

void buf_text(struct buf *b, const char *text)
{
    buf_bytes(b, text, strlen(text));
}

void buf_printf(struct buf *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int needed = vsnprintf(NULL, 0, format, args);
    va_end(args);
    uint8_t *room = needed < 0 ? NULL : buf_room(b, (size_t)needed + 1);
    if (room == NULL)
        b->bad = true;
    else {
        (void)vsnprintf((char *)room, (size_t)needed + 1, format, again);
        b->len += (size_t)needed;
    }
    va_end(again);
}

static void big_endian(struct buf *b, uint64_t value, size_t width)
{
    uint8_t raw[8];
    for (size_t i = width; i > 0; i--, value >>= 8)
        raw[i - 1] = (uint8_t)value;
    buf_bytes(b, raw, width);
}

static void little_endian(struct buf *b, uint64_t value, size_t width)
{
    uint8_t raw[8];
    for (size_t i = 0; i < width; i++, value >>= 8)
        raw[i] = (uint8_t)value;
    buf_bytes(b, raw, width);
}

void buf_u16(struct buf *b, uint16_t value)
{
    big_endian(b, value, 2);
}

void buf_u32(struct buf *b, uint32_t value)
{
    big_endian(b, value, 4);
}

void buf_u64(struct buf *b, uint64_t value)
{
    big_endian(b, value, 8);
}

void buf_le32(struct buf *b, uint32_t value)
{
    little_endian(b, value, 4);
}

void buf_le64(struct buf *b, uint64_t value)
{
    little_endian(b, value, 8);
}

void buf_varint(struct buf *b, uint64_t value)
{
    uint8_t raw[10];
    size_t len = 0;
    for (; value >= 0x80; value >>= 7)
        raw[len++] = (uint8_t)(value | 0x80);
    raw[len++] = (uint8_t)value;
    buf_bytes(b, raw, len);
}

const char *buf_cstring(struct buf *b)
{
    uint8_t *end = buf_room(b, 1);
    if (end == NULL)
        return "";
    *end = '\0';
    return (const char *)b->data;
}

char *buf_take_cstring(struct buf *b)
{
    if (*buf_cstring(b) == '\0' && b->bad)
        return NULL;
    char *text = (char *)b->data;
    *b = (struct buf){0};
    return text;
}
