#include "agent/restore/filter/markedrows.h"

#include "agent/restore/fold/stages.h"
#include "proto/copytext.h"
#include "proto/pgtype.h"

#define BUFFER ((size_t)262144)

void markedrows_fini(struct markedrows *s)
{
    spillfile_free(s->file);
    for (int i = 0; i < MARKEDROWS_MARKS; i++)
        free(s->marks[i]);
    free(s->column);
    *s = (struct markedrows){0};
}

static uint64_t count_lines(struct bytes lines)
{
    uint64_t count = 0;
    const uint8_t *at = lines.data, *end = lines.data + lines.len;
    while (at < end && (at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        count++;
        at++;
    }
    return count;
}

static status keep(void *context, struct bytes lines, err *e)
{
    struct markedrows *s = context;
    s->rows += count_lines(lines);
    return spillfile_put(s->file, lines, e);
}

status markedrows_take(struct markedrows *s, struct plan *p, struct fold *f, struct plan_table *t,
                       const char *dir, err *e)
{
    const struct fold_sink sink = {s, keep};
    struct table_digest all = {0};
    s->table = t->message;
    s->column = calloc(t->message->n_column + 1, sizeof *s->column);
    if (s->column == NULL)
        return err_no_memory(e);
    TRY(spillfile_new(dir, BUFFER, &s->file, e));
    TRY(stages_emit(p, f, t, dir, &sink, &all, e));
    for (int i = 0; i < MARKEDROWS_MARKS; i++)
        if ((s->marks[i] = calloc((size_t)(s->rows / 8 + 1), 1)) == NULL)
            return err_no_memory(e);
    return DONE;
}

static status each_line(struct markedrows *s, struct bytes lines, uint64_t *row, markedrows_visit *visit,
                        void *context, err *e)
{
    const uint8_t *at = lines.data, *end = lines.data + lines.len;
    while (at < end) {
        const uint8_t *stop = memchr(at, '\n', (size_t)(end - at));
        if (stop == NULL || *row == s->rows)
            return err_set(e, ERR_STORAGE, "rows of %s.%s end in the middle of a line; run pgstrand verify",
                           s->table->schema, s->table->name);
        const struct bytes line = bytes_of(at, (size_t)(stop - at));
        if (s->table->n_column > 0 &&
            copytext_split(line, s->column, s->table->n_column + 1) != s->table->n_column)
            return err_set(e, ERR_STORAGE,
                           "a row of %s.%s has another number of columns; run pgstrand verify",
                           s->table->schema, s->table->name);
        TRY(visit(context, s, (*row)++, line, e));
        at = stop + 1;
    }
    return DONE;
}

status markedrows_each(struct markedrows *s, markedrows_visit *visit, void *context, err *e)
{
    uint64_t row = 0;
    TRY(spillfile_rewind(s->file, e));
    for (;;) {
        struct bytes lines;
        bool any = false;
        TRY(spillfile_next(s->file, &lines, &any, e));
        if (!any)
            return DONE;
        TRY(each_line(s, lines, &row, visit, context, e));
    }
}

bool markedrows_set(struct markedrows *s, enum markedrows_mark mark, uint64_t row)
{
    if (markedrows_has(s, mark, row))
        return false;
    s->marks[mark][row / 8] |= (uint8_t)(1u << row % 8);
    s->foreign += mark == MARKEDROWS_FOREIGN;
    return true;
}

/* 1.50 and 1.5 are one numeric, 'a ' and 'a' one character(n); the other types write equal values alike. */
static struct bytes plain(uint32_t type, struct bytes v)
{
    if (type == PGTYPE_BPCHAR)
        v = bytes_unpadded(v);
    if (type == PGTYPE_NUMERIC && memchr(v.data, '.', v.len) != NULL) {
        while (v.data[v.len - 1] == '0')
            v.len--;
        if (v.data[v.len - 1] == '.')
            v.len--;
    }
    return v;
}

bool markedrows_key(const struct markedrows *s, const uint16_t *place, uint16_t count, struct buf *out)
{
    buf_reset(out);
    for (uint16_t i = 0; i < count; i++) {
        const struct bytes v = s->column[place[i]];
        if (v.len == 2 && memcmp(v.data, "\\N", 2) == 0)
            return false;
        const struct bytes text = plain(s->table->column[place[i]]->type, v);
        if (i > 0)
            buf_u8(out, '\t');
        buf_bytes(out, text.data, text.len);
    }
    return !out->bad;
}
