/*
 * tuple: TupleData of pgoutput, kept as sent: u16 column count, then per column a kind byte and, for 't' and
 * 'b', a u32 length and the value (PostgreSQL documentation, "Logical Replication Message Formats").
 */
#ifndef PGSTRAND_TUPLE_H
#define PGSTRAND_TUPLE_H

#include "proto/base/buf.h"
#include "proto/base/reader.h"

enum value_kind { VALUE_NULL = 'n', VALUE_UNCHANGED = 'u', VALUE_TEXT = 't', VALUE_BINARY = 'b' };

struct value {
    enum value_kind kind;
    struct bytes text; /* of 't' and 'b'; borrowed */
};

/* Steps over one TupleData at the reader's place and returns its bytes; the reader goes bad when it is
 * malformed. */
struct bytes tuple_skip(struct reader *r);

struct tuple {
    struct reader rest;
    uint16_t count; /* columns in all */
    uint16_t next;  /* the column that tuple_next returns next, from 0 */
};

struct tuple tuple_open(struct bytes raw);

/* The next column; false after the last one and when the input is malformed (then rest.bad). In the header
 * because every value of every row passes through it. */
static inline bool tuple_next(struct tuple *t, struct value *out)
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

/* Does any column hold unchanged TOAST? Malformed input: false. */
bool tuple_has_unchanged(struct bytes raw);

/*
 * The other binary form of a row, record_send's with columns of bytea (src/backend/utils/adt/rowtypes.c: i32
 * columns, per column u32 type, i32 length or -1 for NULL, the value), appended as a TupleData of text. False
 * when it is malformed or has another number of columns.
 */
bool tuple_of_record(struct bytes record, uint16_t columns, struct buf *out);

/* Writing one: header with the count, then values. */
void tuple_begin(struct buf *out, uint16_t count);
void tuple_put(struct buf *out, struct value v);

#endif
