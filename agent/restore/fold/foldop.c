#include "agent/restore/fold/foldop.h"

#include "proto/copytext.h"

status foldop_apply(const struct foldop *op, struct foldmap *m, err *e)
{
    switch (op->kind) {
    case FOLDOP_SET:
        return foldmap_set(m, op->line, e);
    case FOLDOP_KILL:
        return foldmap_kill(m, op->key, e);
    case FOLDOP_PATCH:
        return foldmap_patch(m, op->line, e);
    case FOLDOP_MOVE:
        return foldmap_move(m, op->key, op->line, e);
    case FOLDOP_INHERIT:
        return foldmap_inherit(m, op->key, op->line, e);
    case FOLDOP_COUNT:
        return foldmap_count(m, op->line, op->delta, e);
    }
    return err_set(e, ERR_STORAGE, "a step of unknown kind %d in the fold's own file", (int)op->kind);
}

status foldop_key(const struct foldop *op, const struct fold_shape *s, struct buf *scratch, struct bytes *key,
                  err *e)
{
    if (op->kind == FOLDOP_KILL) {
        *key = op->key;
        return DONE;
    }
    return foldline_key(s, op->line, scratch, key, e);
}

/* kind, then as the kind has them: key length and key, delta; the line is the rest. */
void foldop_write(const struct foldop *op, struct buf *out)
{
    buf_u8(out, (uint8_t)op->kind);
    if (op->kind == FOLDOP_COUNT)
        buf_le64(out, (uint64_t)op->delta);
    if (op->kind == FOLDOP_MOVE || op->kind == FOLDOP_INHERIT)
        buf_varint(out, op->key.len);
    buf_bytes(out, op->key.data, op->key.len);
    buf_bytes(out, op->line.data, op->line.len);
}

status foldop_read(struct bytes raw, struct foldop *out, err *e)
{
    struct reader r = reader_over(raw);
    *out = (struct foldop){.kind = (enum foldop_kind)reader_u8(&r)};
    if (out->kind == FOLDOP_COUNT)
        out->delta = (int64_t)reader_le64(&r);
    if (out->kind == FOLDOP_MOVE || out->kind == FOLDOP_INHERIT)
        out->key = reader_bytes(&r, (size_t)reader_varint(&r));
    struct bytes rest = reader_bytes(&r, r.left);
    if (out->kind == FOLDOP_KILL)
        out->key = rest;
    else
        out->line = rest;
    return reader_done(&r, "a step in the fold's own file", e);
}

status foldop_of_entry(struct foldmap *m, uint32_t i, struct buf *key, struct foldop *out, bool *any, err *e)
{
    struct bytes content, origin_key;
    const struct foldentry *entry = &m->entry[i];
    enum fold_state state = foldmap_entry(m, i, &content);
    *any = true;
    if (m->shape->key_count == 0) {
        *out = (struct foldop){.kind = FOLDOP_COUNT, .line = content, .delta = entry->delta};
        *any = entry->delta != 0;
    } else if (state == FOLD_DEAD) {
        *out = (struct foldop){.kind = FOLDOP_KILL, .key = content};
    } else if (entry->origin == FOLD_NONE) {
        *out = (struct foldop){.kind = FOLDOP_SET, .line = content};
    } else {
        TRY(foldmap_key(m, entry->origin, &origin_key, e));
        buf_reset(key);
        buf_bytes(key, origin_key.data, origin_key.len);
        *out = (struct foldop){.kind = FOLDOP_INHERIT, .key = buf_view(key), .line = content};
    }
    return DONE;
}

void foldop_maker_fini(struct foldop_maker *maker)
{
    buf_fini(&maker->old_line);
    buf_fini(&maker->blank);
    buf_fini(&maker->line);
    buf_fini(&maker->old_key);
    buf_fini(&maker->new_key);
}

static status line_of(const struct fold_shape *s, struct bytes tuple, struct bytes old_line, struct buf *out,
                      err *e)
{
    buf_reset(out);
    struct tuple t = tuple_open(tuple);
    if (t.count != s->columns)
        return err_set(e, ERR_SCHEMA, "a change of %s has %u columns, the table %u", s->label,
                       (unsigned)t.count, (unsigned)s->columns);
    if (!copytext_tuple(tuple, old_line, out, e).ok)
        return err_wrap(e, "a change of %s", s->label);
    return DONE;
}

