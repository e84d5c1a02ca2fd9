#include "agent/restore/fold/foldspill.h"

#define WRITE_BUFFER ((size_t)65536)
#define PART_BUFFER ((size_t)16384)
#define PARTS_MAX 256u   /* two files each: half of the usual 1024 descriptors */
#define MAP_OVERHEAD 64u /* bytes a map needs for a row besides its line: record, entry and index */

struct foldspill {
    const struct fold_shape *shape;
    char *dir;
    struct spillfile *steps;
    bool unwritable;
    struct foldlink links;
    struct buf raw, key, other;
};

status foldspill_new(const char *dir, const struct fold_shape *shape, struct foldspill **out, err *e)
{
    OWNED(foldspill) struct foldspill *s = calloc(1, sizeof *s);
    if (s == NULL || (s->dir = strdup(dir)) == NULL)
        return err_no_memory(e);
    s->shape = shape;
    TRY(spillfile_new(dir, WRITE_BUFFER, &s->steps, e));
    *out = s;
    s = NULL;
    return DONE;
}

void foldspill_free(struct foldspill *s)
{
    if (s == NULL)
        return;
    spillfile_free(s->steps);
    foldlink_fini(&s->links);
    buf_fini(&s->raw);
    buf_fini(&s->key);
    buf_fini(&s->other);
    free(s->dir);
    free(s);
}

status foldspill_put(struct foldspill *s, const struct foldop *op, err *e)
{
    if (op->kind == FOLDOP_MOVE || op->kind == FOLDOP_INHERIT) {
        struct bytes key;
        TRY(foldop_key(op, s->shape, &s->key, &key, e));
        TRY(foldlink_join(&s->links, foldline_hash(op->key), foldline_hash(key), e));
    }
    buf_reset(&s->raw);
    foldop_write(op, &s->raw);
    TRY(buf_done(&s->raw, e));
    const status put = spillfile_put(s->steps, buf_view(&s->raw), e);
    s->unwritable = s->unwritable || !put.ok;
    return put;
}

bool foldspill_is_unwritable(const struct foldspill *s)
{
    return s->unwritable;
}

status foldspill_take(struct foldspill *s, struct foldmap *m, err *e)
{
    for (uint32_t i = 0; i < m->count; i++) {
        struct foldop op;
        bool any;
        TRY(foldop_of_entry(m, i, &s->other, &op, &any, e));
        if (any)
            TRY(foldspill_put(s, &op, e));
    }
    foldmap_clear(m);
    return DONE;
}

/* ---- in parts ---- */

struct parts {
    unsigned count;
    struct spillfile *steps[PARTS_MAX];
    struct spillfile *rows[PARTS_MAX]; /* NULL: none */
    struct foldfilter touched;
};

static void parts_fini(struct parts *p)
{
    for (unsigned i = 0; i < p->count; i++) {
        spillfile_free(p->steps[i]);
        spillfile_free(p->rows[i]);
    }
    foldfilter_fini(&p->touched);
}
OWN_VALUE(parts, parts_fini);

static unsigned part_of(struct foldspill *s, const struct parts *p, uint64_t hash)
{
    /* The upper half: the maps place by the lower one. */
    return (unsigned)((foldlink_root(&s->links, hash) >> 32) % p->count);
}

static status parts_open(struct foldspill *s, size_t memory, struct parts *p, err *e)
{
    uint64_t steps = spillfile_records(s->steps);
    uint64_t need = spillfile_bytes(s->steps) + steps * MAP_OVERHEAD;
    uint64_t wanted = need / (memory / 2 + 1) + 1;
    unsigned count = wanted > PARTS_MAX ? PARTS_MAX : (unsigned)wanted;
    TRY(foldfilter_init(&p->touched, steps, memory / 4, e));
    for (; p->count < count; p->count++)
        TRY(spillfile_new(s->dir, PART_BUFFER, &p->steps[p->count], e));
    return DONE;
}

