#include "proto/actionlayout.h"

#include "proto/wire.h"

struct packroom {
    int64_t *number;     /* ACTIONPACK_ACTIONS_MAX */
    const uint8_t **row; /* twice as many: where the next value of each row is; table by table */
    struct valuecolumn_draft draft;
    struct buf out;
};

status packroom_new(struct packroom **out, err *e)
{
    OWNED(packroom) struct packroom *r = calloc(1, sizeof *r);
    if (r == NULL)
        return err_no_memory(e);
    r->number = calloc(ACTIONPACK_ACTIONS_MAX, sizeof *r->number);
    r->row = calloc(2 * ACTIONPACK_ACTIONS_MAX, sizeof *r->row);
    if (r->number == NULL || r->row == NULL)
        return err_no_memory(e);
    TRY(valuecolumn_draft_init(&r->draft, ACTIONPACK_ACTIONS_MAX, e));
    *out = r;
    r = NULL;
    return DONE;
}

void packroom_free(struct packroom *r)
{
    if (r == NULL)
        return;
    valuecolumn_draft_fini(&r->draft);
    buf_fini(&r->out);
    free(r->number);
    free(r->row);
    free(r);
}

static struct bytes view(const struct actionpack *p, struct piece piece)
{
    return piece.len == 0 ? bytes_of("", 0) : bytes_of(p->bytes.data + piece.at, piece.len);
}

static void put_head(const struct actionpack *p, struct buf *out)
{
    buf_varint(out, p->actions);
    buf_varint(out, p->commits);
    buf_varint(out, p->shapes);
    buf_varint(out, p->tables);
    buf_varint(out, p->others);
    size_t content = 0;
    for (size_t i = 0; i < p->actions; i++)
        content += p->action[i].old.len + p->action[i].new.len;
    buf_varint(out, content);
    for (size_t i = 0; i < p->shapes; i++) {
        const struct shape *s = &p->shape[i];
        buf_u8(out, (uint8_t)s->kind);
        if (s->kind == 0)
            continue;
        buf_varint(out, s->relation);
        buf_u8(out, (uint8_t)s->old_kind);
        buf_varint(out, s->old_table);
        buf_varint(out, s->new_table);
    }
    for (size_t i = 0; i < p->tables; i++) {
        buf_varint(out, p->table[i].columns);
        buf_varint(out, p->table[i].rows);
    }
}

/* ---- commits ---- */

static int64_t commit_number(const struct actionpack *p, size_t at, unsigned field)
{
    const struct commit *c = &p->commit[at].commit;
    const uint64_t before = at == 0 ? 0 : p->commit[at - 1].commit.last_seq;
    switch (field) {
    case LAYOUT_ACTIONS:
        return (int64_t)p->commit[at].actions;
    case LAYOUT_GAP:
        return (int64_t)(c->first_seq - before - 1);
    case LAYOUT_SPAN:
        return (int64_t)(c->last_seq + 1 - c->first_seq);
    case LAYOUT_LSN:
        return (int64_t)c->lsn;
    case LAYOUT_END:
        return (int64_t)(c->end_lsn - c->lsn);
    case LAYOUT_TIME:
        return c->time;
    case LAYOUT_XID:
        return (int64_t)c->xid;
    default:
        return (int64_t)c->origin_lsn;
    }
}

static void put_commits(const struct actionpack *p, struct packroom *r)
{
    for (unsigned field = 0; field < LAYOUT_INTS; field++) {
        for (size_t i = 0; i < p->commits; i++)
            r->number[i] = commit_number(p, i, field);
        intcolumn_put(&r->out, r->number, p->commits);
    }
    for (unsigned field = 0; field < LAYOUT_TEXTS; field++) {
        for (size_t i = 0; i < p->commits; i++) {
            const struct piece text = p->commit[i].text[field];
            const struct value v = {text.len == 0 ? VALUE_NULL : VALUE_BINARY, view(p, text)};
            valuecolumn_draft_add(&r->draft, v);
        }
        valuecolumn_put(&r->out, &r->draft);
    }
}

/* ---- actions ---- */

static void put_actions(const struct actionpack *p, struct packroom *r)
{
    for (size_t i = 0; i < p->actions; i++)
        r->number[i] = (int64_t)p->action[i].shape;
    intcolumn_put(&r->out, r->number, p->actions);
    for (size_t i = 0; i < p->actions; i++)
        r->number[i] = (int64_t)p->action[i].gap;
    intcolumn_put(&r->out, r->number, p->actions);
    if (p->others == 0)
        return;
    for (size_t i = 0; i < p->actions; i++)
        if (p->shape[p->action[i].shape].kind == 0)
            valuecolumn_draft_add(&r->draft, (struct value){VALUE_BINARY, view(p, p->action[i].new)});
    valuecolumn_put(&r->out, &r->draft);
}

/* ---- rows ---- */

#define COUNT_LEN 2 /* of TupleData, before its values */

/* Where each row's first value is, in r->row, the rows of a table one after the other; *end: of each table.
 */
static void sort_rows(const struct actionpack *p, struct packroom *r, size_t *end)
{
    size_t at = 0;
    for (size_t i = 0; i < p->tables; i++) {
        end[i] = at;
        at += p->table[i].rows;
    }
    for (size_t i = 0; i < p->actions; i++) {
        const struct packed_action *a = &p->action[i];
        const struct shape *s = &p->shape[a->shape];
        if (s->old_table != 0)
            r->row[end[s->old_table - 1]++] = p->bytes.data + a->old.at + COUNT_LEN;
        if (s->new_table != 0)
            r->row[end[s->new_table - 1]++] = p->bytes.data + a->new.at + COUNT_LEN;
    }
}

/* The value at *at, of a row that was found sound when it was added. */
static struct value next_value(const uint8_t **at)
{
    struct value v = {.kind = (enum value_kind) * (*at)++, .text = {(const uint8_t *)"", 0}};
    if (v.kind != VALUE_TEXT && v.kind != VALUE_BINARY)
        return v;
    const uint8_t *len = *at;
    v.text = bytes_of(len + 4, (size_t)len[0] << 24 | (size_t)len[1] << 16 | (size_t)len[2] << 8 | len[3]);
    *at = v.text.data + v.text.len;
    return v;
}

static void put_table(struct packroom *r, const struct table *t, const uint8_t **row)
{
    for (uint32_t column = 0; column < t->columns; column++) {
        for (uint32_t i = 0; i < t->rows; i++)
            valuecolumn_draft_add(&r->draft, next_value(&row[i]));
        valuecolumn_put(&r->out, &r->draft);
    }
}

static status put_rows(const struct actionpack *p, struct packroom *r, err *e)
{
    OWNED(memory) size_t *end = calloc(p->tables + 1, sizeof *end);
    if (end == NULL)
        return err_no_memory(e);
    sort_rows(p, r, end);
    for (size_t i = 0; i < p->tables; i++)
        put_table(r, &p->table[i], r->row + end[i] - p->table[i].rows);
    return DONE;
}

status actionpack_take(struct actionpack *p, struct packroom *room, struct bytes *out, err *e)
{
    buf_reset(&room->out);
    put_head(p, &room->out);
    put_commits(p, room);
    put_actions(p, room);
    TRY(put_rows(p, room, e));
    TRY(buf_done(&room->out, e));
    actionpack_empty(p);
    *out = buf_view(&room->out);
    return DONE;
}