static status lacks_old(const struct fold_shape *s, err *e)
{
    return err_set(e, ERR_STORAGE, "a change of %s does not tell the old row; run pgstrand verify", s->label);
}

static status multiset_ops(struct foldop_maker *m, const struct fold_shape *s, const struct action *a,
                           struct foldop out[static 2], unsigned *count, err *e)
{
    struct bytes old = {0};
    *count = 0;
    if (a->kind != ACTION_CREATE) {
        if (a->old_kind != 'O')
            return lacks_old(s, e);
        TRY(line_of(s, a->old, old, &m->old_line, e));
        old = buf_view(&m->old_line);
        out[(*count)++] = (struct foldop){.kind = FOLDOP_COUNT, .line = old, .delta = -1};
    }
    if (a->kind != ACTION_DELETE) {
        TRY(line_of(s, a->new, old, &m->line, e));
        out[(*count)++] = (struct foldop){.kind = FOLDOP_COUNT, .line = buf_view(&m->line), .delta = 1};
    }
    return DONE;
}

/* What stands for the columns that were not sent: the old row when it came whole, else unknown. */
static status blank_of(struct foldop_maker *m, const struct fold_shape *s, const struct action *a,
                       struct bytes old, struct bytes *blank, err *e)
{
    *blank = old;
    if (a->old_kind == 'O' || !tuple_has_unchanged(a->new))
        return DONE;
    buf_reset(&m->blank);
    TRY(foldline_blank(s, old, &m->blank, e));
    *blank = buf_view(&m->blank);
    return DONE;
}

static status update_ops(struct foldop_maker *m, const struct fold_shape *s, const struct action *a,
                         struct foldop out[static 2], unsigned *count, err *e)
{
    struct bytes old = {0}, blank, old_key, new_key;
    if (a->old_kind != 0) {
        TRY(line_of(s, a->old, old, &m->old_line, e));
        old = buf_view(&m->old_line);
    }
    TRY(blank_of(m, s, a, old, &blank, e));
    TRY(line_of(s, a->new, blank, &m->line, e));
    struct bytes line = buf_view(&m->line);
    TRY(foldline_key(s, line, &m->new_key, &new_key, e));
    old_key = new_key;
    if (a->old_kind != 0)
        TRY(foldline_key(s, old, &m->old_key, &old_key, e));
    bool unknown = blank.data != old.data && foldline_unknown(line);
    *count = 1;
    if (bytes_equal(old_key, new_key)) {
        out[0] = (struct foldop){.kind = unknown ? FOLDOP_PATCH : FOLDOP_SET, .line = line};
    } else if (unknown) {
        out[0] = (struct foldop){.kind = FOLDOP_MOVE, .key = old_key, .line = line};
    } else {
        out[0] = (struct foldop){.kind = FOLDOP_KILL, .key = old_key};
        out[1] = (struct foldop){.kind = FOLDOP_SET, .line = line};
        *count = 2;
    }
    return DONE;
}

status foldop_of_action(struct foldop_maker *m, const struct fold_shape *s, const struct action *a,
                        struct foldop out[static 2], unsigned *count, err *e)
{
    if (a->kind != ACTION_CREATE && a->kind != ACTION_UPDATE && a->kind != ACTION_DELETE)
        return err_set(e, ERR_STORAGE, "%s of %s cannot be folded by this version; take a newer pgstrand",
                       action_kind_name(a->kind), s->label);
    if (s->key_count == 0)
        return multiset_ops(m, s, a, out, count, e);
    if (a->kind == ACTION_UPDATE)
        return update_ops(m, s, a, out, count, e);
    *count = 1;
    if (a->kind == ACTION_CREATE) {
        TRY(line_of(s, a->new, (struct bytes){0}, &m->line, e));
        out[0] = (struct foldop){.kind = FOLDOP_SET, .line = buf_view(&m->line)};
        return DONE;
    }
    struct bytes key;
    if (a->old_kind == 0)
        return lacks_old(s, e);
    TRY(line_of(s, a->old, (struct bytes){0}, &m->old_line, e));
    TRY(foldline_key(s, buf_view(&m->old_line), &m->old_key, &key, e));
    out[0] = (struct foldop){.kind = FOLDOP_KILL, .key = key};
    return DONE;
}
