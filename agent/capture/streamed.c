#include "agent/capture/streamed.h"

#include <stdio.h>
#include <stdlib.h>

#include "store/bulkreader.h"
#include "store/io.h"

#define HELD_HEAD (sizeof(uint64_t) + sizeof(uint32_t)) /* subtransactions known, length; host order */

status streamed_new(const char *dir, uint32_t xid, const struct transaction *like, struct streamed **out,
                    err *e)
{
    char name[32];
    OWNED(streamed) struct streamed *s = calloc(1, sizeof *s);
    if (s == NULL)
        return err_no_memory(e);
    (void)snprintf(name, sizeof name, "%u.spool", xid);
    OWNED(text) char *path = io_join(dir, name);
    if (path == NULL)
        return err_no_memory(e);
    s->xid = xid;
    s->last_xid = xid;
    transaction_init(&s->txn, like->log, like->book, like->rules, like->events, like->ddl_rows);
    s->txn.generated = like->generated;
    s->txn.draft = &s->draft;
    TRY(bulkfile_new(path, &s->draft.file, e));
    *out = s;
    s = NULL;
    return DONE;
}

void streamed_free(struct streamed *s)
{
    if (s == NULL)
        return;
    transaction_fini(&s->txn);
    draft_fini(&s->draft);
    subxacts_fini(&s->subxacts);
    buf_fini(&s->held);
    free(s);
}

status streamed_open(struct streamed *s, struct buf *buffer, err *e)
{
    s->last_xid = s->xid;
    return bulkfile_open(s->draft.file, buffer, e);
}

status streamed_close(struct streamed *s, err *e)
{
    return bulkfile_close(s->draft.file, e);
}

static status note(struct streamed *s, uint32_t xid, err *e)
{
    struct subxact one = {.numbers = s->draft.count, .xid = xid};
    s->last_xid = xid;
    if (xid == s->xid || subxacts_known(&s->subxacts, xid))
        return DONE;
    TRY(bulkfile_mark(s->draft.file, &one.file, e));
    return subxacts_note(&s->subxacts, &one, e);
}

static status hold(struct streamed *s, struct bytes raw, err *e)
{
    const uint64_t known = s->subxacts.count;
    const uint32_t len = (uint32_t)raw.len;
    buf_bytes(&s->held, &known, sizeof known);
    buf_bytes(&s->held, &len, sizeof len);
    buf_bytes(&s->held, raw.data, raw.len);
    return buf_done(&s->held, e);
}

/* The server announces a relation anew after each abort of a subtransaction: the same again needs no holding.
 */
static status announce(struct streamed *s, struct bytes raw, const struct pgoutput_message *msg, err *e)
{
    struct rel_entry *rel = NULL;
    TRY(relmap_announce(&s->txn.relations, msg, s->txn.rules, &rel, e));
    TRY(transaction_look(&s->txn, rel, e));
    if (rel->held)
        return DONE;
    TRY(hold(s, raw, e));
    rel->held = true;
    rel->held_at = s->subxacts.count;
    return DONE;
}

static status change(struct streamed *s, const struct pgoutput_message *msg, err *e)
{
    const bool before = s->txn.changes_schema;
    TRY(transaction_change(&s->txn, msg, e));
    if (s->txn.changes_schema && !before)
        s->marked = s->subxacts.count;
    return DONE;
}

status streamed_message(struct streamed *s, struct bytes raw, const struct pgoutput_message *msg, err *e)
{
    if (msg->kind == PGOUTPUT_ORIGIN) /* the only one without a transaction id */
        return hold(s, raw, e);
    if (msg->xid != s->last_xid)
        TRY(note(s, msg->xid, e));
    if (msg->kind == PGOUTPUT_RELATION)
        return announce(s, raw, msg, e);
    if (msg->kind == PGOUTPUT_MESSAGE && transaction_is_context(msg))
        return hold(s, raw, e);
    return change(s, msg, e);
}

