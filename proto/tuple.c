/*
 *     u16            columns
 *     per column:    u8 kind
 *                    't' and 'b' only: u32 length, that many bytes
 * Integers are big-endian.
 */
#include "proto/tuple.h"

struct bytes tuple_skip(struct reader *r)
{
    const uint8_t *start = r->at;
    unsigned count = reader_u16(r);
    for (; count > 0 && reader_ok(r); count--) {
        uint8_t kind = reader_u8(r);
        if (kind == VALUE_TEXT || kind == VALUE_BINARY)
            (void)reader_take(r, reader_u32(r));
        else if (kind != VALUE_NULL && kind != VALUE_UNCHANGED)
            reader_fail(r);
    }
    return reader_ok(r) ? bytes_of(start, (size_t)(r->at - start)) : bytes_of("", 0);
}

struct tuple tuple_open(struct bytes raw)
{
    struct tuple t = {.rest = reader_over(raw)};
    t.count = reader_u16(&t.rest);
    return t;
}

bool tuple_has_unchanged(struct bytes raw)
{
    struct tuple t = tuple_open(raw);
    struct value v;
    bool found = false;
    while (tuple_next(&t, &v))
        found = found || v.kind == VALUE_UNCHANGED;
    return found && reader_ok(&t.rest);
}

void tuple_begin(struct buf *out, uint16_t count)
{
    buf_u16(out, count);
}

void tuple_put(struct buf *out, struct value v)
{
    buf_u8(out, (uint8_t)v.kind);
    if (v.kind != VALUE_TEXT && v.kind != VALUE_BINARY)
        return;
    if (v.text.len > UINT32_MAX) { /* no length field for it; PostgreSQL's values end at 1 GB */
        out->bad = true;
        return;
    }
    buf_u32(out, (uint32_t)v.text.len);
    buf_bytes(out, v.text.data, v.text.len);
}

bool tuple_of_record(struct bytes record, uint16_t columns, struct buf *out)
{
    struct reader r = reader_over(record);
    if (reader_u32(&r) != columns)
        return false;
    tuple_begin(out, columns);
    for (uint16_t i = 0; i < columns; i++) {
        (void)reader_u32(&r); /* the type */
        const uint32_t len = reader_u32(&r);
        struct value v = {.kind = len == UINT32_MAX ? VALUE_NULL : VALUE_TEXT};
        if (v.kind == VALUE_TEXT)
            v.text = reader_bytes(&r, len);
        tuple_put(out, v);
    }
    return reader_ok(&r) && r.left == 0;
}
