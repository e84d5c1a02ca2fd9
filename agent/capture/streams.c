#include "agent/capture/streams.h"

#include <stdlib.h>

#include "agent/capture/rowtier.h"

struct streams {
    char *dir;
    const struct tier_rules *rules;
    unsigned version;
    uint64_t limit;
    struct spool **spool;
    size_t count;
    size_t cap;
    struct spool *current;
    struct buf pending; /* of the current spool, not written yet */
    struct buf merged;
    struct buf rewritten;
    struct arena arena;
};

status streams_open(const char *dir, const struct tier_rules *rules, unsigned version, uint64_t limit,
                    struct streams **out, err *e)
{
    OWNED(streams) struct streams *s = calloc(1, sizeof *s);
    if (s == NULL)
        return err_no_memory(e);
    s->rules = rules;
    s->version = version;
    s->limit = limit;
    s->dir = strdup(dir);
    if (s->dir == NULL)
        return err_no_memory(e);
    TRY(io_remove_tree(dir, e));
    TRY(io_make_dir(dir, e));
    *out = s;
    s = NULL;
    return DONE;
}

void streams_close(struct streams *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->count; i++)
        spool_free(s->spool[i]);
    free(s->spool);
    free(s->dir);
    buf_fini(&s->pending);
    buf_fini(&s->merged);
    buf_fini(&s->rewritten);
    arena_fini(&s->arena);
    free(s);
}

bool streams_in_chunk(const struct streams *s)
{
    return s->current != NULL;
}

static size_t place_of(const struct streams *s, uint32_t xid)
{
    size_t at = 0;
    while (at < s->count && s->spool[at]->xid != xid)
        at++;
    return at;
}

static void drop(struct streams *s, size_t at)
{
    if (at == s->count)
        return;
    spool_free(s->spool[at]);
    s->spool[at] = s->spool[--s->count];
}

static status add(struct streams *s, uint32_t xid, err *e)
{
    if (s->count == s->cap) {
        const size_t cap = s->cap == 0 ? 16 : s->cap * 2;
        struct spool **more = realloc(s->spool, cap * sizeof(struct spool *));
        if (more == NULL)
            return err_no_memory(e);
        s->spool = more;
        s->cap = cap;
    }
    TRY(spool_new(s->dir, xid, &s->spool[s->count], e));
    s->count++;
    return DONE;
}

status streams_start(struct streams *s, uint32_t xid, bool first, err *e)
{
    if (s->current != NULL)
        return err_set(e, ERR_STORAGE, "the server began a stream of transaction %u inside another", xid);
    if (first) {
        drop(s, place_of(s, xid));
        TRY(add(s, xid, e));
    }
    const size_t at = place_of(s, xid);
    if (at == s->count)
        return err_set(e, ERR_STORAGE, "the server goes on with a stream of transaction %u that never began",
                       xid);
    TRY(spool_open(s->spool[at], e));
    s->current = s->spool[at];
    s->current->last_xid = xid;
    return DONE;
}

static status check_limit(const struct streams *s, err *e)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < s->count; i++)
        sum += s->spool[i]->written;
    if (s->limit == 0 || sum <= s->limit)
        return DONE;
    return err_set(
        e, ERR_REFUSED,
        "transactions in progress take %llu bytes in %s, more than spool_bytes allows: raise it in "
        "the [capture] section, or end the transactions",
        (unsigned long long)sum, s->dir);
}

status streams_stop(struct streams *s, err *e)
{
    if (s->current == NULL)
        return err_set(e, ERR_STORAGE, "the server ended a stream that never began");
    struct spool *spool = s->current;
    s->current = NULL;
    TRY(spool_close(spool, &s->pending, e));
    return check_limit(s, e);
}

