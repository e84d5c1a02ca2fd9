#include "proto/copybinary.h"

#include "proto/copybinaryvalue.h"
#include "proto/copytext.h"
#include "proto/pgtype.h"
#include "proto/rowsum.h"

#define COLUMN_SHOWN 40 /* bytes of a value in a message */

enum copybinary_form copybinary_form_of(uint32_t type, int64_t modifier, bool is_enum)
{
    static const struct {
        uint32_t type;
        enum copybinary_form form;
    } forms[] = {
        {PGTYPE_BOOL, COPYBINARY_BOOL},           {PGTYPE_BYTEA, COPYBINARY_BYTEA},
        {PGTYPE_INT8, COPYBINARY_INT8},           {PGTYPE_INT2, COPYBINARY_INT2},
        {PGTYPE_INT4, COPYBINARY_INT4},           {PGTYPE_TEXT, COPYBINARY_TEXT},
        {PGTYPE_JSON, COPYBINARY_TEXT},           {PGTYPE_FLOAT4, COPYBINARY_FLOAT4},
        {PGTYPE_FLOAT8, COPYBINARY_FLOAT8},       {PGTYPE_BPCHAR, COPYBINARY_TEXT},
        {PGTYPE_VARCHAR, COPYBINARY_TEXT},        {PGTYPE_DATE, COPYBINARY_DATE},
        {PGTYPE_TIMESTAMP, COPYBINARY_TIMESTAMP}, {PGTYPE_TIMESTAMPTZ, COPYBINARY_TIMESTAMP},
        {PGTYPE_NUMERIC, COPYBINARY_NUMERIC},     {PGTYPE_UUID, COPYBINARY_UUID},
        {PGTYPE_JSONB, COPYBINARY_JSONB},
    };
    if (is_enum)
        return COPYBINARY_TEXT;
    if (type == PGTYPE_BPCHAR && modifier >= 0)
        return COPYBINARY_BPCHAR;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        if (forms[i].type == type)
            return forms[i].form;
    return COPYBINARY_NONE;
}

bool copybinary_value(struct buf *out, enum copybinary_form form, struct bytes text)
{
    switch (form) {
    case COPYBINARY_NONE:
        return false;
    case COPYBINARY_BOOL:
        buf_u8(out, text.len == 1 && text.data[0] == 't');
        return text.len == 1 && (text.data[0] == 't' || text.data[0] == 'f');
    case COPYBINARY_INT2:
        return copybinaryvalue_integer(out, text, 2);
    case COPYBINARY_INT4:
        return copybinaryvalue_integer(out, text, 4);
    case COPYBINARY_INT8:
        return copybinaryvalue_integer(out, text, 8);
    case COPYBINARY_FLOAT4:
        return copybinaryvalue_float(out, text, 4);
    case COPYBINARY_FLOAT8:
        return copybinaryvalue_float(out, text, 8);
    case COPYBINARY_NUMERIC:
        return copybinaryvalue_numeric(out, text);
    case COPYBINARY_JSONB:
        buf_u8(out, 1); /* version */
        buf_bytes(out, text.data, text.len);
        return true;
    case COPYBINARY_BPCHAR:
        text = bytes_unpadded(text);
        buf_bytes(out, text.data, text.len);
        return true;
    case COPYBINARY_TEXT:
        buf_bytes(out, text.data, text.len);
        return true;
    case COPYBINARY_BYTEA:
        return copybinaryvalue_bytea(out, text);
    case COPYBINARY_UUID:
        return copybinaryvalue_uuid(out, text);
    case COPYBINARY_DATE:
        return copybinaryvalue_date(out, text);
    case COPYBINARY_TIMESTAMP:
        return copybinaryvalue_timestamp(out, text);
    }
    return false;
}

void copybinary_begin(struct buf *out)
{
    static const uint8_t head[] = {'P', 'G', 'C', 'O', 'P', 'Y', '\n', 0xff, '\r', '\n',
                                   0,   0,   0,   0,   0,   0,   0,    0,    0};
    buf_bytes(out, head, sizeof head);
}

void copybinary_end(struct buf *out)
{
    buf_u16(out, UINT16_MAX);
}

static status malformed(struct bytes column, size_t number, err *e)
{
    int shown = column.len > COLUMN_SHOWN ? COLUMN_SHOWN : (int)column.len;
    return err_set(e, ERR_STORAGE, "\"%.*s\" in column %zu is not a value of its type; run pgstrand verify",
                   shown, column.len == 0 ? "" : (const char *)column.data, number + 1);
}

