#include "proto/action.h"

#include "proto/wire.h"

/* Field numbers of action.proto. */
enum {
    ACTION_KIND = 1,
    ACTION_RELATION,
    ACTION_OLD_KIND,
    ACTION_OLD,
    ACTION_NEW,
    ACTION_TRUNCATED,
    ACTION_FLAGS,
    ACTION_PREFIX,
    ACTION_CONTENT,
    ACTION_MARK,
    ACTION_INDEX = 15
};

enum {
    COMMIT_LSN = 1,
    COMMIT_END_LSN,
    COMMIT_TIME,
    COMMIT_XID,
    COMMIT_FIRST_SEQ,
    COMMIT_LAST_SEQ,
    COMMIT_ORIGIN,
    COMMIT_ORIGIN_LSN,
    COMMIT_USER,
    COMMIT_SESSION
};

#define SEEN(field) (1u << (field))
#define WIRE_VARINT 0
#define WIRE_BYTES 2

static void optional_uint(struct buf *out, uint32_t field, uint64_t value)
{
    if (value != 0)
        wire_uint(out, field, value);
}

static void optional_bytes(struct buf *out, uint32_t field, struct bytes value)
{
    if (value.len != 0)
        wire_bytes(out, field, value);
}

void action_encode(const struct action *a, bool with_index, struct buf *out)
{
    wire_uint(out, ACTION_KIND, a->kind);
    optional_uint(out, ACTION_RELATION, a->relation);
    optional_uint(out, ACTION_OLD_KIND, (uint8_t)a->old_kind);
    optional_bytes(out, ACTION_OLD, a->old);
    optional_bytes(out, ACTION_NEW, a->new);
    optional_bytes(out, ACTION_TRUNCATED, a->truncated);
    optional_uint(out, ACTION_FLAGS, a->flags);
    optional_bytes(out, ACTION_PREFIX, a->prefix);
    optional_bytes(out, ACTION_CONTENT, a->content);
    optional_uint(out, ACTION_MARK, a->mark);
    if (with_index)
        wire_uint(out, ACTION_INDEX, a->index);
}

size_t action_pieces(const struct action *a, bool with_index, struct buf *room,
                     struct bytes out[static ACTION_PIECES])
{
    static const uint32_t number[] = {ACTION_OLD, ACTION_NEW, ACTION_CONTENT};
    const struct bytes field[] = {a->old, a->new, a->content};
    struct action small = *a;
    size_t end[3], count = 0;
    small.old = small.new = small.content = (struct bytes){0};
    buf_reset(room);
    action_encode(&small, with_index, room);
    for (unsigned i = 0; i < 3; i++) {
        if (field[i].len > 0)
            wire_bytes_head(room, number[i], field[i].len);
        end[i] = room->len;
    }
    for (unsigned i = 0; i < 3; i++) {
        const size_t from = i == 0 ? 0 : end[i - 1];
        out[count++] = bytes_of(room->data + from, end[i] - from);
        out[count++] = field[i];
    }
    return count;
}

void action_put_relation(struct buf *out, uint32_t version)
{
    wire_uint(out, ACTION_RELATION, version);
}

void action_append_index(struct buf *out, uint64_t index)
{
    wire_uint(out, ACTION_INDEX, index);
}

/* A field that must be a varint of at most `max`; else the reader goes bad. */
static uint64_t number_of(const struct wire_field *f, uint64_t max, struct reader *r)
{
    if (f->type != WIRE_VARINT || f->value > max)
        reader_fail(r);
    return f->value;
}

static struct bytes bytes_in(const struct wire_field *f, struct reader *r)
{
    if (f->type != WIRE_BYTES)
        reader_fail(r);
    return f->bytes;
}

/* Fields of later versions are stepped over. */
static void take_action_field(const struct wire_field *f, struct reader *r, struct action *a)
{
    switch (f->number) {
    case ACTION_KIND:
        a->kind = (enum action_kind)number_of(f, ACTION_MESSAGE, r);
        break;
    case ACTION_RELATION:
        a->relation = (uint32_t)number_of(f, UINT32_MAX, r);
        break;
    case ACTION_OLD_KIND:
        a->old_kind = (char)number_of(f, 127, r);
        break;
    case ACTION_OLD:
        a->old = bytes_in(f, r);
        break;
    case ACTION_NEW:
        a->new = bytes_in(f, r);
        break;
    case ACTION_TRUNCATED:
        a->truncated = bytes_in(f, r);
        break;
    case ACTION_FLAGS:
        a->flags = (uint32_t)number_of(f, UINT32_MAX, r);
        break;
    case ACTION_PREFIX:
        a->prefix = bytes_in(f, r);
        break;
    case ACTION_CONTENT:
        a->content = bytes_in(f, r);
        break;
    case ACTION_MARK:
        a->mark = number_of(f, UINT64_MAX, r);
        break;
    case ACTION_INDEX:
        a->index = number_of(f, UINT64_MAX, r);
        break;
    default:
        break;
    }
}

