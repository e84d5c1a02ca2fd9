#include "agent/capture/rowtier.h"

#include "proto/tuple.h"

static status merge_unchanged(const struct pgoutput_message *msg, struct buf *merged, struct bytes *out,
                              err *e)
{
    *out = msg->change.new;
    if (msg->change.old_kind != 'O' || !tuple_has_unchanged(msg->change.new))
        return DONE;
    struct tuple old = tuple_open(msg->change.old);
    struct tuple new = tuple_open(msg->change.new);
    struct value was;
    struct value is;
    buf_reset(merged);
    tuple_begin(merged, new.count);
    while (tuple_next(&new, &is)) {
        const bool has_old = tuple_next(&old, &was);
        tuple_put(merged, has_old && is.kind == VALUE_UNCHANGED ? was : is);
    }
    *out = buf_view(merged);
    return buf_done(merged, e);
}

/*
 * The old row's tier, when the server sent no whole old row (the replica identity is not FULL). Transient
 * rows must never be written, so a table with a transient side loses such a DELETE; of two kept tiers the one
 * that travels gets it.
 */
static enum tier guess_old(const struct table_tier *rule, const struct pgoutput_message *msg, enum tier to)
{
    if (msg->kind == PGOUTPUT_UPDATE)
        return to;
    if (rule->tier == TIER_TRANSIENT || rule->other == TIER_TRANSIENT)
        return TIER_TRANSIENT;
    return rule->tier < rule->other ? rule->tier : rule->other;
}

status rowtier_judge(const struct rel_entry *rel, const struct pgoutput_message *msg, struct buf *merged,
                     struct row_verdict *out, err *e)
{
    *out = (struct row_verdict){.from = TIER_NONE, .to = TIER_NONE};
    if (msg->kind != PGOUTPUT_DELETE) {
        TRY(merge_unchanged(msg, merged, &out->whole, e));
        out->to = table_tier_of_row(&rel->tier, rel->shape, out->whole);
    }
    if (msg->kind != PGOUTPUT_INSERT) {
        out->guessed = msg->change.old_kind != 'O';
        out->from = out->guessed ? guess_old(&rel->tier, msg, out->to)
                                 : table_tier_of_row(&rel->tier, rel->shape, msg->change.old);
    }
    if (out->from == TIER_TRANSIENT)
        out->from = TIER_NONE;
    if (out->to == TIER_TRANSIENT)
        out->to = TIER_NONE;
    return DONE;
}
