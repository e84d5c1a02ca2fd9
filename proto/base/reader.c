#include "proto/base/reader.h"

void reader_fail(struct reader *r)
{
    r->bad = true;
    r->left = 0;
}

static uint64_t little_endian(struct reader *r, size_t width)
{
    const uint8_t *p = reader_take(r, width);
    uint64_t value = 0;
    for (size_t i = width; p != NULL && i > 0; i--)
        value = value << 8 | p[i - 1];
    return value;
}

uint64_t reader_u64(struct reader *r)
{
    const uint8_t *p = reader_take(r, 8);
    uint64_t value = 0;
    for (size_t i = 0; p != NULL && i < 8; i++)
        value = value << 8 | p[i];
    return value;
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

const char *reader_cstring(struct reader *r)
{
    const uint8_t *end = r->left == 0 ? NULL : memchr(r->at, '\0', r->left);
    if (end == NULL) {
        reader_fail(r);
        return "";
    }
    return (const char *)reader_take(r, (size_t)(end - r->at) + 1);
}

status reader_done(const struct reader *r, const char *what, err *e)
{
    if (r->bad)
        return err_set(e, ERR_STORAGE, "%s is truncated or malformed", what);
    if (r->left > 0)
        return err_set(e, ERR_STORAGE, "%s has %zu bytes after its end", what, r->left);
    return DONE;
}
