#include "proto/actionlayout.h"
#include "proto/base/array.h"

/* Bytes that are reckoned beside those of rows and texts. */
#define HEAD_COST 1024  /* of the whole: numbers, heads of the integers */
#define ACTION_COST 12  /* shape and index */
#define COMMIT_COST 128 /* eight integers, three kinds */
#define SHAPE_COST 24

status actionpack_new(size_t limit, struct actionpack **out, err *e)
{
    struct actionpack *p = calloc(1, sizeof *p);
    if (p == NULL)
        return err_no_memory(e);
    p->limit = limit;
    p->size = HEAD_COST;
    *out = p;
    return DONE;
}

void actionpack_free(struct actionpack *p)
{
    if (p == NULL)
        return;
    buf_fini(&p->bytes);
    buf_fini(&p->encoded);
    free(p->action);
    free(p->commit);
    free(p->table);
    free(p);
}

size_t actionpack_count(const struct actionpack *p)
{
    return p->actions;
}

void actionpack_empty(struct actionpack *p)
{
    buf_reset(&p->bytes);
    p->actions = p->commits = p->shapes = p->tables = p->columns = p->others = 0;
    p->size = HEAD_COST;
    memset(p->slot, 0, sizeof p->slot);
}

static struct piece keep(struct actionpack *p, struct bytes b)
{
    const struct piece piece = {(uint32_t)p->bytes.len, (uint32_t)b.len};
    buf_bytes(&p->bytes, b.data, b.len);
    return piece;
}

/* ---- shapes and tables ---- */

/* Is it TupleData, from its first byte to its last? Empty is no row. */
static bool is_row(struct bytes raw, uint32_t *columns)
{
    *columns = 0;
    if (raw.len == 0)
        return true;
    struct tuple t = tuple_open(raw);
    struct value v;
    *columns = t.count;
    while (tuple_next(&t, &v)) {
    }
    return t.count > 0 && t.next == t.count && reader_ok(&t.rest) && t.rest.left == 0;
}

/* What the action is; shape 0's when it is not a plain change of a row. */
static struct shape shape_of(const struct action *a)
{
    struct shape s = {.kind = a->kind, .relation = a->relation, .old_kind = a->old_kind};
    const bool plain = a->kind >= ACTION_CREATE && a->kind <= ACTION_BATCH_DELETE && a->relation != 0 &&
                       a->truncated.len == 0 && a->flags == 0 && a->prefix.len == 0 && a->content.len == 0 &&
                       a->mark == 0 && (a->old.len == 0 || a->old_kind != 0);
    if (!plain || !is_row(a->old, &s.old_columns) || !is_row(a->new, &s.new_columns))
        return (struct shape){0};
    return s;
}

static size_t slot_of(const struct shape *s)
{
    uint64_t key = (uint64_t)s->relation << 32 ^ (uint64_t)s->kind << 24 ^
                   (uint64_t)(uint8_t)s->old_kind << 16 ^ (uint64_t)s->old_columns << 8 ^ s->new_columns;
    return (size_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 32) % ACTIONPACK_SLOTS;
}

static bool same_shape(const struct shape *a, const struct shape *b)
{
    return a->kind == b->kind && a->relation == b->relation && a->old_kind == b->old_kind &&
           a->old_columns == b->old_columns && a->new_columns == b->new_columns;
}

/* The number of a known shape in *number; the slot it is in, or where it belongs. */
static size_t find_shape(const struct actionpack *p, const struct shape *s, size_t *number)
{
    size_t at = slot_of(s);
    *number = SIZE_MAX;
    for (; p->slot[at] != 0; at = (at + 1) % ACTIONPACK_SLOTS) {
        if (!same_shape(&p->shape[p->slot[at] - 1], s))
            continue;
        *number = p->slot[at] - 1u;
        break;
    }
    return at;
}

