#include "proto/actionunpack.h"

#include "proto/actionlayout.h"
#include "proto/wire.h"

#define WIRE_BYTES 2
#define FRAME_COMMIT 1 /* ActionsFrame.commit */
#define GROUP_COMMIT 1 /* CommitActions.commit */
#define GROUP_ACTION 2 /* CommitActions.action */

#define CONTENT_MAX \
    ((uint64_t)1 << 26) /* bytes of all rows of a payload by column: more than a writer puts in */
#define VALUE_HEAD 5    /* kind and length before a text in TupleData */

/* Rows of one relation by column. */
struct unpack_table {
    size_t column; /* its first one */
    uint32_t columns;
    uint32_t rows;   /* not read yet */
    uint32_t passed; /* rows not read, that the columns stand before */
};

struct unpack_shape {
    enum action_kind kind; /* 0: encoded */
    uint32_t relation;
    char old_kind;
    uint32_t old_table; /* from 1; 0: none */
    uint32_t new_table;
};

/* A payload by column. */
struct columns {
    uint64_t actions;   /* not read yet */
    uint64_t commits;   /* not read yet */
    uint64_t of_commit; /* actions of the commit in hand not read yet */
    uint64_t content;   /* bytes not read yet */
    bool partial;       /* some were passed over: what is left cannot be counted */
    uint64_t others_passed;
    struct unpack_shape *shape;
    size_t shapes, shape_room;
    struct unpack_table *table;
    size_t tables, table_room;
    struct valuecolumn *column;
    size_t column_count, column_room;
    struct intcolumn number[LAYOUT_INTS];
    struct valuecolumn text[LAYOUT_TEXTS];
    struct intcolumn shape_of, gap;
    struct valuecolumn others;
};

struct actionunpack {
    bool by_column;
    struct reader frame; /* an ActionsFrame */
    struct reader group; /* a CommitActions of it */
    bool commit_known;
    struct columns c;
    struct commit commit;
    uint64_t index; /* of the action read last */
    uint64_t from;  /* seq */
    struct buf commit_text[LAYOUT_TEXTS];
    struct buf old, new;
};

status actionunpack_new(struct actionunpack **out, err *e)
{
    *out = calloc(1, sizeof **out);
    return *out == NULL ? err_no_memory(e) : DONE;
}

void actionunpack_free(struct actionunpack *u)
{
    if (u == NULL)
        return;
    free(u->c.shape);
    free(u->c.table);
    free(u->c.column);
    for (unsigned i = 0; i < LAYOUT_TEXTS; i++)
        buf_fini(&u->commit_text[i]);
    buf_fini(&u->old);
    buf_fini(&u->new);
    free(u);
}

static status damaged(err *e)
{
    return err_set(e, ERR_STORAGE, "an ACTIONS frame is malformed; run pgstrand verify");
}

/* ---- messages ---- */

/* The next action of the group; *any false at its end. */
static status next_in_group(struct actionunpack *u, struct sealed_action *out, bool *any, err *e)
{
    struct wire_field field;
    *any = false;
    while (!*any && wire_next(&u->group, &field)) {
        if (field.type != WIRE_BYTES)
            continue;
        if (field.number == GROUP_COMMIT) {
            TRY(commit_decode(field.bytes, &u->commit, e));
            u->commit_known = true;
        } else if (field.number == GROUP_ACTION) {
            if (!u->commit_known)
                return damaged(e);
            TRY(action_decode(field.bytes, &out->action, e));
            out->commit = u->commit;
            out->seq = u->commit.first_seq + out->action.index;
            *any = true;
        }
    }
    return reader_ok(&u->group) ? DONE : damaged(e);
}

static status next_group(struct actionunpack *u, bool *any, err *e)
{
    struct wire_field field;
    *any = false;
    while (!*any && wire_next(&u->frame, &field)) {
        if (field.type != WIRE_BYTES || field.number != FRAME_COMMIT)
            continue;
        u->group = reader_over(field.bytes);
        u->commit_known = false;
        *any = true;
    }
    return reader_ok(&u->frame) ? DONE : damaged(e);
}

