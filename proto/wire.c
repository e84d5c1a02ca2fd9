/*
 * A field is a key varint, number << 3 | type, and then
 *     type 0  a varint            type 1  8 bytes, little-endian
 *     type 2  a varint length     type 5  4 bytes, little-endian
 *             and that many bytes
 */
#include "proto/wire.h"

enum { VARINT = 0, FIXED64 = 1, DELIMITED = 2, FIXED32 = 5 };

#define VARINT_MAX 10                   /* bytes of the longest varint */
#define NUMBER_MAX UINT32_C(0x1fffffff) /* field numbers have 29 bits */

static uint8_t *put_varint(uint8_t *at, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        *at++ = (uint8_t)(value | 0x80);
    *at++ = (uint8_t)value;
    return at;
}

/* A key and a varint, with room for `more` bytes behind them. */
static void put_pair(struct buf *b, uint64_t key, uint64_t value, size_t more)
{
    /* A length near SIZE_MAX must not wrap around to a small one; buf_room refuses it. */
    size_t needed = more > SIZE_MAX - 2 * VARINT_MAX ? SIZE_MAX : more + 2 * VARINT_MAX;
    uint8_t *at = buf_room(b, needed);
    if (at == NULL)
        return;
    uint8_t *end = put_varint(put_varint(at, key), value);
    b->len += (size_t)(end - at);
}

void wire_uint(struct buf *b, uint32_t field, uint64_t value)
{
    put_pair(b, (uint64_t)field << 3 | VARINT, value, 0);
}

void wire_sint(struct buf *b, uint32_t field, int64_t value)
{
    wire_uint(b, field, wire_zigzag(value));
}

void wire_bytes(struct buf *b, uint32_t field, struct bytes value)
{
    put_pair(b, (uint64_t)field << 3 | DELIMITED, value.len, value.len);
    buf_bytes(b, value.data, value.len);
}

void wire_bytes_head(struct buf *b, uint32_t field, size_t len)
{
    put_pair(b, (uint64_t)field << 3 | DELIMITED, len, 0);
}

static void read_value(struct reader *r, struct wire_field *out)
{
    switch (out->type) {
    case VARINT:
        out->value = reader_varint(r);
        break;
    case FIXED64:
        out->value = reader_le64(r);
        break;
    case DELIMITED:
        out->bytes = reader_bytes(r, reader_varint(r));
        break;
    case FIXED32:
        out->value = reader_le32(r);
        break;
    default: /* groups (3 and 4) are not used in proto2 messages of ours */
        reader_fail(r);
    }
}

bool wire_next(struct reader *r, struct wire_field *out)
{
    if (r->bad || r->left == 0)
        return false;
    uint64_t key = reader_varint(r);
    uint64_t number = key >> 3;
    if (number == 0 || number > NUMBER_MAX)
        reader_fail(r);
    *out = (struct wire_field){.number = (uint32_t)number, .type = key & 7};
    if (reader_ok(r))
        read_value(r, out);
    return reader_ok(r);
}

uint64_t wire_zigzag(int64_t value)
{
    uint64_t sign = value < 0 ? UINT64_MAX : 0;
    return (uint64_t)value << 1 ^ sign;
}

int64_t wire_unzigzag(uint64_t value)
{
    uint64_t sign = (value & 1) != 0 ? UINT64_MAX : 0;
    return (int64_t)(value >> 1 ^ sign);
}

size_t wire_varint_size(uint64_t value)
{
    size_t size = 1;
    for (; value >= 0x80; value >>= 7)
        size++;
    return size;
}