/* The number, from 1, of the table of such rows. */
static status table_of(struct actionpack *p, uint32_t relation, char side, uint32_t columns, uint32_t *out,
                       err *e)
{
    *out = 0;
    if (columns == 0)
        return DONE;
    for (size_t i = 0; i < p->tables && *out == 0; i++)
        if (p->table[i].relation == relation && p->table[i].side == side && p->table[i].columns == columns)
            *out = (uint32_t)i + 1;
    if (*out != 0)
        return DONE;
    TRY(array_room(&p->table, p->tables, &p->table_room, sizeof *p->table, e));
    p->table[p->tables++] = (struct table){relation, side, columns, 0};
    p->columns += columns;
    *out = (uint32_t)p->tables;
    return DONE;
}

static status add_shape(struct actionpack *p, struct shape s, size_t slot, err *e)
{
    TRY(table_of(p, s.relation, s.old_kind, s.old_columns, &s.old_table, e));
    TRY(table_of(p, s.relation, 'N', s.new_columns, &s.new_table, e));
    p->shape[p->shapes] = s;
    p->slot[slot] = (uint16_t)++p->shapes;
    return DONE;
}

/* ---- gathering ---- */

static size_t cost_of_shape(const struct shape *s)
{
    return SHAPE_COST + (size_t)(s->old_columns + s->new_columns) * VALUECOLUMN_HEAD_MAX;
}

static bool is_new_commit(const struct actionpack *p, const struct commit *c)
{
    return p->commits == 0 || p->commit[p->commits - 1].commit.first_seq != c->first_seq;
}

static status add_commit(struct actionpack *p, const struct commit *c, err *e)
{
    TRY(array_room(&p->commit, p->commits, &p->commit_room, sizeof *p->commit, e));
    p->commit[p->commits++] = (struct packed_commit){
        .commit = *c, .text = {keep(p, c->origin), keep(p, c->user), keep(p, c->session)}};
    p->last_index = UINT64_MAX; /* so that the next one is 0 */
    return DONE;
}

static size_t cost_of(const struct actionpack *p, const struct commit *c, const struct shape *s, bool known,
                      size_t content)
{
    size_t cost = ACTION_COST + VALUECOLUMN_VALUE_MAX + content + (known ? 0 : cost_of_shape(s));
    if (is_new_commit(p, c))
        cost += COMMIT_COST + c->origin.len + c->user.len + c->session.len;
    return cost;
}

status actionpack_add(struct actionpack *p, const struct commit *c, uint64_t seq, const struct action *a,
                      bool *added, err *e)
{
    const struct shape s = shape_of(a);
    size_t number = 0;
    const size_t slot = find_shape(p, &s, &number);
    buf_reset(&p->encoded);
    if (s.kind == 0)
        action_encode(a, false, &p->encoded);
    TRY(buf_done(&p->encoded, e));
    const size_t content = s.kind == 0 ? p->encoded.len : a->old.len + a->new.len;
    const size_t cost = cost_of(p, c, &s, number != SIZE_MAX, content);
    *added = p->actions < ACTIONPACK_ACTIONS_MAX && p->shapes < ACTIONPACK_SHAPES_MAX &&
             p->size <= p->limit && cost <= p->limit - p->size &&
             p->columns + s.old_columns + s.new_columns <= ACTIONPACK_COLUMNS_MAX;
    if (!*added)
        return DONE;
    p->size += cost;
    if (number == SIZE_MAX) {
        number = p->shapes;
        TRY(add_shape(p, s, slot, e));
    }
    if (is_new_commit(p, c))
        TRY(add_commit(p, c, e));
    TRY(array_room(&p->action, p->actions, &p->action_room, sizeof *p->action, e));
    const uint64_t index = seq - c->first_seq;
    p->action[p->actions++] = (struct packed_action){
        .old = s.kind == 0 ? (struct piece){0} : keep(p, a->old),
        .new = keep(p, s.kind == 0 ? buf_view(&p->encoded) : a->new),
        .gap = index - p->last_index - 1,
        .shape = (uint32_t)number,
    };
    p->last_index = index;
    p->commit[p->commits - 1].actions++;
    const struct shape *kept = &p->shape[number];
    if (kept->old_table != 0)
        p->table[kept->old_table - 1].rows++;
    if (kept->new_table != 0)
        p->table[kept->new_table - 1].rows++;
    p->others += s.kind == 0;
    return buf_done(&p->bytes, e);
}
