#include "agent/heal/healwriter.h"

#include "agent/lineage.h"
#include "proto/base/pgtime.h"
#include "proto/copytext.h"

struct healwriter {
    struct logwriter *log;
    lsn commit_lsn;
    lsn point;
    uint64_t first_seq;
    const struct relation *shape;
    uint32_t version; /* of shape in the log; 0: no change of it yet */
    struct buf tuple;
    struct buf value;
};

static status put_marker(struct healwriter *w, const char *why, err *e)
{
    const struct action a = {.kind = ACTION_MESSAGE,
                             .flags = ACTION_MESSAGE_TRANSACTIONAL,
                             .prefix = bytes_text(HEALWRITER_PREFIX),
                             .content = bytes_text(why)};
    return logwriter_put(w->log, &a, w->commit_lsn, e);
}

status healwriter_new(const struct datadir *d, const uuid *next, lsn point, const char *why,
                      struct healwriter **out, err *e)
{
    struct log_options options = {.node = d->identity.node,
                                  .incarnation = d->identity.incarnation,
                                  .segment_bytes = d->config->log_segment_bytes};
    OWNED(healwriter) struct healwriter *w = calloc(1, sizeof *w);
    if (w == NULL)
        return err_no_memory(e);
    w->point = point;
    w->commit_lsn = point - 1;
    struct lineage_end end;
    TRY(lineage_before_log(d, &end, e));
    options.start_seq = end.seq;
    options.start_relation = end.relation;
    TRY(logwriter_open(d->log, &options, &w->log, e));
    w->first_seq = logwriter_position(w->log)->last_seq + 1;
    TRY(logwriter_succeed(w->log, next, e));
    TRY(put_marker(w, why, e));
    *out = w;
    w = NULL;
    return DONE;
}

void healwriter_free(struct healwriter *w)
{
    if (w == NULL)
        return;
    logwriter_close(w->log);
    buf_fini(&w->tuple);
    buf_fini(&w->value);
    free(w);
}

uint64_t healwriter_first_seq(const struct healwriter *w)
{
    return w->first_seq;
}

void healwriter_table(struct healwriter *w, const struct relation *shape)
{
    w->shape = shape;
    w->version = 0;
}

/* The old row as the stream would tell it: the key's columns, or all of them. */
static status key_tuple(struct healwriter *w, struct bytes line, err *e)
{
    const struct relation *shape = w->shape;
    const bool keyed = relation_is_keyed(shape);
    struct bytes column[RELATION_COLUMNS_MAX];
    if (!keyed)
        return copytext_to_tuple(line, &w->tuple, e);
    if (copytext_split(line, column, RELATION_COLUMNS_MAX) != shape->column_count)
        return err_set(e, ERR_STORAGE, "a row of %s.%s has another number of columns than its table",
                       shape->schema, shape->name);
    tuple_begin(&w->tuple, shape->column_count);
    for (uint16_t i = 0; i < shape->column_count; i++) {
        struct value v = {.kind = VALUE_NULL};
        buf_reset(&w->value);
        if (shape->columns[i].key && copytext_unescape(column[i], &w->value))
            v = (struct value){VALUE_TEXT, buf_view(&w->value)};
        tuple_put(&w->tuple, v);
    }
    TRY(buf_done(&w->value, e));
    return buf_done(&w->tuple, e);
}

static status put_row(struct healwriter *w, enum action_kind kind, struct bytes line, err *e)
{
    struct action a = {.kind = kind, .relation = w->version};
    buf_reset(&w->tuple);
    if (kind == ACTION_DELETE) {
        TRY(key_tuple(w, line, e));
        a.old_kind = relation_is_keyed(w->shape) ? 'K' : 'O';
        a.old = buf_view(&w->tuple);
    } else {
        TRY(copytext_to_tuple(line, &w->tuple, e));
        a.new = buf_view(&w->tuple);
    }
    return logwriter_put(w->log, &a, w->commit_lsn, e);
}

static status change(void *context, enum rowdiff_kind kind, struct bytes line, err *e)
{
    static const enum action_kind kinds[] = {
        [ROWDIFF_CREATE] = ACTION_CREATE, [ROWDIFF_UPDATE] = ACTION_UPDATE, [ROWDIFF_DELETE] = ACTION_DELETE};
    struct healwriter *w = context;
    if (w->version == 0)
        TRY(logwriter_relation(w->log, w->shape, &w->version, e));
    return put_row(w, kinds[kind], line, e);
}

struct rowdiff_sink healwriter_sink(struct healwriter *w)
{
    return (struct rowdiff_sink){w, change};
}

status healwriter_finish(struct healwriter *w, uint64_t *last_seq, err *e)
{
    struct commit c = {.lsn = w->commit_lsn, .end_lsn = w->point, .time = pgtime_now()};
    TRY(logwriter_commit(w->log, &c, e));
    TRY(logwriter_flush(w->log, e));
    *last_seq = c.last_seq;
    return DONE;
}
