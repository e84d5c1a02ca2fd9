/*
 * foldmodel: a table kept in the most naive way, to compare the fold with: an array of rows, changed one
 * action at a time, at random if wanted. It also makes the actions, as pgoutput would have sent them.
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

/* ---- random changes ---- */

/* Who is told what was changed. */
struct model_listener {
    void *context;
    void (*hear)(void *context, const struct action *a);
};

static inline size_t model_some_row(struct model *m, bool there)
{
    size_t at = model_random(m, MODEL_ROWS);
    for (size_t n = 0; n < MODEL_ROWS && m->row[at].there != there; n++)
        at = (at + 1) % MODEL_ROWS;
    return at;
}

static inline void model_tell(const struct model *m, const struct model_listener *to, enum action_kind kind,
                              const struct model_row *old, const struct model_row *new, bool key_changes)
{
    const struct fold_shape *s = &m->shape;
    OWNED(buf) struct buf old_tuple = {0};
    OWNED(buf) struct buf new_tuple = {0};
    struct action a = {.kind = kind};
    bool unchanged[MODEL_COLUMNS] = {false};
    if (old != NULL && (s->key_count == 0 || key_changes || kind == ACTION_DELETE)) {
        a.old_kind = s->key_count == 0 ? 'O' : 'K';
        model_tuple(old, NULL, s->key_count == 0 ? NULL : s, &old_tuple);
        a.old = buf_view(&old_tuple);
    }
    if (new != NULL) {
        unchanged[3] = old != NULL && strcmp(old->value[3], new->value[3]) == 0;
        model_tuple(new, unchanged, NULL, &new_tuple);
        a.new = buf_view(&new_tuple);
    }
    to->hear(to->context, &a);
}

/* The new row; NULL when there is no room. Nobody is told when `to` is NULL: a row of the base. */
static inline const struct model_row *model_create(struct model *m, const struct model_listener *to)
{
    size_t at = model_some_row(m, false);
    struct model_row *r = &m->row[at];
    if (r->there)
        return NULL;
    if (m->shape.key_count > 0)
        model_key(m, r, at);
    for (uint16_t i = 0; i < MODEL_COLUMNS; i++)
        model_fill(m, r, i);
    r->there = true;
    if (to != NULL)
        model_tell(m, to, ACTION_CREATE, NULL, r, false);
    return r;
}

/* `move`: to another key. */
static inline void model_update(struct model *m, const struct model_listener *to, bool move)
{
    size_t from = model_some_row(m, true);
    size_t into = move ? model_some_row(m, false) : from;
    if (!m->row[from].there || (move && m->row[into].there))
        return;
    struct model_row old = m->row[from];
    struct model_row new = old;
    for (uint16_t i = 0; i < MODEL_COLUMNS; i++)
        if (model_random(m, 2) == 0)
            model_fill(m, &new, i);
    if (move)
        model_key(m, &new, into);
    m->row[from].there = false;
    m->row[into] = new;
    model_tell(m, to, ACTION_UPDATE, &old, &new, move);
}

static inline void model_delete(struct model *m, const struct model_listener *to)
{
    size_t at = model_some_row(m, true);
    if (!m->row[at].there)
        return;
    m->row[at].there = false;
    model_tell(m, to, ACTION_DELETE, &m->row[at], NULL, false);
}

static inline void model_empty(struct model *m)
{
    for (size_t i = 0; i < MODEL_ROWS; i++)
        m->row[i].there = false;
}

#endif
