#include "agent/heal/tablediff.h"

#include "agent/base/basetask.h"
#include "agent/restore/fold/stages.h"
#include "agent/restore/plan/plantable.h"

#define LOOK_EVERY 4096 /* rows: whether to stop */

struct rows {
    void *context;
    status (*take)(void *context, struct bytes line, err *e);
};

/* The table's rows as a base would have them. */
static status read_table(const struct tablediff *t, const struct table_info *table, const struct rows *out,
                         err *e)
{
    const struct basetask task = {.table = table, .parts = 1, .end_page = -1};
    OWNED(buf) struct buf sql = {0};
    uint64_t rows = 0;
    basetask_command(&task, &sql);
    TRY(buf_done(&sql, e));
    TRY(pgconn_copy_out(t->conn, buf_cstring(&sql), e));
    for (;;) {
        struct bytes line;
        bool end = false;
        TRY(pgconn_copy_next(t->conn, &line, &end, e));
        if (end)
            return DONE;
        if (line.len > 0 && line.data[line.len - 1] == '\n')
            line.len--;
        TRY(out->take(out->context, line, e));
        if (++rows % LOOK_EVERY == 0 && progress_stopped(t->progress))
            return err_set(e, ERR_INTERRUPTED, "stopped while comparing");
    }
}

/* ---- digests ---- */

struct summing {
    struct hasher *hasher;
    struct table_digest digest;
};

static status sum_row(void *context, struct bytes line, err *e)
{
    struct summing *s = context;
    return table_digest_add(&s->digest, s->hasher, line, e);
}

static status has_digest(const struct tablediff *t, const struct table_info *table,
                         const struct table_digest *wanted, bool *out, err *e)
{
    OWNED(hasher) struct hasher *h = NULL;
    TRY(hasher_new(&h, e));
    struct summing s = {.hasher = h};
    const struct rows rows = {&s, sum_row};
    TRY(read_table(t, table, &rows, e));
    *out = table_digest_equal(&s.digest, wanted);
    return DONE;
}

/* ---- row by row ---- */

static status take_found(void *context, struct bytes line, err *e)
{
    return rowdiff_found(context, line, e);
}

struct known_rows {
    struct rowdiff *diff;
    const struct fold_shape *shape;
};

static status take_known(void *context, struct bytes lines, err *e)
{
    const struct known_rows *k = context;
    const uint8_t *end = lines.data + lines.len;
    for (const uint8_t *at = lines.data; at < end;) {
        struct bytes line;
        TRY(foldemit_line(k->shape, at, end, &line, e));
        TRY(rowdiff_known(k->diff, line, e));
        at = line.data + line.len + 1;
    }
    return DONE;
}

static status emit_known(const struct tablediff *t, size_t i, struct rowdiff *diff,
                         const struct fold_shape *shape, err *e)
{
    struct known_rows rows = {diff, shape};
    const struct fold_sink sink = {&rows, take_known};
    struct table_digest ignored = {0};
    return stages_emit(t->known->plan, t->known->fold, &t->known->plan->table[i], t->d->spool, &sink,
                       &ignored, e);
}

status tablediff_run(const struct tablediff *t, size_t i, const struct table_info *table,
                     const struct rowdiff_sink *sink, uint64_t *changes, err *e)
{
    const struct plan_table *from = &t->known->plan->table[i];
    uint16_t key[RELATION_COLUMNS_MAX];
    OWNED(buf) struct buf label = {0};
    OWNED(rowdiff) struct rowdiff *diff = NULL;
    struct fold_shape shape;
    bool same = false;
    *changes = 0;
    if (stages_is_base(t->known->fold, from))
        TRY(has_digest(t, table, &from->base_digest, &same, e));
    if (same)
        return DONE;
    buf_printf(&label, "%s.%s", table->schema, table->name);
    TRY(buf_done(&label, e));
    plantable_shape(from, buf_cstring(&label), key, &shape);
    TRY(rowdiff_new(&shape, t->d->spool, (size_t)(t->d->config->restore_memory / 3), (uint64_t)table->bytes,
                    &diff, e));
    TRY(emit_known(t, i, diff, &shape, e));
    const struct rows rows = {diff, take_found};
    TRY(read_table(t, table, &rows, e));
    return rowdiff_run(diff, sink, changes, e);
}
