#include "agent/restore/fold/foldemit.h"

#define OUT_PIECE ((size_t)65536)

status foldemit_init(struct foldemit *o, const struct fold_sink *sink, const struct table_digest *base,
                     err *e)
{
    *o = (struct foldemit){.sink = sink, .hash_all = base == NULL};
    if (base != NULL)
        o->expected = *base;
    return hasher_new(&o->hasher, e);
}

void foldemit_fini(struct foldemit *o)
{
    hasher_free(o->hasher);
    buf_fini(&o->out);
    *o = (struct foldemit){0};
}

status foldemit_flush(struct foldemit *o, err *e)
{
    TRY(buf_done(&o->out, e));
    if (o->out.len == 0)
        return DONE;
    TRY(o->sink->lines(o->sink->context, buf_view(&o->out), e));
    buf_reset(&o->out);
    return DONE;
}

/* A line that is not a base row's. */
static status made(struct foldemit *o, struct bytes line, err *e)
{
    TRY(table_digest_add(&o->expected, o->hasher, line, e));
    buf_bytes(&o->out, line.data, line.len);
    buf_u8(&o->out, '\n');
    return o->out.len >= OUT_PIECE ? foldemit_flush(o, e) : DONE;
}

status foldemit_line(const struct fold_shape *s, const uint8_t *at, const uint8_t *end, struct bytes *line,
                     err *e)
{
    const uint8_t *stop = memchr(at, '\n', (size_t)(end - at));
    if (stop == NULL)
        return err_set(e, ERR_STORAGE, "rows of %s end in the middle of a line; run pgstrand verify",
                       s->label);
    *line = bytes_of(at, (size_t)(stop - at));
    return DONE;
}

static status hash_lines(struct foldemit *o, const uint8_t *at, const uint8_t *end, err *e)
{
    while (at < end) {
        const uint8_t *stop = memchr(at, '\n', (size_t)(end - at));
        if (stop == NULL)
            return err_set(e, ERR_STORAGE, "rows end in the middle of a line; run pgstrand verify");
        TRY(table_digest_add(&o->expected, o->hasher, bytes_of(at, (size_t)(stop - at)), e));
        at = stop + 1;
    }
    return DONE;
}

/* Base rows that stay as they are. */
static status pass(struct foldemit *o, const uint8_t *from, const uint8_t *to, err *e)
{
    if (from == to)
        return DONE;
    if (o->hash_all)
        TRY(hash_lines(o, from, to, e));
    /* Small pieces are collected: handing each on alone would cost more than copying it. */
    size_t len = (size_t)(to - from);
    if (len < OUT_PIECE / 8) {
        buf_bytes(&o->out, from, len);
        return o->out.len >= OUT_PIECE ? foldemit_flush(o, e) : DONE;
    }
    TRY(foldemit_flush(o, e));
    return o->sink->lines(o->sink->context, bytes_of(from, len), e);
}

status foldemit_pass(struct foldemit *o, struct bytes lines, err *e)
{
    return pass(o, lines.data, lines.data + lines.len, e);
}

status foldemit_lines(struct foldemit *o, struct foldmap *m, struct bytes lines, err *e)
{
    if (m->count == 0)
        return foldemit_pass(o, lines, e);
    const uint8_t *end = lines.data + lines.len;
    const uint8_t *from = lines.data; /* first of the rows that pass and were not handed on yet */
    for (const uint8_t *at = lines.data; at < end;) {
        struct bytes line, replaced;
        enum fold_verdict verdict;
        TRY(foldemit_line(m->shape, at, end, &line, e));
        at = line.data + line.len + 1;
        TRY(foldmap_base(m, line, &verdict, &replaced, e));
        if (verdict == FOLD_PASS)
            continue;
        TRY(pass(o, from, line.data, e));
        from = at;
        if (!o->hash_all)
            TRY(table_digest_remove(&o->expected, o->hasher, line, e));
        if (verdict == FOLD_REPLACE)
            TRY(made(o, replaced, e));
    }
    return pass(o, from, end, e);
}

static status lacks_row(const struct foldmap *m, err *e)
{
    return err_set(e, ERR_STORAGE,
                   "the base of %s lacks a row that a later change is about; run pgstrand verify, then "
                   "pgstrand seal --type full",
                   m->shape->label);
}

status foldemit_rest(struct foldemit *o, struct foldmap *m, err *e)
{
    for (uint32_t i = 0; i < m->count; i++) {
        struct bytes line;
        enum fold_state state = foldmap_entry(m, i, &line);
        if (m->shape->key_count == 0) {
            if (m->entry[i].delta < 0)
                return lacks_row(m, e);
            for (int64_t n = m->entry[i].delta; n > 0; n--)
                TRY(made(o, line, e));
        } else if (state == FOLD_LIVE) {
            if (m->entry[i].origin != FOLD_NONE)
                return lacks_row(m, e);
            TRY(made(o, line, e));
        }
    }
    return DONE;
}
