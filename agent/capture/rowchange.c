#include "agent/capture/rowchange.h"

#include <stdio.h>

#include "agent/capture/rowtier.h"

static enum action_kind kind_of(enum pgoutput_kind kind)
{
    return kind == PGOUTPUT_INSERT ? ACTION_CREATE : kind == PGOUTPUT_UPDATE ? ACTION_UPDATE : ACTION_DELETE;
}

static status put_row(struct transaction *t, struct rel_entry *rel, enum tier tier, enum action_kind kind,
                      const struct pgoutput_message *msg, struct bytes new, err *e)
{
    struct action a = {.kind = kind, .new = new};
    TRY(transaction_version(t, rel, tier, &a.relation, e));
    if (kind != ACTION_CREATE) {
        a.old_kind = msg->change.old_kind;
        a.old = msg->change.old;
    }
    return transaction_put(t, &a, e);
}

/* Once a session and table is enough. */
static void warn_of_guess(struct transaction *t, struct rel_entry *rel)
{
    char line[320];
    if (rel->warned)
        return;
    rel->warned = true;
    (void)snprintf(line, sizeof line,
                   "%s.%s has a tier rule on column %s but does not send whole old rows: run ALTER TABLE ... "
                   "REPLICA IDENTITY FULL",
                   rel->shape->schema, rel->shape->name, rel->tier.column);
    t->events->notice(t->events->context, line);
}

static status apply_by_row(struct transaction *t, struct rel_entry *rel, const struct pgoutput_message *msg,
                           err *e)
{
    struct row_verdict v;
    TRY(rowtier_judge(rel, msg, &t->merged, &v, e));
    if (v.guessed)
        warn_of_guess(t, rel);
    if (v.from != TIER_NONE && v.from == v.to)
        return put_row(t, rel, v.to, ACTION_UPDATE, msg, msg->change.new, e);
    if (v.from != TIER_NONE)
        TRY(put_row(t, rel, v.from, ACTION_DELETE, msg, (struct bytes){0}, e));
    return v.to != TIER_NONE ? put_row(t, rel, v.to, ACTION_CREATE, msg, v.whole, e) : DONE;
}

status rowchange_apply(struct transaction *t, struct rel_entry *rel, const struct pgoutput_message *msg,
                       err *e)
{
    if (rel->tier.column != NULL)
        return apply_by_row(t, rel, msg, e);
    return put_row(t, rel, rel->tier.tier, kind_of(msg->kind), msg, msg->change.new, e);
}
