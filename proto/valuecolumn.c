/*
 *     u8        form; 128 added: the values are of several kinds
 *     kinds     of several: a byte each value; else one byte for all ('t', 'b', 'n', 'u')
 *   and of the texts, when there are any,
 *     SAME      varint length, the text
 *     NUMBERS   varint length, what stands before each; u8 digits, u8 scale; integers
 *     TIMES     varint length, what stands behind each; u8 1 date, 2 timestamp; integers
 *     UUIDS     the first byte of each, then the second byte of each ... 16 in all
 *     EVEN      varint length of each; the texts
 *     TEXTS     varint length of all; the texts, a NUL behind each
 *     BYTES     integers: their lengths; the texts
 *     EVEN2     varint length, what stands before each; the rest as EVEN
 *     TEXTS2    varint length, what stands before each; the rest as TEXTS
 */
#include "proto/valuecolumn.h"

enum form { NOTHING = 0, SAME, NUMBERS, TIMES, UUIDS, EVEN, TEXTS, BYTES, EVEN2, TEXTS2 };

#define MIXED 128u
#define UUID_BYTES 16

status valuecolumn_draft_init(struct valuecolumn_draft *d, size_t most, err *e)
{
    *d = (struct valuecolumn_draft){.kind = calloc(most, sizeof *d->kind),
                                    .text = calloc(most, sizeof *d->text),
                                    .number = calloc(most, sizeof *d->number)};
    if (d->kind != NULL && d->text != NULL && d->number != NULL)
        return DONE;
    valuecolumn_draft_fini(d);
    return err_no_memory(e);
}

void valuecolumn_draft_fini(struct valuecolumn_draft *d)
{
    free(d->kind);
    free(d->text);
    free(d->number);
    *d = (struct valuecolumn_draft){0};
}

/* ---- writing ---- */

static void put_bytes(struct buf *out, struct bytes b)
{
    buf_varint(out, b.len);
    buf_bytes(out, b.data, b.len);
}

/* What all texts together take. */
static size_t total_of(const struct valuecolumn_draft *d)
{
    size_t total = 0;
    for (size_t i = 0; i < d->texts; i++)
        total += d->text[i].len;
    return total;
}

static bool put_same(struct buf *out, const struct valuecolumn_draft *d, size_t prefix)
{
    (void)prefix;
    for (size_t i = 1; i < d->texts; i++)
        if (!bytes_equal(d->text[i], d->text[0]))
            return false;
    put_bytes(out, d->text[0]);
    return true;
}

static bool put_numbers(struct buf *out, const struct valuecolumn_draft *d, size_t prefix)
{
    struct valuetext_number form;
    if (!valuetext_numbers(d->text, d->texts, prefix, &form, d->number))
        return false;
    put_bytes(out, bytes_of(d->text[0].data, prefix));
    buf_u8(out, form.digits);
    buf_u8(out, form.scale);
    intcolumn_put(out, d->number, d->texts);
    return true;
}

static bool put_times(struct buf *out, const struct valuecolumn_draft *d, size_t prefix)
{
    enum valuetext_time kind;
    struct bytes suffix;
    (void)prefix;
    if (!valuetext_times(d->text, d->texts, &kind, &suffix, d->number))
        return false;
    put_bytes(out, suffix);
    buf_u8(out, (uint8_t)kind);
    intcolumn_put(out, d->number, d->texts);
    return true;
}

static bool put_uuids(struct buf *out, const struct valuecolumn_draft *d, size_t prefix)
{
    (void)prefix;
    uint8_t *raw = d->text[0].len == VALUETEXT_UUID_LEN ? buf_room(out, UUID_BYTES * d->texts) : NULL;
    if (raw == NULL)
        return false;
    for (size_t i = 0; i < d->texts; i++)
        if (!valuetext_uuid(d->text[i], raw + i, d->texts))
            return false;
    out->len += UUID_BYTES * d->texts;
    return true;
}

