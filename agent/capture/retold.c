#include "agent/capture/retold.h"

#include "agent/capture/rowchange.h"
#include "agent/capture/transaction.h"
#include "proto/tuple.h"

#define PREFIX_RETOLD "pgstrand.retold"
#define CONTENT_RELATION 'R' /* pgoutput's own kind: the content is the message */
#define CONTENT_ROW 'N'
#define CONTENT_END 'E'

void retold_forget(struct retold *r)
{
    r->place = RETOLD_CLOSED;
    r->rel = NULL;
    if (r->relations.cap > 0)
        relmap_fini(&r->relations);
}

void retold_fini(struct retold *r)
{
    retold_forget(r);
    buf_fini(&r->row);
}

void retold_expect(struct retold *r)
{
    r->place = RETOLD_EXPECTED;
}

static status malformed(err *e)
{
    return err_set(e, ERR_STORAGE,
                   "the server sent rows of a rewritten table in a form that this pgstrand does not know; "
                   "run the version that made the event triggers, or pgstrand uninstall and pgstrand init");
}

static status begin(struct transaction *t, struct bytes content, err *e)
{
    struct retold *r = &t->retold;
    struct pgoutput_message relation;
    OWNED(arena) struct arena arena = {0};
    TRY(pgoutput_decode(content, 1, false, &arena, &relation, e));
    if (relation.kind != PGOUTPUT_RELATION)
        return malformed(e);
    TRY(relmap_announce(&r->relations, &relation, t->rules, &r->rel, e));
    r->place = RETOLD_ROWS;
    return transaction_truncate(t, &r->rel, 1, ACTION_TRUNCATE_REWRITTEN, e);
}

/* A row that had its key before is the same row. */
static status add_row(struct transaction *t, struct bytes record, err *e)
{
    struct retold *r = &t->retold;
    struct pgoutput_message row = {.kind =
                                       relation_is_keyed(r->rel->shape) ? PGOUTPUT_UPDATE : PGOUTPUT_INSERT};
    if (r->rel->use != REL_ROWS)
        return DONE;
    buf_reset(&r->row);
    if (!tuple_of_record(record, r->rel->shape->column_count, &r->row))
        return malformed(e);
    TRY(buf_done(&r->row, e));
    row.change.relation = r->rel->oid;
    row.change.new = buf_view(&r->row);
    return rowchange_apply(t, r->rel, &row, e);
}

static status take(struct transaction *t, struct bytes content, err *e)
{
    const uint8_t kind = content.len > 0 ? content.data[0] : 0;
    if (t->retold.place == RETOLD_EXPECTED && kind == CONTENT_RELATION)
        return begin(t, content, e);
    if (t->retold.place == RETOLD_ROWS && kind == CONTENT_ROW)
        return add_row(t, bytes_of(content.data + 1, content.len - 1), e);
    if (t->retold.place != RETOLD_ROWS || kind != CONTENT_END)
        return malformed(e);
    t->retold.place = RETOLD_CLOSED;
    return DONE;
}

status retold_take(struct transaction *t, const struct pgoutput_message *msg, bool *taken, err *e)
{
    *taken = msg->kind == PGOUTPUT_MESSAGE && strcmp(msg->message.prefix, PREFIX_RETOLD) == 0;
    if (*taken)
        return take(t, msg->message.content, e);
    t->retold.place = RETOLD_CLOSED;
    return DONE;
}