/* Walks over what is held; false at the end. */
static bool next_held(const struct streamed *s, size_t *at, uint64_t *known, struct bytes *raw)
{
    uint32_t len;
    if (*at == s->held.len)
        return false;
    const uint8_t *from = s->held.data + *at;
    memcpy(known, from, sizeof *known);
    memcpy(&len, from + sizeof *known, sizeof len);
    *raw = bytes_of(from + HELD_HEAD, len);
    *at += HELD_HEAD + len;
    return true;
}

static void cut_held(struct streamed *s, size_t place)
{
    uint64_t known = 0;
    struct bytes raw;
    for (size_t at = 0, before = 0; next_held(s, &at, &known, &raw); before = at) {
        if (known > place) {
            s->held.len = before;
            return;
        }
    }
}

void streamed_cut(struct streamed *s, uint32_t subxid)
{
    struct subxact at;
    s->last_xid = s->xid; /* whoever comes next is looked up again */
    if (!subxacts_cut(&s->subxacts, subxid, &at))
        return;
    const size_t place = s->subxacts.count;
    bulkfile_cut(s->draft.file, &at.file);
    draft_cut(&s->draft, at.numbers);
    cut_held(s, place);
    relmap_cut(&s->txn.relations, place, at.numbers);
    retold_forget(&s->txn.retold);
    if (s->marked > place)
        s->txn.changes_schema = false;
}

uint64_t streamed_bytes(const struct streamed *s)
{
    return bulkfile_place(s->draft.file).bytes;
}

status streamed_held(struct streamed *s, status (*visit)(void *context, struct bytes raw, err *e),
                     void *context, err *e)
{
    uint64_t known = 0;
    struct bytes raw;
    for (size_t at = 0; next_held(s, &at, &known, &raw);)
        TRY(visit(context, raw, e));
    return DONE;
}

static status give_versions(struct streamed *s, struct transaction *into, uint32_t *version, err *e)
{
    for (uint32_t i = 0; i < s->draft.count; i++) {
        struct draft_relation *r = &s->draft.relation[i];
        struct rel_entry rel = {.oid = r->shape->oid, .use = REL_ROWS, .shape = r->shape, .tier = r->rule};
        TRY(transaction_version(into, &rel, r->tier, &version[i], e));
    }
    return DONE;
}

static status copy(struct streamed *s, struct transaction *into, const struct bulk_versions *versions, err *e)
{
    const struct bulk_place extent = bulkfile_place(s->draft.file);
    OWNED(bulkreader) struct bulkreader *reader = NULL;
    OWNED(buf) struct buf raw = {0};
    TRY(bulkreader_open(bulkfile_path(s->draft.file), &extent, &reader, e));
    for (uint64_t i = 0; i < extent.actions; i++) {
        struct action a;
        buf_reset(&raw);
        TRY(bulkreader_next(reader, versions, &raw, e));
        TRY(action_decode(buf_view(&raw), &a, e));
        TRY(transaction_put(into, &a, e));
    }
    return DONE;
}

status streamed_into(struct streamed *s, struct transaction *into, err *e)
{
    const struct bulk_place extent = bulkfile_place(s->draft.file);
    OWNED(memory) uint32_t *version = calloc(s->draft.count + 1u, sizeof *version);
    const uint64_t before = into->actions;
    bool taken = false;
    if (version == NULL)
        return err_no_memory(e);
    if (s->txn.changes_schema)
        transaction_mark(into, "%s", s->txn.what);
    TRY(give_versions(s, into, version, e));
    const struct bulk_versions versions = {version, s->draft.count};
    /* A file is a whole transaction: not with an inferred change of the schema in front of it. */
    if (extent.bytes >= STREAMED_ADOPT && into->actions == before)
        TRY(logwriter_adopt(into->log, s->draft.file, version, versions.count, into->commit.lsn, &taken, e));
    if (!taken)
        return copy(s, into, &versions, e);
    into->bytes += extent.bytes;
    into->actions += extent.actions;
    return DONE;
}