static bool put_even(struct buf *out, const struct valuecolumn_draft *d, size_t prefix)
{
    for (size_t i = 1; i < d->texts; i++)
        if (d->text[i].len != d->text[0].len)
            return false;
    if (prefix > 0)
        put_bytes(out, bytes_of(d->text[0].data, prefix));
    buf_varint(out, d->text[0].len - prefix);
    for (size_t i = 0; i < d->texts; i++)
        buf_bytes(out, d->text[i].data + prefix, d->text[i].len - prefix);
    return true;
}

static bool put_texts(struct buf *out, const struct valuecolumn_draft *d, size_t prefix)
{
    const size_t total = total_of(d) + d->texts - prefix * d->texts;
    if (prefix > 0)
        put_bytes(out, bytes_of(d->text[0].data, prefix));
    buf_varint(out, total);
    uint8_t *at = buf_room(out, total);
    if (at == NULL)
        return true;
    for (size_t i = 0; i < d->texts; i++) {
        const struct bytes text = bytes_of(d->text[i].data + prefix, d->text[i].len - prefix);
        if (memchr(text.data, '\0', text.len) != NULL)
            return false;
        memcpy(at, text.data, text.len);
        at += text.len;
        *at++ = '\0';
    }
    out->len += total;
    return true;
}

static bool put_as_bytes(struct buf *out, const struct valuecolumn_draft *d)
{
    for (size_t i = 0; i < d->texts; i++)
        d->number[i] = (int64_t)d->text[i].len;
    intcolumn_put(out, d->number, d->texts);
    for (size_t i = 0; i < d->texts; i++)
        buf_bytes(out, d->text[i].data, d->text[i].len);
    return true;
}

/* In the order in which they are tried: the first one that fits and is no longer than the texts. */
static const struct {
    enum form form;
    enum form prefixed; /* when the texts have a beginning in common */
    bool (*put)(struct buf *out, const struct valuecolumn_draft *d, size_t prefix);
} forms[] = {
    {SAME, SAME, put_same},    {TIMES, TIMES, put_times}, {NUMBERS, NUMBERS, put_numbers},
    {UUIDS, UUIDS, put_uuids}, {EVEN, EVEN2, put_even},   {TEXTS, TEXTS2, put_texts},
};

void valuecolumn_put(struct buf *out, struct valuecolumn_draft *d)
{
    const size_t head = out->len, most = total_of(d) + d->texts + VALUECOLUMN_HEAD_MAX / 2;
    buf_u8(out, NOTHING);
    if (d->mixed)
        buf_bytes(out, d->kind, d->values);
    else
        buf_u8(out, d->values > 0 ? d->kind[0] : (uint8_t)VALUE_NULL);
    const size_t start = out->len;
    enum form form = d->texts == 0 ? NOTHING : BYTES;
    const size_t prefix = d->texts == 0 ? 0 : valuetext_prefix(d->text, d->texts);
    for (size_t i = 0; form == BYTES && i < sizeof forms / sizeof forms[0]; i++) {
        if (forms[i].put(out, d, prefix) && out->len - start <= most)
            form = prefix > 0 ? forms[i].prefixed : forms[i].form;
        else if (!out->bad)
            out->len = start;
    }
    if (form == BYTES)
        (void)put_as_bytes(out, d);
    if (!out->bad)
        out->data[head] = (uint8_t)(form | (d->mixed ? MIXED : 0));
    d->values = d->texts = 0;
    d->mixed = false;
}

/* ---- reading ---- */

static struct bytes read_bytes(struct reader *r)
{
    const uint64_t len = reader_varint(r);
    return reader_bytes(r, len > SIZE_MAX ? SIZE_MAX : (size_t)len);
}

static void open_numbers(struct reader *r, size_t texts, struct valuecolumn *out)
{
    out->affix = read_bytes(r);
    out->number.digits = reader_u8(r);
    out->number.scale = reader_u8(r);
    if (out->number.digits > VALUETEXT_DIGITS_MAX || out->number.scale >= VALUETEXT_DIGITS_MAX ||
        (out->number.digits > 0 && out->number.scale > 0))
        reader_fail(r);
    intcolumn_open(r, texts, &out->ints);
}

