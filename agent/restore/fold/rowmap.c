#include "agent/restore/fold/rowmap.h"

#include "proto/copytext.h"
#include "proto/tuple.h"

#define CONSTANT (-1)

struct cell {
    int from;        /* place in the row that comes, or CONSTANT */
    bool null;       /* of a constant */
    char *text;      /* of a constant, as the stream has it */
    struct buf copy; /* the same as COPY has it */
};

struct rowmap {
    uint16_t from; /* columns of the row that comes */
    uint16_t to;
    bool identity;
    struct cell *cell;
    struct value *value; /* of the row in hand */
    struct bytes *column;
};

void rowmap_free(struct rowmap *m)
{
    if (m == NULL)
        return;
    for (uint16_t i = 0; m->cell != NULL && i < m->to; i++) {
        free(m->cell[i].text);
        buf_fini(&m->cell[i].copy);
    }
    free(m->cell);
    free(m->value);
    free(m->column);
    free(m);
}

static status make_cell(const struct rowmap_columns *from, uint16_t attnum, const char *missing,
                        struct cell *out, err *e)
{
    out->from = CONSTANT;
    for (uint16_t i = 0; i < from->count; i++)
        if (from->attnum[i] == attnum)
            out->from = i;
    if (out->from != CONSTANT)
        return DONE;
    struct value v = {.kind = missing == NULL ? VALUE_NULL : VALUE_TEXT};
    out->null = missing == NULL;
    if (!out->null) {
        out->text = strdup(missing);
        if (out->text == NULL)
            return err_no_memory(e);
        v.text = bytes_text(out->text);
    }
    copytext_value(&out->copy, true, v);
    return buf_done(&out->copy, e);
}

status rowmap_make(const struct rowmap_columns *from, const struct rowmap_columns *to,
                   const char *const *missing, struct rowmap **out, err *e)
{
    OWNED(rowmap) struct rowmap *m = calloc(1, sizeof *m);
    if (m == NULL)
        return err_no_memory(e);
    m->from = from->count;
    m->to = to->count;
    m->identity = from->count == to->count;
    m->cell = calloc(to->count + 1u, sizeof *m->cell);
    m->value = calloc(from->count + 1u, sizeof *m->value);
    m->column = calloc(from->count + 1u, sizeof *m->column);
    if (m->cell == NULL || m->value == NULL || m->column == NULL)
        return err_no_memory(e);
    for (uint16_t i = 0; i < to->count; i++) {
        TRY(make_cell(from, to->attnum[i], missing == NULL ? NULL : missing[i], &m->cell[i], e));
        m->identity = m->identity && m->cell[i].from == i;
    }
    *out = m;
    m = NULL;
    return DONE;
}

bool rowmap_is_identity(const struct rowmap *m)
{
    return m->identity;
}

static status other_columns(const struct rowmap *m, size_t count, err *e)
{
    return err_set(e, ERR_STORAGE, "a row has %zu columns where its relation has %u; run pgstrand verify",
                   count, (unsigned)m->from);
}

status rowmap_tuple(const struct rowmap *m, struct bytes tuple, struct buf *scratch, struct bytes *out,
                    err *e)
{
    *out = tuple;
    if (m->identity || tuple.len == 0)
        return DONE;
    struct tuple t = tuple_open(tuple);
    if (t.count != m->from)
        return other_columns(m, t.count, e);
    for (uint16_t i = 0; i < m->from; i++)
        if (!tuple_next(&t, &m->value[i]))
            return err_set(e, ERR_STORAGE, "a row is malformed; run pgstrand verify");
    buf_reset(scratch);
    tuple_begin(scratch, m->to);
    for (uint16_t i = 0; i < m->to; i++) {
        const struct cell *c = &m->cell[i];
        if (c->from != CONSTANT)
            tuple_put(scratch, m->value[c->from]);
        else if (c->null)
            tuple_put(scratch, (struct value){.kind = VALUE_NULL});
        else
            tuple_put(scratch, (struct value){VALUE_TEXT, bytes_text(c->text)});
    }
    *out = buf_view(scratch);
    return buf_done(scratch, e);
}

/* A line of a table without columns is empty, as one of a single empty column is. */
static status map_line(const struct rowmap *m, struct bytes line, struct buf *out, err *e)
{
    const size_t count = m->from == 0 ? 0 : copytext_split(line, m->column, m->from);
    if (count != m->from)
        return other_columns(m, count, e);
    for (uint16_t i = 0; i < m->to; i++) {
        const struct cell *c = &m->cell[i];
        const struct bytes text = c->from == CONSTANT ? buf_view(&c->copy) : m->column[c->from];
        if (i > 0)
            buf_u8(out, '\t');
        buf_bytes(out, text.data, text.len);
    }
    buf_u8(out, '\n');
    return DONE;
}

status rowmap_lines(const struct rowmap *m, struct bytes lines, struct buf *out, err *e)
{
    const uint8_t *end = lines.data + lines.len;
    for (const uint8_t *at = lines.data; at < end;) {
        const uint8_t *stop = memchr(at, '\n', (size_t)(end - at));
        if (stop == NULL)
            return err_set(e, ERR_STORAGE, "rows end in the middle of a line; run pgstrand verify");
        TRY(map_line(m, bytes_of(at, (size_t)(stop - at)), out, e));
        at = stop + 1;
    }
    return buf_done(out, e);
}