static status split_steps(struct foldspill *s, struct parts *p, err *e)
{
    TRY(spillfile_rewind(s->steps, e));
    for (;;) {
        struct bytes raw, key;
        struct foldop op;
        bool any;
        TRY(spillfile_next(s->steps, &raw, &any, e));
        if (!any)
            break;
        TRY(foldop_read(raw, &op, e));
        TRY(foldop_key(&op, s->shape, &s->key, &key, e));
        uint64_t hash = foldline_hash(key);
        foldfilter_add(&p->touched, hash);
        if (op.kind == FOLDOP_MOVE || op.kind == FOLDOP_INHERIT)
            foldfilter_add(&p->touched, foldline_hash(op.key));
        TRY(spillfile_put(p->steps[part_of(s, p, hash)], raw, e));
    }
    spillfile_free(s->steps); /* gives its disk space back */
    s->steps = NULL;
    return DONE;
}

/* Passes what no step names, puts the rest into the parts. */
static status split_piece(struct foldspill *s, struct parts *p, struct bytes lines, struct foldemit *out,
                          err *e)
{
    const uint8_t *end = lines.data + lines.len;
    const uint8_t *from = lines.data;
    for (const uint8_t *at = lines.data; at < end;) {
        struct bytes line, key;
        TRY(foldemit_line(s->shape, at, end, &line, e));
        at = line.data + line.len + 1;
        TRY(foldline_key(s->shape, line, &s->key, &key, e));
        uint64_t hash = foldline_hash(key);
        if (!foldfilter_may_have(&p->touched, hash))
            continue;
        TRY(foldemit_pass(out, bytes_of(from, (size_t)(line.data - from)), e));
        from = at;
        struct spillfile **rows = &p->rows[part_of(s, p, hash)];
        if (*rows == NULL)
            TRY(spillfile_new(s->dir, PART_BUFFER, rows, e));
        TRY(spillfile_put(*rows, bytes_of(line.data, line.len + 1), e));
    }
    return foldemit_pass(out, bytes_of(from, (size_t)(end - from)), e);
}

static status split_base(struct foldspill *s, struct parts *p, const struct fold_source *base,
                         struct foldemit *out, err *e)
{
    for (;;) {
        struct bytes lines;
        bool end = false;
        TRY(base->next(base->context, &lines, &end, e));
        if (end)
            return DONE;
        TRY(split_piece(s, p, lines, out, e));
    }
}

static status fold_steps(struct spillfile *steps, struct foldmap *m, err *e)
{
    TRY(spillfile_rewind(steps, e));
    for (;;) {
        struct bytes raw;
        struct foldop op;
        bool any;
        TRY(spillfile_next(steps, &raw, &any, e));
        if (!any)
            return DONE;
        TRY(foldop_read(raw, &op, e));
        TRY(foldop_apply(&op, m, e));
    }
}

static status fold_rows(struct spillfile *rows, struct foldmap *m, struct foldemit *out, err *e)
{
    if (rows == NULL)
        return DONE;
    TRY(spillfile_rewind(rows, e));
    for (;;) {
        struct bytes line;
        bool any;
        TRY(spillfile_next(rows, &line, &any, e));
        if (!any)
            return DONE;
        TRY(foldemit_lines(out, m, line, e));
    }
}

status foldspill_emit(struct foldspill *s, const struct fold_source *base, size_t memory,
                      struct foldemit *out, err *e)
{
    OWNED(parts) struct parts p = {0};
    TRY(parts_open(s, memory, &p, e));
    TRY(split_steps(s, &p, e));
    if (base != NULL)
        TRY(split_base(s, &p, base, out, e));
    for (unsigned i = 0; i < p.count; i++) {
        OWNED(foldmap) struct foldmap m;
        foldmap_init(&m, s->shape);
        m.base_gone = base == NULL;
        TRY(fold_steps(p.steps[i], &m, e));
        TRY(fold_rows(p.rows[i], &m, out, e));
        TRY(foldemit_rest(out, &m, e));
        spillfile_free(p.steps[i]);
        spillfile_free(p.rows[i]);
        p.steps[i] = p.rows[i] = NULL;
    }
    return DONE;
}