/* Checked once here, so that action_next_truncated ends at the end and nowhere else. */
static bool truncated_is_sound(struct bytes truncated)
{
    struct reader r = reader_over(truncated);
    while (r.left > 0) {
        uint64_t version = reader_varint(&r);
        if (version == 0 || version > UINT32_MAX)
            return false;
    }
    return reader_ok(&r);
}

status action_decode(struct bytes raw, struct action *out, err *e)
{
    struct reader r = reader_over(raw);
    struct wire_field f;
    *out = (struct action){0};
    while (wire_next(&r, &f))
        take_action_field(&f, &r, out);
    TRY(reader_done(&r, "an action", e));
    if (out->kind < ACTION_CREATE)
        return err_set(e, ERR_STORAGE, "an action has no kind");
    if (out->old_kind != 0 && out->old_kind != 'K' && out->old_kind != 'O')
        return err_set(e, ERR_STORAGE, "an action has an old row of unknown kind %d", out->old_kind);
    if (!truncated_is_sound(out->truncated))
        return err_set(e, ERR_STORAGE, "an action has a malformed list of truncated tables");
    return DONE;
}

uint32_t action_next_truncated(struct reader *r)
{
    return r->left == 0 ? 0 : (uint32_t)reader_varint(r);
}

const char *action_kind_name(enum action_kind kind)
{
    static const char *const names[] = {
        [ACTION_CREATE] = "CREATE",
        [ACTION_UPDATE] = "UPDATE",
        [ACTION_DELETE] = "DELETE",
        [ACTION_BATCH_CREATE] = "BATCH_CREATE",
        [ACTION_BATCH_UPDATE] = "BATCH_UPDATE",
        [ACTION_BATCH_DELETE] = "BATCH_DELETE",
        [ACTION_TRUNCATE] = "TRUNCATE",
        [ACTION_DDL] = "DDL",
        [ACTION_MESSAGE] = "MESSAGE",
    };
    return names[kind];
}

void commit_encode(const struct commit *c, struct buf *out)
{
    wire_uint(out, COMMIT_LSN, c->lsn);
    wire_uint(out, COMMIT_END_LSN, c->end_lsn);
    wire_sint(out, COMMIT_TIME, c->time);
    wire_uint(out, COMMIT_XID, c->xid);
    wire_uint(out, COMMIT_FIRST_SEQ, c->first_seq);
    wire_uint(out, COMMIT_LAST_SEQ, c->last_seq);
    optional_bytes(out, COMMIT_ORIGIN, c->origin);
    optional_uint(out, COMMIT_ORIGIN_LSN, c->origin_lsn);
    optional_bytes(out, COMMIT_USER, c->user);
    optional_bytes(out, COMMIT_SESSION, c->session);
}

static void take_commit_field(const struct wire_field *f, struct reader *r, struct commit *c)
{
    switch (f->number) {
    case COMMIT_LSN:
        c->lsn = number_of(f, UINT64_MAX, r);
        break;
    case COMMIT_END_LSN:
        c->end_lsn = number_of(f, UINT64_MAX, r);
        break;
    case COMMIT_TIME:
        c->time = wire_unzigzag(number_of(f, UINT64_MAX, r));
        break;
    case COMMIT_XID:
        c->xid = (uint32_t)number_of(f, UINT32_MAX, r);
        break;
    case COMMIT_FIRST_SEQ:
        c->first_seq = number_of(f, UINT64_MAX, r);
        break;
    case COMMIT_LAST_SEQ:
        c->last_seq = number_of(f, UINT64_MAX, r);
        break;
    case COMMIT_ORIGIN:
        c->origin = bytes_in(f, r);
        break;
    case COMMIT_ORIGIN_LSN:
        c->origin_lsn = number_of(f, UINT64_MAX, r);
        break;
    case COMMIT_USER:
        c->user = bytes_in(f, r);
        break;
    case COMMIT_SESSION:
        c->session = bytes_in(f, r);
        break;
    default:
        break;
    }
}

status commit_decode(struct bytes raw, struct commit *out, err *e)
{
    const uint32_t required = SEEN(COMMIT_LSN) | SEEN(COMMIT_END_LSN) | SEEN(COMMIT_TIME) | SEEN(COMMIT_XID) |
                              SEEN(COMMIT_FIRST_SEQ) | SEEN(COMMIT_LAST_SEQ);
    struct reader r = reader_over(raw);
    struct wire_field f;
    uint32_t seen = 0;
    *out = (struct commit){0};
    while (wire_next(&r, &f)) {
        take_commit_field(&f, &r, out);
        seen |= f.number <= COMMIT_SESSION ? SEEN(f.number) : 0;
    }
    TRY(reader_done(&r, "a commit", e));
    if ((seen & required) != required)
        return err_set(e, ERR_STORAGE, "a commit lacks a field that it must have");
    if (out->last_seq + 1 < out->first_seq)
        return err_set(e, ERR_STORAGE, "a commit's seqs run backwards, from %llu to %llu",
                       (unsigned long long)out->first_seq, (unsigned long long)out->last_seq);
    return DONE;
}
