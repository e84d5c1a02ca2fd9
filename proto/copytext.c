#include "proto/copytext.h"

#include "proto/relation.h"

/* The letter after the backslash; 0: the byte stands for itself. CopyAttributeOutText of copyto.c. */
static const uint8_t escapes[256] = {
    ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\v'] = 'v', ['\f'] = 'f', ['\r'] = 'r', ['\\'] = '\\',
};

#define COLUMN_HEAD 5 /* kind and length of a column in TupleData */
#define EACH_BYTE(b) (UINT64_C(0x0101010101010101) * (b))

/*
 * Could one of these 8 bytes need an escape? All that do are below 0x0e or a backslash. The usual tricks
 * (Hacker's Delight, 6-1): subtracting n from every byte borrows into the top bit of those below n, when it
 * was clear. A byte behind a hit may be reported too: the caller looks again.
 */
static bool word_is_suspect(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    uint64_t low = (word - EACH_BYTE(0x0e)) & ~word;
    uint64_t slash = word ^ EACH_BYTE('\\');
    slash = (slash - EACH_BYTE(0x01)) & ~slash;
    return ((low | slash) & EACH_BYTE(0x80)) != 0;
}

/* Copies to `to`, where there is room for twice the bytes, with the escapes; returns the end. */
static uint8_t *escape(uint8_t *to, const uint8_t *at, const uint8_t *end)
{
    while (at < end) {
        while (end - at >= 8 && !word_is_suspect(at)) {
            memcpy(to, at, 8);
            to += 8;
            at += 8;
        }
        const uint8_t *stop = end - at < 8 ? end : at + 8;
        for (; at < stop; at++) {
            uint8_t letter = escapes[*at];
            if (letter != 0)
                *to++ = '\\';
            *to++ = letter != 0 ? letter : *at;
        }
    }
    return to;
}

/* In pieces: twice the room of a value of 500 MB would be a gigabyte. */
static void append_text(struct buf *line, struct bytes text)
{
    const size_t piece = 4096;
    for (size_t done = 0; done < text.len;) {
        size_t n = text.len - done < piece ? text.len - done : piece;
        uint8_t *to = buf_room(line, 2 * n);
        if (to == NULL)
            return;
        const uint8_t *at = text.data + done;
        line->len += (size_t)(escape(to, at, at + n) - to);
        done += n;
    }
}

void copytext_value(struct buf *line, bool first, struct value v)
{
    if (!first)
        buf_u8(line, '\t');
    if (v.kind == VALUE_NULL)
        buf_bytes(line, "\\N", 2);
    else if (v.text.len > 0)
        append_text(line, v.text);
}

/* The columns of a line, one after the other. */
struct cursor {
    const uint8_t *at; /* NULL: no more columns */
    const uint8_t *end;
    size_t next; /* the column at `at`, from 0 */
};

static struct cursor cursor_over(struct bytes line)
{
    return (struct cursor){line.data, line.data == NULL ? NULL : line.data + line.len, 0};
}

static bool cursor_next(struct cursor *c, struct bytes *out)
{
    if (c->at == NULL)
        return false;
    size_t left = (size_t)(c->end - c->at);
    const uint8_t *tab = left == 0 ? NULL : memchr(c->at, '\t', left);
    *out = bytes_of(c->at, tab == NULL ? left : (size_t)(tab - c->at));
    c->at = tab == NULL ? NULL : tab + 1;
    c->next++;
    return true;
}

/* An unchanged column: as the old line has it, which is escaped already. */
static status append_old(struct cursor *old, size_t column, struct buf *line, err *e)
{
    struct bytes text = {0};
    while (old->next <= column)
        if (!cursor_next(old, &text))
            return err_set(e, ERR_STORAGE, "column %zu was not sent and there is no old value of it",
                           column + 1);
    if (column > 0)
        buf_u8(line, '\t');
    buf_bytes(line, text.data, text.len);
    return DONE;
}