static status next_of_message(struct actionunpack *u, struct sealed_action *out, bool *end, err *e)
{
    for (;;) {
        bool any;
        TRY(next_in_group(u, out, &any, e));
        if (any)
            return DONE;
        TRY(next_group(u, &any, e));
        if (any)
            continue;
        *end = true;
        return DONE;
    }
}

/* ---- by column: opening ---- */

/* `count` zeroed elements of a list that is used again and again. */
static status make_room(void **list, size_t *room, size_t count, size_t size, err *e)
{
    if (count > *room) {
        void *grown = realloc(*list, count * size);
        if (grown == NULL)
            return err_no_memory(e);
        *list = grown;
        *room = count;
    }
    if (count > 0)
        memset(*list, 0, count * size);
    return DONE;
}

static uint64_t limited(struct reader *r, uint64_t max)
{
    const uint64_t value = reader_varint(r);
    if (value > max)
        reader_fail(r);
    return reader_ok(r) ? value : 0;
}

static void read_shape(struct reader *r, const struct columns *c, struct unpack_shape *s)
{
    s->kind = (enum action_kind)reader_u8(r);
    if (s->kind == 0)
        return;
    s->relation = (uint32_t)limited(r, UINT32_MAX);
    s->old_kind = (char)reader_u8(r);
    s->old_table = (uint32_t)limited(r, c->tables);
    s->new_table = (uint32_t)limited(r, c->tables);
    if (s->kind > ACTION_BATCH_DELETE || s->relation == 0 ||
        (s->old_kind != 0 && s->old_kind != 'K' && s->old_kind != 'O') ||
        (s->old_table != 0 && s->old_kind == 0))
        reader_fail(r);
}

static status read_shapes(struct reader *r, struct columns *c, err *e)
{
    TRY(make_room((void **)&c->shape, &c->shape_room, c->shapes, sizeof *c->shape, e));
    TRY(make_room((void **)&c->table, &c->table_room, c->tables, sizeof *c->table, e));
    for (size_t i = 0; i < c->shapes; i++)
        read_shape(r, c, &c->shape[i]);
    c->column_count = 0;
    uint64_t values = 0; /* each is a byte of the content at least */
    for (size_t i = 0; i < c->tables; i++) {
        struct unpack_table *t = &c->table[i];
        t->column = c->column_count;
        t->columns = (uint32_t)limited(r, UINT16_MAX);
        t->rows = (uint32_t)limited(r, ACTIONPACK_ACTIONS_MAX);
        c->column_count += t->columns;
        values += (uint64_t)t->columns * t->rows;
        if (t->columns == 0 || c->column_count > ACTIONPACK_COLUMNS_MAX || values > c->content)
            reader_fail(r);
    }
    return reader_ok(r) ? DONE : damaged(e);
}

static status read_head(struct reader *r, struct columns *c, size_t *others, err *e)
{
    c->actions = limited(r, ACTIONPACK_ACTIONS_MAX);
    c->commits = limited(r, c->actions);
    c->shapes = limited(r, ACTIONPACK_SHAPES_MAX);
    c->tables = limited(r, 2 * ACTIONPACK_SHAPES_MAX);
    *others = limited(r, c->actions);
    c->content = limited(r, CONTENT_MAX);
    c->of_commit = 0;
    c->partial = false;
    c->others_passed = 0;
    if (!reader_ok(r))
        return damaged(e);
    return read_shapes(r, c, e);
}

static status open_columns(struct actionunpack *u, struct bytes payload, err *e)
{
    struct columns *c = &u->c;
    struct reader r = reader_over(payload);
    size_t others = 0;
    TRY(read_head(&r, c, &others, e));
    for (unsigned i = 0; i < LAYOUT_INTS; i++)
        intcolumn_open(&r, c->commits, &c->number[i]);
    for (unsigned i = 0; i < LAYOUT_TEXTS; i++)
        valuecolumn_open(&r, c->commits, &c->text[i]);
    intcolumn_open(&r, c->actions, &c->shape_of);
    intcolumn_open(&r, c->actions, &c->gap);
    c->others = (struct valuecolumn){0};
    if (others > 0)
        valuecolumn_open(&r, others, &c->others);
    if (!reader_ok(&r))
        return damaged(e);
    TRY(make_room((void **)&c->column, &c->column_room, c->column_count, sizeof *c->column, e));
    for (size_t i = 0; i < c->tables && reader_ok(&r); i++)
        for (uint32_t k = 0; k < c->table[i].columns; k++)
            valuecolumn_open(&r, c->table[i].rows, &c->column[c->table[i].column + k]);
    u->commit = (struct commit){0};
    return reader_ok(&r) && r.left == 0 ? DONE : damaged(e);
}

