/*
 * foldbench: what the tests of the fold share: base rows that come in pieces, folds of one table, and the
 * comparison of what comes out with the model.
 */
#ifndef PGSTRAND_FOLDBENCH_H
#define PGSTRAND_FOLDBENCH_H

#include "tests/lib/scratch.h"
#include "tests/unit/agent/restore/fold/foldmodel.h"

static const uint16_t foldbench_first[] = {0};
static const struct fold_shape foldbench_keyed = {"public.t", MODEL_COLUMNS, 1, foldbench_first};
static const struct fold_shape foldbench_multiset = {"public.m", MODEL_COLUMNS, 0, NULL};

/* Base rows in pieces of a few lines. */
struct foldbench_base {
    struct buf lines;
    size_t at;
};

static inline status foldbench_next(void *context, struct bytes *lines, bool *end, err *e)
{
    struct foldbench_base *b = context;
    (void)e;
    *end = b->at == b->lines.len;
    if (*end)
        return DONE;
    size_t stop = b->at;
    for (unsigned n = 0; n < 5 && stop < b->lines.len; n++)
        stop = (size_t)((const uint8_t *)memchr(b->lines.data + stop, '\n', b->lines.len - stop) -
                        b->lines.data) +
               1;
    *lines = bytes_of(b->lines.data + b->at, stop - b->at);
    b->at = stop;
    return DONE;
}

static inline struct fold *foldbench_fold(const char *dir, size_t memory, const struct fold_shape *shape)
{
    err e = ERR_INIT;
    struct fold *f = NULL;
    const struct fold_options options = {.memory = memory, .dir = dir, .emitters = 1};
    assert_done(fold_new(&options, &f, &e), &e);
    assert_done(fold_table(f, shape, &e), &e);
    return f;
}

/* Folds out and compares rows and digest with what they should be. */
static inline void foldbench_expect(struct fold *f, struct foldbench_base *base,
                                    const struct table_digest *base_digest, const struct model *wanted)
{
    err e = ERR_INIT;
    OWNED(model_lines) struct model_lines got = {0};
    OWNED(model_lines) struct model_lines want = {0};
    struct table_digest digest = {0}, expected = {0};
    const struct fold_source source = {base, foldbench_next};
    const struct fold_sink sink = {&got, model_collect};
    base->at = 0;
    assert_done(fold_emit(f, 0, &source, base_digest, &sink, &expected, &e), &e);
    if (got.count > 0)
        qsort(got.line, got.count, sizeof *got.line, model_compare);
    model_rows(wanted, &want, &digest);
    assert_int_equal(got.count, want.count);
    for (size_t i = 0; i < want.count; i++)
        assert_string_equal(got.line[i], want.line[i]);
    assert_true(table_digest_equal(&expected, &digest));
}

#endif
