/*
 * Little-endian:
 *
 *      0  4  rows
 *      4  4  columns n
 *      8 4n  length of each column
 *   then     column by column: its values in the order of the rows, each with a line feed behind it
 *
 * In COPY text a tab ends each value but the last of a line and a line feed the last one, and neither occurs
 * inside a value: so each value can have the same end, and the columns together are as long as the lines.
 */
#include "store/rowlayout.h"

#include "proto/base/reader.h"

struct columns {
    uint32_t rows;
    uint32_t count;
    uint32_t length[ROWLAYOUT_COLUMNS_MAX];
};

/* Bytes looked at, and copied, at once. */
#define STEP 16

#if defined(__SSE2__)
#include <emmintrin.h>

/* Past the steps in which neither occurs. Every byte of a base is looked at here twice: one by one that costs
 * more than compressing it. */
static const uint8_t *pass_steps(const uint8_t *at, const uint8_t *end, char one, char other)
{
    for (; end - at >= STEP; at += STEP) {
        const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
        const unsigned found = (unsigned)_mm_movemask_epi8(_mm_or_si128(
            _mm_cmpeq_epi8(bytes, _mm_set1_epi8(one)), _mm_cmpeq_epi8(bytes, _mm_set1_epi8(other))));
        if (found != 0)
            return at + __builtin_ctz(found);
    }
    return at;
}
#else
static const uint8_t *pass_steps(const uint8_t *at, const uint8_t *end, char one, char other)
{
    (void)end;
    (void)one;
    (void)other;
    return at;
}
#endif

/* The first byte that is one of the two; `end` when there is none. */
static const uint8_t *find_end(const uint8_t *at, const uint8_t *end, char one, char other)
{
    at = pass_steps(at, end, one, other);
    while (at < end && *at != (uint8_t)one && *at != (uint8_t)other)
        at++;
    return at;
}

/* Most values are short, and a copy of fixed length is one instruction: it may write past the value, up to
 * `out_end`. */
static void copy_value(uint8_t *out, const uint8_t *out_end, const uint8_t *at, const uint8_t *end,
                       size_t len)
{
    if (len <= STEP && out_end - out >= STEP && end - at >= STEP)
        memcpy(out, at, STEP);
    else
        memcpy(out, at, len);
}

/* How long each column is. */
static bool measure(struct bytes lines, struct columns *c)
{
    const uint8_t *at = lines.data, *end = lines.data + lines.len;
    uint32_t column = 0;
    while (at < end) {
        const uint8_t *stop = find_end(at, end, '\t', '\n');
        if (stop == end || column == ROWLAYOUT_COLUMNS_MAX || (c->rows > 0 && column == c->count))
            return false;
        c->length[column++] += (uint32_t)(stop + 1 - at);
        at = stop + 1;
        if (*stop == '\t')
            continue;
        if (c->rows++ == 0)
            c->count = column;
        else if (column != c->count)
            return false;
        column = 0;
    }
    return column == 0 && c->rows > 0;
}

/* No copy goes past the end of its column: behind it the next one's first values may stand already. */
static void scatter(struct bytes lines, uint8_t **to, const uint8_t *const *to_end, uint32_t columns)
{
    const uint8_t *at = lines.data, *end = lines.data + lines.len;
    while (at < end) {
        for (uint32_t column = 0; column < columns; column++) {
            const uint8_t *stop = find_end(at, end, '\t', '\n');
            const size_t len = (size_t)(stop - at);
            uint8_t *out = to[column];
            copy_value(out, to_end[column], at, end, len);
            out[len] = '\n';
            to[column] = out + len + 1;
            at = stop + 1;
        }
    }
}

bool rowlayout_columns(struct bytes lines, struct buf *out)
{
    struct columns c;
    uint8_t *to[ROWLAYOUT_COLUMNS_MAX];
    const uint8_t *to_end[ROWLAYOUT_COLUMNS_MAX];
    c.rows = c.count = 0;
    memset(c.length, 0, sizeof c.length);
    if (lines.len > UINT32_MAX / 2 || !measure(lines, &c))
        return false;
    buf_reset(out);
    if (buf_room(out, ROWLAYOUT_HEAD_MAX + lines.len) == NULL)
        return false;
    buf_le32(out, c.rows);
    buf_le32(out, c.count);
    for (uint32_t i = 0; i < c.count; i++)
        buf_le32(out, c.length[i]);
    for (uint32_t i = 0; i < c.count; i++) {
        to[i] = out->data + out->len;
        out->len += c.length[i];
        to_end[i] = out->data + out->len;
    }
    scatter(lines, to, to_end, c.count);
    return true;
}