status actionunpack_open(struct actionunpack *u, struct bytes payload, enum actionunpack_layout layout,
                         err *e)
{
    u->by_column = layout == ACTIONUNPACK_COLUMNS;
    u->group = (struct reader){0};
    u->frame = reader_over(payload);
    u->commit_known = false;
    if (!u->by_column)
        return DONE;
    if (open_columns(u, payload, e).ok)
        return DONE;
    u->c.actions = u->c.commits = u->c.content = u->c.column_count = 0; /* nothing is handed out of it */
    return FAILED;
}

/* ---- by column: reading ---- */

/* The text of a value that is not part of a row. */
static status next_text(struct valuecolumn *c, struct buf *into, struct bytes *out, err *e)
{
    *out = (struct bytes){(const uint8_t *)"", 0};
    buf_reset(into);
    if (!valuecolumn_next(c, into))
        return damaged(e);
    TRY(buf_done(into, e));
    if (into->len > VALUE_HEAD)
        *out = bytes_of(into->data + VALUE_HEAD, into->len - VALUE_HEAD);
    return DONE;
}

static status next_commit(struct actionunpack *u, err *e)
{
    struct columns *c = &u->c;
    int64_t number[LAYOUT_INTS];
    struct commit *to = &u->commit;
    if (c->commits == 0)
        return damaged(e);
    c->commits--;
    for (unsigned i = 0; i < LAYOUT_INTS; i++)
        number[i] = intcolumn_next(&c->number[i]);
    c->of_commit = (uint64_t)number[LAYOUT_ACTIONS];
    const uint64_t span = (uint64_t)number[LAYOUT_SPAN];
    to->first_seq = to->last_seq + 1 + (uint64_t)number[LAYOUT_GAP];
    to->last_seq = to->first_seq + span - 1;
    to->lsn = (lsn)number[LAYOUT_LSN];
    to->end_lsn = to->lsn + (uint64_t)number[LAYOUT_END];
    to->time = number[LAYOUT_TIME];
    to->xid = (uint32_t)number[LAYOUT_XID];
    to->origin_lsn = (uint64_t)number[LAYOUT_ORIGIN_LSN];
    if (c->of_commit == 0 || c->of_commit > span || span > UINT64_MAX - to->first_seq ||
        number[LAYOUT_XID] < 0 || number[LAYOUT_XID] > UINT32_MAX)
        return damaged(e);
    TRY(next_text(&c->text[LAYOUT_ORIGIN], &u->commit_text[LAYOUT_ORIGIN], &to->origin, e));
    TRY(next_text(&c->text[LAYOUT_USER], &u->commit_text[LAYOUT_USER], &to->user, e));
    TRY(next_text(&c->text[LAYOUT_SESSION], &u->commit_text[LAYOUT_SESSION], &to->session, e));
    u->index = UINT64_MAX; /* so that the next one is 0 */
    return DONE;
}

/* The next row of a table as TupleData. */
static status next_row(struct actionunpack *u, uint32_t number, struct buf *into, struct bytes *out, err *e)
{
    *out = (struct bytes){(const uint8_t *)"", 0};
    if (number == 0)
        return DONE;
    struct unpack_table *t = &u->c.table[number - 1];
    struct valuecolumn *column = &u->c.column[t->column];
    if (t->rows == 0)
        return damaged(e);
    for (uint32_t i = 0; t->passed > 0 && i < t->columns; i++)
        if (!valuecolumn_pass(&column[i], t->passed))
            return damaged(e);
    t->passed = 0;
    t->rows--;
    buf_reset(into);
    tuple_begin(into, (uint16_t)t->columns);
    for (uint32_t i = 0; i < t->columns; i++)
        if (!valuecolumn_next(&column[i], into))
            return damaged(e);
    TRY(buf_done(into, e));
    *out = buf_view(into);
    return DONE;
}

