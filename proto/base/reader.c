#include "proto/base/reader.h"

/* The next len bytes, or NULL: the only place where the cursor moves. */
static const uint8_t *advance(struct reader *r, size_t len)
{
    if (r->bad || r->left < len) {
        reader_fail(r);
        return NULL;
    }
    const uint8_t *start = r->at;
    r->at += len;
    r->left -= len;
    return start;
}

void reader_fail(struct reader *r)
{
    r->bad = true;
    r->left = 0;
}

static uint64_t big_endian(struct reader *r, size_t width)
{
    const uint8_t *p = advance(r, width);
    uint64_t value = 0;
    for (size_t i = 0; p != NULL && i < width; i++)
        value = value << 8 | p[i];
    return value;
}

static uint64_t little_endian(struct reader *r, size_t width)
{
    const uint8_t *p = advance(r, width);
    uint64_t value = 0;
    for (size_t i = width; p != NULL && i > 0; i--)
        value = value << 8 | p[i - 1];
    return value;
}

uint8_t reader_u8(struct reader *r)
{
    const uint8_t *p = advance(r, 1);
    return p == NULL ? 0 : *p;
}

uint16_t reader_u16(struct reader *r)
{
    return (uint16_t)big_endian(r, 2);
}

uint32_t reader_u32(struct reader *r)
{
    return (uint32_t)big_endian(r, 4);
}

uint64_t reader_u64(struct reader *r)
{
    return big_endian(r, 8);
}

uint32_t reader_le32(struct reader *r)
{
    return (uint32_t)little_endian(r, 4);
}

uint64_t reader_le64(struct reader *r)
{
    return little_endian(r, 8);
}

uint64_t reader_varint(struct reader *r)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte = reader_u8(r);
        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            return value;
    }
    reader_fail(r);
    return 0;
}

struct bytes reader_bytes(struct reader *r, size_t len)
{
    const uint8_t *p = advance(r, len);
    return p == NULL ? (struct bytes){(const uint8_t *)"", 0} : (struct bytes){p, len};
}

const char *reader_cstring(struct reader *r)
{
    const uint8_t *end = r->left == 0 ? NULL : memchr(r->at, '\0', r->left);
    if (end == NULL) {
        reader_fail(r);
        return "";
    }
    return (const char *)advance(r, (size_t)(end - r->at) + 1);
}

status reader_done(const struct reader *r, const char *what, err *e)
{
    if (r->bad)
        return err_set(e, ERR_STORAGE, "%s is truncated or malformed", what);
    if (r->left > 0)
        return err_set(e, ERR_STORAGE, "%s has %zu bytes after its end", what, r->left);
    return DONE;
}