static void open_times(struct reader *r, size_t texts, struct valuecolumn *out)
{
    out->affix = read_bytes(r);
    out->width = reader_u8(r);
    if (out->width != VALUETEXT_DATE && out->width != VALUETEXT_TIMESTAMP)
        reader_fail(r);
    intcolumn_open(r, texts, &out->ints);
}

/* `texts` texts of `width` bytes each. */
static void open_even(struct reader *r, size_t texts, size_t width, struct valuecolumn *out)
{
    if (width > 0 && texts > r->left / width)
        reader_fail(r);
    out->width = width;
    out->rest = reader_over(reader_bytes(r, reader_ok(r) ? texts * width : 0));
}

/* The lengths are added up once, so that the texts are known to be there. */
static void open_as_bytes(struct reader *r, size_t texts, struct valuecolumn *out)
{
    intcolumn_open(r, texts, &out->ints);
    struct intcolumn length = out->ints;
    size_t total = 0;
    for (size_t i = 0; reader_ok(r) && i < texts; i++) {
        const uint64_t len = (uint64_t)intcolumn_next(&length);
        if (len > r->left - total)
            reader_fail(r);
        total += reader_ok(r) ? (size_t)len : 0;
    }
    out->rest = reader_over(reader_bytes(r, total));
}

static void open_texts(struct reader *r, size_t texts, struct valuecolumn *out)
{
    switch ((enum form)out->form) {
    case NOTHING:
        if (texts > 0)
            reader_fail(r);
        break;
    case SAME:
        out->affix = read_bytes(r);
        break;
    case NUMBERS:
        open_numbers(r, texts, out);
        break;
    case TIMES:
        open_times(r, texts, out);
        break;
    case UUIDS:
        open_even(r, texts, UUID_BYTES, out);
        out->stride = texts;
        break;
    case EVEN: {
        const uint64_t width = reader_varint(r);
        open_even(r, texts, width > SIZE_MAX ? SIZE_MAX : (size_t)width, out);
        break;
    }
    case TEXTS:
        out->rest = reader_over(read_bytes(r));
        break;
    case BYTES:
        open_as_bytes(r, texts, out);
        break;
    case EVEN2:
    case TEXTS2:
        out->affix = read_bytes(r);
        out->form = out->form == EVEN2 ? EVEN : TEXTS;
        open_texts(r, texts, out);
        break;
    default:
        reader_fail(r);
    }
}

static bool has_text(uint8_t kind)
{
    return kind == VALUE_TEXT || kind == VALUE_BINARY;
}

void valuecolumn_open(struct reader *r, size_t values, struct valuecolumn *out)
{
    *out = (struct valuecolumn){.values = values, .affix = {(const uint8_t *)"", 0}};
    const unsigned head = reader_u8(r);
    out->form = (uint8_t)(head & ~MIXED);
    size_t texts = 0;
    if ((head & MIXED) != 0) {
        out->kinds = reader_take(r, values);
        for (size_t i = 0; reader_ok(r) && i < values; i++)
            texts += has_text(out->kinds[i]);
    } else {
        out->kind = reader_u8(r);
        texts = has_text(out->kind) ? values : 0;
    }
    if (texts == 0 && out->form != NOTHING)
        reader_fail(r);
    if (reader_ok(r))
        open_texts(r, texts, out);
    if (!reader_ok(r))
        *out = (struct valuecolumn){0};
}

/* The kind, the length and room for `len` bytes, which are added with their number. */
static uint8_t *begin(struct buf *out, uint8_t kind, size_t len)
{
    uint8_t *at = buf_room(out, 5 + len);
    if (at == NULL || len > UINT32_MAX)
        return NULL;
    at[0] = kind;
    for (unsigned i = 0; i < 4; i++)
        at[1 + i] = (uint8_t)(len >> (24 - 8 * i));
    out->len += 5 + len;
    return at + 5;
}

