/*
 * foldmodel: a table kept in the most naive way, to compare the fold with: an array of rows, changed one
 * action at a time. It also makes the actions, as pgoutput would have sent them.
 */
#ifndef PGSTRAND_FOLDMODEL_H
#define PGSTRAND_FOLDMODEL_H

#include "tests/lib/check.h"

#include "agent/restore/fold/fold.h"
#include "proto/copytext.h"
#include "proto/tuple.h"

#define MODEL_COLUMNS 4
#define MODEL_ROWS 400
#define MODEL_TEXT 48

/* Column 3 is the large one, which an UPDATE may leave out. */
struct model_row {
    bool there;
    char value[MODEL_COLUMNS][MODEL_TEXT]; /* "" is NULL */
};

struct model {
    struct fold_shape shape;
    struct model_row row[MODEL_ROWS];
    uint64_t random;
};

static inline uint64_t model_random(struct model *m, uint64_t below)
{
    m->random = m->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (m->random >> 33) % below;
}

static inline void model_tuple(const struct model_row *r, const bool *unchanged,
                               const struct fold_shape *only, struct buf *out)
{
    tuple_begin(out, MODEL_COLUMNS);
    for (uint16_t i = 0; i < MODEL_COLUMNS; i++) {
        bool key = only == NULL;
        for (uint16_t k = 0; only != NULL && k < only->key_count; k++)
            key = key || only->key[k] == i;
        enum value_kind kind = VALUE_TEXT;
        if (!key || r->value[i][0] == '\0')
            kind = VALUE_NULL;
        else if (unchanged != NULL && unchanged[i])
            kind = VALUE_UNCHANGED;
        tuple_put(out, (struct value){kind, bytes_text(kind == VALUE_TEXT ? r->value[i] : "")});
    }
}

static inline void model_line(const struct model_row *r, struct buf *out)
{
    err e = ERR_INIT;
    struct buf tuple = {0};
    model_tuple(r, NULL, NULL, &tuple);
    assert_done(copytext_tuple(buf_view(&tuple), (struct bytes){0}, out, &e), &e);
    buf_u8(out, '\n');
    buf_fini(&tuple);
}

/* What comes out of a fold, as sorted lines. */
struct model_lines {
    char **line;
    size_t count;
};

static inline status model_collect(void *context, struct bytes lines, err *e)
{
    struct model_lines *l = context;
    (void)e;
    for (const uint8_t *at = lines.data, *end = at + lines.len; at < end;) {
        const uint8_t *stop = memchr(at, '\n', (size_t)(end - at));
        assert_non_null(stop);
        l->line = realloc(l->line, (l->count + 1) * sizeof *l->line);
        l->line[l->count++] = strndup((const char *)at, (size_t)(stop - at));
        at = stop + 1;
    }
    return DONE;
}

static inline int model_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static inline void model_lines_fini(struct model_lines *l)
{
    for (size_t i = 0; i < l->count; i++)
        free(l->line[i]);
    free(l->line);
}
OWN_VALUE(model_lines, model_lines_fini);

static inline void model_rows(const struct model *m, struct model_lines *out, struct table_digest *digest)
{
    err e = ERR_INIT;
    OWNED(hasher) struct hasher *h = NULL;
    assert_done(hasher_new(&h, &e), &e);
    for (size_t i = 0; i < MODEL_ROWS; i++) {
        OWNED(buf) struct buf line = {0};
        if (!m->row[i].there)
            continue;
        model_line(&m->row[i], &line);
        assert_done(model_collect(out, buf_view(&line), &e), &e);
        assert_done(table_digest_add(digest, h, bytes_of(line.data, line.len - 1), &e), &e);
    }
    if (out->count > 0)
        qsort(out->line, out->count, sizeof *out->line, model_compare);
}

static inline void model_key(struct model *m, struct model_row *r, uint64_t number)
{
    (void)snprintf(r->value[m->shape.key[0]], MODEL_TEXT, "%llu", (unsigned long long)(number / 7));
    (void)snprintf(r->value[m->shape.key[m->shape.key_count - 1]], MODEL_TEXT, "k\t%llu",
                   (unsigned long long)number);
}

static inline void model_fill(struct model *m, struct model_row *r, uint16_t column)
{
    for (uint16_t k = 0; k < m->shape.key_count; k++)
        if (m->shape.key[k] == column)
            return;
    uint64_t kind = model_random(m, 6);
    static const char *const odd[] = {"", "a\\b\tc", "\n\v\r"};
    if (kind < 3)
        (void)snprintf(r->value[column], MODEL_TEXT, "%s", odd[kind]);
    else /* few values, so that a multiset has duplicates */
        (void)snprintf(r->value[column], MODEL_TEXT, "v%llu", (unsigned long long)model_random(m, 4));
}

#endif