status copytext_tuple(struct bytes tuple, struct bytes old_line, struct buf *line, err *e)
{
    struct tuple t = tuple_open(tuple);
    struct cursor old = cursor_over(old_line);
    struct value v;
    (void)buf_room(line, tuple.len); /* most lines fit in what their tuple takes */
    while (tuple_next(&t, &v)) {
        size_t column = t.next - 1u;
        if (v.kind == VALUE_UNCHANGED)
            TRY(append_old(&old, column, line, e));
        else if (v.kind == VALUE_BINARY)
            return err_set(e, ERR_STORAGE, "column %zu is in binary format; only text makes a line",
                           column + 1);
        else
            copytext_value(line, column == 0, v);
    }
    TRY(reader_done(&t.rest, "a row", e));
    return buf_done(line, e);
}

/* A line that was never written to has no memory; it is an empty line all the same. */
static struct bytes as_line(struct bytes line)
{
    return line.data == NULL ? bytes_text("") : line;
}

size_t copytext_split(struct bytes line, struct bytes *columns, size_t max)
{
    struct cursor c = cursor_over(as_line(line));
    struct bytes column;
    while (cursor_next(&c, &column))
        if (c.next <= max)
            columns[c.next - 1] = column;
    return c.next;
}

static uint8_t unescaped(uint8_t letter)
{
    switch (letter) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case 'v':
        return '\v';
    default: /* as COPY FROM: anything else stands for itself */
        return letter;
    }
}

static bool is_null(struct bytes column)
{
    return column.len == 2 && column.data[0] == '\\' && column.data[1] == 'N';
}

/* Copies to `to`, where there is room for as many bytes, without the escapes; returns the end. */
static uint8_t *unescape(uint8_t *to, struct bytes column)
{
    const uint8_t *at = column.data;
    size_t left = column.len;
    while (left > 0) {
        const uint8_t *slash = memchr(at, '\\', left);
        size_t run = slash == NULL ? left : (size_t)(slash - at);
        memcpy(to, at, run);
        to += run;
        at += run;
        left -= run;
        if (left < 2) /* the end, or a backslash with nothing behind it, which COPY FROM ignores */
            break;
        *to++ = unescaped(at[1]);
        at += 2;
        left -= 2;
    }
    return to;
}

bool copytext_unescape(struct bytes column, struct buf *out)
{
    if (is_null(column))
        return false;
    uint8_t *to = buf_room(out, column.len);
    if (to != NULL)
        out->len += (size_t)(unescape(to, column) - to);
    return true;
}

/* One column of TupleData at `to`; returns its end. */
static uint8_t *put_column(uint8_t *to, struct bytes column)
{
    if (is_null(column)) {
        *to++ = VALUE_NULL;
        return to;
    }
    uint8_t *text = to + COLUMN_HEAD;
    uint8_t *end = unescape(text, column);
    uint32_t len = (uint32_t)(end - text);
    *to++ = VALUE_TEXT;
    for (int shift = 24; shift >= 0; shift -= 8)
        *to++ = (uint8_t)(len >> shift);
    return end;
}

status copytext_to_tuple(struct bytes line, struct buf *tuple, err *e)
{
    struct bytes column;
    size_t count = copytext_split(line, NULL, 0);
    if (count > RELATION_COLUMNS_MAX)
        return err_set(e, ERR_STORAGE, "a line has %zu columns, more than the %d there can be", count,
                       RELATION_COLUMNS_MAX);
    if (line.len > UINT32_MAX || (line.len > 0 && memchr(line.data, '\n', line.len) != NULL))
        return err_set(e, ERR_STORAGE, "a line of %zu bytes is too long or has a line end inside", line.len);
    tuple_begin(tuple, (uint16_t)count);
    uint8_t *to = buf_room(tuple, count * COLUMN_HEAD + line.len);
    if (to == NULL)
        return err_no_memory(e);
    for (struct cursor c = cursor_over(as_line(line)); cursor_next(&c, &column);)
        to = put_column(to, column);
    tuple->len = (size_t)(to - tuple->data);
    return DONE;
}