/* A row that leaves or enters a kept tier: the transient half must not reach the disk. */
static status append_half(struct streams *s, const struct pgoutput_message *msg, bool kept_old,
                          struct bytes row, err *e)
{
    buf_reset(&s->rewritten);
    buf_u8(&s->rewritten, kept_old ? PGOUTPUT_DELETE : PGOUTPUT_INSERT);
    buf_u32(&s->rewritten, msg->xid);
    buf_u32(&s->rewritten, msg->change.relation);
    buf_u8(&s->rewritten, kept_old ? (uint8_t)msg->change.old_kind : (uint8_t)'N');
    buf_bytes(&s->rewritten, row.data, row.len);
    TRY(buf_done(&s->rewritten, e));
    return spool_append(s->current, &s->pending, buf_view(&s->rewritten), e);
}

static status append_by_row(struct streams *s, const struct rel_entry *rel, struct bytes raw, err *e)
{
    struct pgoutput_message msg;
    struct row_verdict v;
    TRY(pgoutput_decode(raw, s->version, true, &s->arena, &msg, e));
    TRY(rowtier_judge(rel, &msg, &s->merged, &v, e));
    if (v.from == TIER_NONE && v.to == TIER_NONE)
        return DONE;
    if (msg.kind != PGOUTPUT_UPDATE || (v.from != TIER_NONE && v.to != TIER_NONE))
        return spool_append(s->current, &s->pending, raw, e);
    return v.from != TIER_NONE ? append_half(s, &msg, true, msg.change.old, e)
                               : append_half(s, &msg, false, v.whole, e);
}

static status append_change(struct streams *s, struct bytes raw, uint32_t oid, err *e)
{
    struct rel_entry *rel = relmap_find(&s->current->relations, oid);
    if (rel == NULL)
        return err_set(e, ERR_STORAGE, "the server streamed a change of table %u without having announced it",
                       oid);
    if (rel->use == REL_DROPPED)
        return DONE;
    if (rel->use == REL_ROWS && rel->tier.column != NULL)
        return append_by_row(s, rel, raw, e);
    return spool_append(s->current, &s->pending, raw, e);
}

static status append_relation(struct streams *s, struct bytes raw, err *e)
{
    struct pgoutput_message msg;
    struct rel_entry *rel = NULL;
    arena_reset(&s->arena);
    TRY(pgoutput_decode(raw, s->version, true, &s->arena, &msg, e));
    TRY(relmap_announce(&s->current->relations, &msg, s->rules, &rel, e));
    return spool_append(s->current, &s->pending, raw, e);
}

/* Only the head is looked at here: kind, xid, relation. The whole is decoded when the transaction commits. */
status streams_message(struct streams *s, struct bytes raw, err *e)
{
    struct reader r = reader_over(raw);
    const uint8_t kind = reader_u8(&r);
    if (kind == PGOUTPUT_ORIGIN) /* the only one without a transaction id */
        return spool_append(s->current, &s->pending, raw, e);
    const uint32_t xid = reader_u32(&r);
    const uint32_t oid = reader_u32(&r);
    TRY(spool_note(s->current, &s->pending, xid, e));
    switch (kind) {
    case PGOUTPUT_INSERT:
    case PGOUTPUT_UPDATE:
    case PGOUTPUT_DELETE:
        return append_change(s, raw, oid, e);
    case PGOUTPUT_RELATION:
        return append_relation(s, raw, e);
    case PGOUTPUT_TYPE:
        return DONE;
    case PGOUTPUT_MESSAGE:
    case PGOUTPUT_TRUNCATE:
        return spool_append(s->current, &s->pending, raw, e);
    default:
        return err_set(e, ERR_STORAGE, "the server sent a message of kind 0x%02x inside a stream", kind);
    }
}

status streams_abort(struct streams *s, uint32_t xid, uint32_t subxid, err *e)
{
    const size_t at = place_of(s, xid);
    if (at == s->count)
        return DONE;
    if (xid != subxid)
        return spool_cut(s->spool[at], subxid, e);
    drop(s, at);
    return DONE;
}

status streams_replay(struct streams *s, uint32_t xid,
                      status (*visit)(void *context, struct bytes raw, err *e), void *context, err *e)
{
    const size_t at = place_of(s, xid);
    if (at == s->count)
        return DONE;
    TRY(spool_replay(s->spool[at], visit, context, e));
    drop(s, at);
    return DONE;
}