static status next_content(struct actionunpack *u, struct action *a, size_t *content, err *e)
{
    const uint64_t number = (uint64_t)intcolumn_next(&u->c.shape_of);
    struct bytes raw;
    if (number >= u->c.shapes)
        return damaged(e);
    const struct unpack_shape *s = &u->c.shape[number];
    if (s->kind == 0) {
        if (u->c.others_passed > 0 && !valuecolumn_pass(&u->c.others, u->c.others_passed))
            return damaged(e);
        u->c.others_passed = 0;
        TRY(next_text(&u->c.others, &u->new, &raw, e));
        *content = raw.len;
        return action_decode(raw, a, e);
    }
    *a = (struct action){.kind = s->kind, .relation = s->relation, .old_kind = s->old_kind};
    TRY(next_row(u, s->old_table, &u->old, &a->old, e));
    TRY(next_row(u, s->new_table, &u->new, &a->new, e));
    *content = a->old.len + a->new.len;
    return DONE;
}

static status pass_row(struct columns *c, uint32_t number, err *e)
{
    if (number == 0)
        return DONE;
    struct unpack_table *t = &c->table[number - 1];
    if (t->rows == 0)
        return damaged(e);
    t->rows--;
    t->passed++;
    return DONE;
}

/* Counts what an action has; the columns are moved on when one of their values is wanted. */
static status pass_content(struct columns *c, err *e)
{
    const uint64_t number = (uint64_t)intcolumn_next(&c->shape_of);
    if (number >= c->shapes)
        return damaged(e);
    const struct unpack_shape *s = &c->shape[number];
    c->partial = true;
    if (s->kind == 0) {
        c->others_passed++;
        return DONE;
    }
    TRY(pass_row(c, s->old_table, e));
    return pass_row(c, s->new_table, e);
}

/* All of it was read. */
static status check_end(const struct columns *c, err *e)
{
    bool done = c->commits == 0 && c->of_commit == 0;
    if (c->partial)
        return done ? DONE : damaged(e);
    done = done && c->content == 0 && valuecolumn_is_done(&c->others);
    for (unsigned i = 0; i < LAYOUT_TEXTS; i++)
        done = done && valuecolumn_is_done(&c->text[i]);
    for (size_t i = 0; i < c->column_count; i++)
        done = done && valuecolumn_is_done(&c->column[i]);
    return done ? DONE : damaged(e);
}

/* The place of the next action: its commit, and its index there. */
static status next_place(struct actionunpack *u, bool *end, err *e)
{
    struct columns *c = &u->c;
    *end = c->actions == 0;
    if (*end)
        return check_end(c, e);
    c->actions--;
    if (c->of_commit == 0)
        TRY(next_commit(u, e));
    c->of_commit--;
    u->index += 1 + (uint64_t)intcolumn_next(&c->gap);
    return u->index > u->commit.last_seq - u->commit.first_seq ? damaged(e) : DONE;
}

static status next_by_column(struct actionunpack *u, struct sealed_action *out, bool *end, err *e)
{
    struct columns *c = &u->c;
    size_t content = 0;
    TRY(next_place(u, end, e));
    while (!*end && u->commit.first_seq + u->index < u->from) {
        TRY(pass_content(c, e));
        TRY(next_place(u, end, e));
    }
    if (*end)
        return DONE;
    TRY(next_content(u, &out->action, &content, e));
    if (content > c->content)
        return damaged(e);
    c->content -= content;
    out->action.index = u->index;
    out->seq = u->commit.first_seq + u->index;
    out->commit = u->commit;
    return DONE;
}

void actionunpack_from(struct actionunpack *u, uint64_t seq)
{
    u->from = seq;
}

status actionunpack_next(struct actionunpack *u, struct sealed_action *out, bool *end, err *e)
{
    *end = false;
    return u->by_column ? next_by_column(u, out, end, e) : next_of_message(u, out, end, e);
}