/* One value of the row; the length goes before it, and is known after it. */
static status append(struct buf *out, enum copybinary_form form, struct bytes text, size_t number,
                     struct rowsum *sum, err *e)
{
    size_t at = out->len;
    buf_u32(out, 0);
    if (!copybinary_value(out, form, text))
        return malformed(text, number, e);
    TRY(buf_done(out, e));
    size_t len = out->len - at - 4;
    for (size_t i = 0; i < 4; i++)
        out->data[at + i] = (uint8_t)(len >> (24 - 8 * i));
    if (sum != NULL)
        rowsum_value(sum, rowsum_kind_of(form), number, text, bytes_of(out->data + at + 4, len));
    return DONE;
}

/* The column of this number, taken off what is left of the line. */
static status next_column(struct bytes *rest, size_t columns, size_t number, struct bytes *column, err *e)
{
    const uint8_t *stop = rest->len > 0 ? memchr(rest->data, '\t', rest->len) : NULL;
    const bool last = number + 1 == columns;
    if ((stop == NULL) != last)
        return err_set(e, ERR_STORAGE,
                       "a row does not have the %zu columns of its table; run pgstrand verify", columns);
    *column = bytes_of(rest->data, stop == NULL ? rest->len : (size_t)(stop - rest->data));
    if (!last)
        *rest = bytes_of(stop + 1, rest->len - column->len - 1);
    return DONE;
}

/* The same without its escapes, in `scratch` where it has any; *null: it has no value. */
static status read_column(struct bytes *rest, size_t columns, size_t number, struct buf *scratch,
                          struct bytes *column, bool *null, err *e)
{
    *null = false;
    TRY(next_column(rest, columns, number, column, e));
    if (column->len == 0 || memchr(column->data, '\\', column->len) == NULL)
        return DONE;
    buf_reset(scratch);
    *null = !copytext_unescape(*column, scratch);
    TRY(buf_done(scratch, e));
    *column = buf_view(scratch);
    return DONE;
}

static void append_null(struct buf *out, size_t number, struct rowsum *sum)
{
    buf_u32(out, UINT32_MAX);
    if (sum != NULL)
        rowsum_null(sum, number);
}

status copybinary_line(struct buf *out, const enum copybinary_form *form, size_t columns, struct bytes line,
                       struct buf *scratch, struct rowsum *sum, err *e)
{
    buf_u16(out, (uint16_t)columns);
    for (size_t i = 0; i < columns; i++) {
        struct bytes column;
        bool null;
        TRY(read_column(&line, columns, i, scratch, &column, &null, e));
        if (null)
            append_null(out, i, sum);
        else
            TRY(append(out, form[i], column, i, sum, e));
    }
    if (sum != NULL)
        rowsum_end_row(sum);
    return buf_done(out, e);
}

/* A value that is hashed by its binary form is made of digits and letters: it has no escapes, and so does not
 * lie in `scratch`. */
static status sum_value(struct rowsum *sum, enum copybinary_form form, struct bytes text, size_t number,
                        struct buf *scratch, err *e)
{
    const enum rowsum_kind kind = rowsum_kind_of(form);
    if (kind == ROWSUM_TEXT || kind == ROWSUM_BPCHAR) {
        rowsum_value(sum, kind, number, text, (struct bytes){0});
        return DONE;
    }
    if (text.data == scratch->data && text.len > 0)
        return malformed(text, number, e);
    buf_reset(scratch);
    if (!copybinary_value(scratch, form, text))
        return malformed(text, number, e);
    TRY(buf_done(scratch, e));
    rowsum_value(sum, kind, number, text, buf_view(scratch));
    return DONE;
}

status copybinary_sum(const enum copybinary_form *form, size_t columns, struct bytes line,
                      struct buf *scratch, struct rowsum *sum, err *e)
{
    for (size_t i = 0; i < columns; i++) {
        struct bytes column;
        bool null;
        TRY(read_column(&line, columns, i, scratch, &column, &null, e));
        if (null)
            rowsum_null(sum, i);
        else
            TRY(sum_value(sum, form[i], column, i, scratch, e));
    }
    rowsum_end_row(sum);
    return DONE;
}