static bool put_two(struct buf *out, uint8_t kind, struct bytes a, struct bytes b)
{
    uint8_t *at = begin(out, kind, a.len + b.len);
    if (at == NULL)
        return false;
    memcpy(at, a.data, a.len);
    memcpy(at + a.len, b.data, b.len);
    return true;
}

static bool next_text(struct valuecolumn *c, struct bytes *out)
{
    size_t len = c->width;
    if (c->form == TEXTS) {
        const uint8_t *end = c->rest.left == 0 ? NULL : memchr(c->rest.at, '\0', c->rest.left);
        if (end == NULL)
            return false;
        len = (size_t)(end - c->rest.at);
    } else if (c->form == BYTES)
        len = (size_t)intcolumn_next(&c->ints);
    *out = reader_bytes(&c->rest, len);
    if (c->form == TEXTS)
        (void)reader_u8(&c->rest);
    return reader_ok(&c->rest);
}

static bool put_uuid(struct valuecolumn *c, uint8_t kind, struct buf *out)
{
    uint8_t *at = begin(out, kind, VALUETEXT_UUID_LEN);
    if (at == NULL)
        return false;
    valuetext_put_uuid(c->rest.at + c->ints.next++, c->stride, at);
    return true;
}

static bool put_text(struct valuecolumn *c, uint8_t kind, struct buf *out)
{
    const struct bytes nothing = {(const uint8_t *)"", 0};
    uint8_t text[VALUETEXT_TIME_MAX];
    struct bytes whole;
    size_t len;
    switch ((enum form)c->form) {
    case SAME:
        return put_two(out, kind, c->affix, nothing);
    case NUMBERS:
        len = valuetext_put_number(&c->number, intcolumn_next(&c->ints), text);
        return put_two(out, kind, c->affix, bytes_of(text, len));
    case TIMES:
        len = valuetext_put_time((enum valuetext_time)c->width, intcolumn_next(&c->ints), text);
        return len > 0 && put_two(out, kind, bytes_of(text, len), c->affix);
    case UUIDS:
        return put_uuid(c, kind, out);
    default:
        return next_text(c, &whole) && put_two(out, kind, c->affix, whole);
    }
}

bool valuecolumn_next(struct valuecolumn *c, struct buf *out)
{
    if (c->values == 0)
        return false;
    const uint8_t kind = c->kinds == NULL ? c->kind : *c->kinds++;
    c->values--;
    if (has_text(kind))
        return put_text(c, kind, out);
    buf_u8(out, kind);
    return kind == VALUE_NULL || kind == VALUE_UNCHANGED;
}

/* Over so many texts. Those of one length were counted when the column was opened. */
static bool pass_texts(struct valuecolumn *c, size_t texts)
{
    struct bytes text;
    switch ((enum form)c->form) {
    case NUMBERS:
    case TIMES:
        intcolumn_pass(&c->ints, texts);
        return true;
    case UUIDS:
        c->ints.next += texts;
        return true;
    case EVEN:
        (void)reader_bytes(&c->rest, texts * c->width);
        return reader_ok(&c->rest);
    case TEXTS:
    case BYTES:
        for (size_t i = 0; i < texts; i++)
            if (!next_text(c, &text))
                return false;
        return true;
    default:
        return true;
    }
}

bool valuecolumn_pass(struct valuecolumn *c, size_t values)
{
    size_t texts = has_text(c->kind) ? values : 0;
    if (values > c->values)
        return false;
    for (size_t i = 0; c->kinds != NULL && i < values; i++)
        texts += has_text(*c->kinds++);
    c->values -= values;
    return pass_texts(c, texts);
}

bool valuecolumn_is_done(const struct valuecolumn *c)
{
    return c->values == 0 && (c->form == UUIDS || c->rest.left == 0);
}
