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

bool tuple_next(struct tuple *t, struct value *out)
{
    if (t->next >= t->count)
        return false;
    uint8_t kind = reader_u8(&t->rest);
    *out = (struct value){.kind = (enum value_kind)kind, .text = {(const uint8_t *)"", 0}};
    if (kind == VALUE_TEXT || kind == VALUE_BINARY)
        out->text = reader_bytes(&t->rest, reader_u32(&t->rest));
    else if (kind != VALUE_NULL && kind != VALUE_UNCHANGED)
        reader_fail(&t->rest);
    if (!reader_ok(&t->rest))
        return false;
    t->next++;
    return true;
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
