#include "proto/copybinary.h"

#include "proto/copybinaryvalue.h"
#include "proto/copytext.h"
#include "proto/rowsum.h"

#define COLUMN_SHOWN 40 /* bytes of a value in a message */

enum copybinary_form copybinary_form_of(uint32_t type, bool is_enum)
{
    static const struct {
        uint32_t type;
        enum copybinary_form form;
    } forms[] = {
        {16, COPYBINARY_BOOL},        {17, COPYBINARY_BYTEA},       {20, COPYBINARY_INT8},
        {21, COPYBINARY_INT2},        {23, COPYBINARY_INT4},        {25, COPYBINARY_TEXT},
        {114, COPYBINARY_TEXT},       {700, COPYBINARY_FLOAT4},     {701, COPYBINARY_FLOAT8},
        {1042, COPYBINARY_TEXT},      {1043, COPYBINARY_TEXT},      {1082, COPYBINARY_DATE},
        {1114, COPYBINARY_TIMESTAMP}, {1184, COPYBINARY_TIMESTAMP}, {1700, COPYBINARY_NUMERIC},
        {2950, COPYBINARY_UUID},      {3802, COPYBINARY_JSONB},
    };
    if (is_enum)
        return COPYBINARY_TEXT;
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

static status append_column(struct buf *out, enum copybinary_form form, struct bytes column,
                            struct buf *scratch, size_t number, struct rowsum *sum, err *e)
{
    if (column.len == 0 || memchr(column.data, '\\', column.len) == NULL)
        return append(out, form, column, number, sum, e);
    buf_reset(scratch);
    if (!copytext_unescape(column, scratch)) {
        buf_u32(out, UINT32_MAX);
        if (sum != NULL)
            rowsum_null(sum, number);
        return DONE;
    }
    TRY(buf_done(scratch, e));
    return append(out, form, buf_view(scratch), number, sum, e);
}

status copybinary_line(struct buf *out, const enum copybinary_form *form, size_t columns, struct bytes line,
                       struct buf *scratch, struct rowsum *sum, err *e)
{
    const uint8_t *at = line.data, *end = line.data + line.len;
    buf_u16(out, (uint16_t)columns);
    for (size_t i = 0; i < columns; i++) {
        const uint8_t *stop = at < end ? memchr(at, '\t', (size_t)(end - at)) : NULL;
        if ((stop == NULL) != (i + 1 == columns))
            return err_set(e, ERR_STORAGE,
                           "a row does not have the %zu columns of its table; run pgstrand verify", columns);
        if (stop == NULL)
            stop = end;
        TRY(append_column(out, form[i], bytes_of(at, (size_t)(stop - at)), scratch, i, sum, e));
        at = stop + 1;
    }
    if (sum != NULL)
        rowsum_end_row(sum);
    return buf_done(out, e);
}