/* ---- and back ---- */

static status malformed(err *e)
{
    return err_set(e, ERR_STORAGE, "a frame of rows by column is malformed");
}

static status read_head(struct reader *r, struct columns *c, const uint8_t **from, err *e)
{
    uint64_t total = 0;
    c->rows = reader_le32(r);
    c->count = reader_le32(r);
    if (!reader_ok(r) || c->rows == 0 || c->count == 0 || c->count > ROWLAYOUT_COLUMNS_MAX)
        return malformed(e);
    for (uint32_t i = 0; i < c->count; i++) {
        c->length[i] = reader_le32(r);
        total += c->length[i];
    }
    if (!reader_ok(r) || total != r->left)
        return malformed(e);
    for (uint32_t i = 0; i < c->count; i++)
        from[i] = reader_bytes(r, c->length[i]).data;
    return DONE;
}

/* Each column ends where the next begins, and the last at `end`; all lines together at `out_end`. */
static bool gather(const struct columns *c, const uint8_t **from, const uint8_t **end, uint8_t *out,
                   const uint8_t *out_end)
{
    for (uint32_t row = 0; row < c->rows; row++) {
        for (uint32_t column = 0; column < c->count; column++) {
            const uint8_t *at = from[column];
            const uint8_t *stop = find_end(at, end[column], '\n', '\n');
            const size_t len = (size_t)(stop - at);
            if (stop == end[column])
                return false;
            copy_value(out, out_end, at, end[column], len);
            out += len;
            *out++ = column + 1 < c->count ? '\t' : '\n';
            from[column] = stop + 1;
        }
    }
    for (uint32_t column = 0; column < c->count; column++)
        if (from[column] != end[column])
            return false;
    return true;
}

status rowlayout_rows(struct bytes columns, size_t limit, struct buf *out, err *e)
{
    struct columns c;
    const uint8_t *from[ROWLAYOUT_COLUMNS_MAX], *end[ROWLAYOUT_COLUMNS_MAX];
    struct reader r = reader_over(columns);
    TRY(read_head(&r, &c, from, e));
    size_t len = 0;
    for (uint32_t i = 0; i < c.count; i++) {
        end[i] = from[i] + c.length[i];
        len += c.length[i];
    }
    size_t start = out->len;
    buf_u8(out, 0x0a); /* RowsFrame.lines: field 1, length-delimited */
    buf_varint(out, len);
    if (out->len - start + len > limit)
        return malformed(e);
    uint8_t *room = buf_room(out, len);
    if (room == NULL)
        return err_no_memory(e);
    if (!gather(&c, from, end, room, room + len))
        return malformed(e);
    out->len += len;
    return DONE;
}

/* Past so many values of a column; NULL: it has fewer. */
static const uint8_t *pass(const uint8_t *at, const uint8_t *end, uint64_t values)
{
    for (; values > 0 && at != NULL; values--) {
        at = memchr(at, '\n', (size_t)(end - at));
        at = at == NULL ? NULL : at + 1;
    }
    return at;
}

status rowlayout_line(struct bytes columns, uint64_t row, struct buf *out, bool *found, err *e)
{
    struct columns c;
    const uint8_t *from[ROWLAYOUT_COLUMNS_MAX];
    struct reader r = reader_over(columns);
    TRY(read_head(&r, &c, from, e));
    *found = row < c.rows;
    for (uint32_t i = 0; *found && i < c.count; i++) {
        const uint8_t *end = from[i] + c.length[i];
        const uint8_t *at = pass(from[i], end, row);
        const uint8_t *stop = at == NULL ? NULL : memchr(at, '\n', (size_t)(end - at));
        if (stop == NULL)
            return malformed(e);
        if (i > 0)
            buf_u8(out, '\t');
        buf_bytes(out, at, (size_t)(stop - at));
    }
    return buf_done(out, e);
}
