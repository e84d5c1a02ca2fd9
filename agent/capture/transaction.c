#include "agent/capture/transaction.h"

#include <stdio.h>

#include "agent/capture/context.h"
#include "agent/capture/ddlrow.h"
#include "agent/capture/rowchange.h"

#define PREFIX_CONTEXT "pgstrand.context"
#define PREFIX_WAIT "pgstrand.wait"
#define ROW_KEPT ((size_t)1 << 20) /* bytes of the buffers for rows, from one transaction to the next */

void transaction_init(struct transaction *t, struct logwriter *log, struct tablebook *book,
                      const struct tier_rules *rules, const struct capture_events *events, bool ddl_rows)
{
    *t = (struct transaction){
        .log = log, .book = book, .rules = rules, .events = events, .ddl_rows = ddl_rows};
}

void transaction_fini(struct transaction *t)
{
    relmap_fini(&t->relations);
    retold_fini(&t->retold);
    buf_fini(&t->origin);
    buf_fini(&t->user);
    buf_fini(&t->session);
    buf_fini(&t->merged);
    buf_fini(&t->list);
    buf_fini(&t->old);
    buf_fini(&t->new);
}

void transaction_begin(struct transaction *t, const struct commit *head)
{
    t->commit = *head;
    t->changes_schema = false;
    buf_shed(&t->merged, ROW_KEPT);
    buf_shed(&t->old, ROW_KEPT);
    buf_shed(&t->new, ROW_KEPT);
    buf_reset(&t->origin);
    buf_reset(&t->user);
    buf_reset(&t->session);
    retold_forget(&t->retold);
    if (t->draft == NULL && t->forgotten != logwriter_forgotten(t->log)) {
        t->forgotten = logwriter_forgotten(t->log);
        relmap_cut(&t->relations, SIZE_MAX, 0);
    }
}

status transaction_put(struct transaction *t, const struct action *a, err *e)
{
    if (t->draft != NULL)
        return bulkfile_put(t->draft->file, a, e);
    t->bytes += a->old.len + a->new.len + a->content.len;
    t->actions++;
    return logwriter_put(t->log, a, t->commit.lsn, e);
}

void transaction_mark(struct transaction *t, const char *format, ...)
{
    if (t->changes_schema)
        return;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(t->what, sizeof t->what, format, args);
    va_end(args);
    t->changes_schema = true;
}

/* Without the event trigger a change of the schema shows only in what the stream announces. */
static void mark_inferred(struct transaction *t, const struct relation *shape, const struct relation *before,
                          bool known)
{
    if (before == NULL) {
        if (!known)
            transaction_mark(t, "table %s.%s is new", shape->schema, shape->name);
        return;
    }
    if (strcmp(shape->schema, before->schema) != 0 || strcmp(shape->name, before->name) != 0)
        transaction_mark(t, "table %s.%s is now %s.%s", before->schema, before->name, shape->schema,
                         shape->name);
    else if (!relation_same_shape(shape, before))
        transaction_mark(t, "the columns or keys of %s.%s changed", shape->schema, shape->name);
}

/* It becomes an action as well: a kill before the catalogue has it must not lose it. */
static status infer_schema_change(struct transaction *t, const struct relation *shape,
                                  const struct relation *before, bool known, err *e)
{
    const struct action a = {
        .kind = ACTION_DDL, .prefix = bytes_text("INFERRED"), .content = bytes_text("[]")};
    const bool marked = t->changes_schema;
    mark_inferred(t, shape, before, known);
    return t->changes_schema && !marked ? transaction_put(t, &a, e) : DONE;
}

static status identify(struct transaction *t, struct rel_entry *rel, err *e)
{
    const struct relation *logged = logwriter_relation_latest(t->log, rel->oid);
    const struct relation *before = logged != NULL ? logged : tablebook_based(t->book, rel->oid);
    bool known = false;
    bool news = false;
    TRY(tablebook_identify(t->book, rel->shape, logged, &known, &news, e));
    rel->identified = true;
    if (!t->ddl_rows)
        TRY(infer_schema_change(t, rel->shape, before, known, e));
    if (news)
        t->events->table_seen(t->events->context, rel->shape, &rel->tier,
                              logwriter_position(t->log)->last_seq);
    return DONE;
}

status transaction_version(struct transaction *t, struct rel_entry *rel, enum tier tier, uint32_t *version,
                           err *e)
{
    if (rel->version[tier] == 0 && t->draft != NULL) {
        TRY(draft_number(t->draft, rel, tier, &rel->version[tier], e));
    } else if (rel->version[tier] == 0) {
        if (!rel->identified)
            TRY(identify(t, rel, e));
        rel->shape->tier = tier;
        TRY(logwriter_relation(t->log, rel->shape, &rel->version[tier], e));
    }
    *version = rel->version[tier];
    return DONE;
}

status transaction_relation(struct transaction *t, const struct pgoutput_message *msg, err *e)
{
    struct rel_entry *rel = NULL;
    TRY(relmap_announce(&t->relations, msg, t->rules, &rel, e));
    return transaction_look(t, rel, e);
}

status transaction_look(struct transaction *t, struct rel_entry *rel, err *e)
{
    if (t->generated == NULL || rel->use != REL_ROWS)
        return DONE;
    if (!t->ddl_rows) /* nobody tells of changes */
        generated_may_change(t->generated);
    return generated_look(t->generated, rel, e);
}

static status find(struct transaction *t, uint32_t oid, struct rel_entry **out, err *e)
{
    *out = relmap_find(&t->relations, oid);
    return *out != NULL ? DONE
                        : err_set(e, ERR_STORAGE,
                                  "the server sent a change of table %u without having announced it", oid);
}

static status change_stripped(struct transaction *t, struct rel_entry *rel,
                              const struct pgoutput_message *msg, err *e)
{
    struct pgoutput_message less = *msg;
    TRY(generated_strip(rel, &less.change.old, &t->old, e));
    TRY(generated_strip(rel, &less.change.new, &t->new, e));
    return rowchange_apply(t, rel, &less, e);
}

static status change_row(struct transaction *t, const struct pgoutput_message *msg, err *e)
{
    struct rel_entry *rel = NULL;
    TRY(find(t, msg->change.relation, &rel, e));
    switch (rel->use) {
    case REL_ROWS:
        return rel->computed != NULL ? change_stripped(t, rel, msg, e) : rowchange_apply(t, rel, msg, e);
    case REL_DDL:
        if (t->generated != NULL)
            generated_may_change(t->generated);
        return msg->kind == PGOUTPUT_INSERT ? ddlrow_apply(t, rel->shape, msg->change.new, e) : DONE;
    case REL_DROPPED:
        break;
    }
    return DONE;
}

/* One action per tier, so that what travels never names what stays at home. */
static status truncate_tier(struct transaction *t, struct rel_entry *const *rel, size_t count, uint32_t flags,
                            enum tier tier, err *e)
{
    buf_reset(&t->list);
    for (size_t i = 0; i < count; i++) {
        uint32_t version = 0;
        if (rel[i]->use != REL_ROWS || (rel[i]->tier.tier != tier && rel[i]->tier.other != tier))
            continue;
        TRY(transaction_version(t, rel[i], tier, &version, e));
        buf_varint(&t->list, version);
    }
    TRY(buf_done(&t->list, e));
    if (t->list.len == 0)
        return DONE;
    const struct action a = {.kind = ACTION_TRUNCATE, .truncated = buf_view(&t->list), .flags = flags};
    return transaction_put(t, &a, e);
}

status transaction_truncate(struct transaction *t, struct rel_entry *const *rel, size_t count, uint32_t flags,
                            err *e)
{
    TRY(truncate_tier(t, rel, count, flags, TIER_BUSINESS, e));
    TRY(truncate_tier(t, rel, count, flags, TIER_AUDIT, e));
    return truncate_tier(t, rel, count, flags, TIER_DEVICE, e);
}

static status truncate_tables(struct transaction *t, const struct pgoutput_message *msg, err *e)
{
    OWNED(memory) struct rel_entry **rel = calloc(msg->truncate.count + 1u, sizeof *rel);
    if (rel == NULL)
        return err_no_memory(e);
    for (uint32_t i = 0; i < msg->truncate.count; i++)
        TRY(find(t, msg->truncate.relations[i], &rel[i], e));
    return transaction_truncate(t, rel, msg->truncate.count, msg->truncate.flags, e);
}

bool transaction_is_context(const struct pgoutput_message *msg)
{
    return strcmp(msg->message.prefix, PREFIX_CONTEXT) == 0;
}

static void take_context(struct transaction *t, struct bytes content)
{
    if (!context_parse(content, &t->user, &t->session))
        t->events->notice(t->events->context, "a message of prefix " PREFIX_CONTEXT
                                              " is not of pgstrand.set_context, and was left out");
}

static status add_message(struct transaction *t, const struct pgoutput_message *msg, err *e)
{
    if (strcmp(msg->message.prefix, PREFIX_WAIT) == 0)
        return DONE;
    if (transaction_is_context(msg)) {
        take_context(t, msg->message.content);
        return DONE;
    }
    const struct action a = {
        .kind = ACTION_MESSAGE,
        .flags = (msg->message.flags & 1u) != 0 ? ACTION_MESSAGE_TRANSACTIONAL : 0,
        .prefix = bytes_text(msg->message.prefix),
        .content = msg->message.content,
    };
    return transaction_put(t, &a, e);
}

status transaction_change(struct transaction *t, const struct pgoutput_message *msg, err *e)
{
    if (retold_is_open(&t->retold)) {
        bool taken = false;
        TRY(retold_take(t, msg, &taken, e));
        if (taken)
            return DONE;
    }
    switch (msg->kind) {
    case PGOUTPUT_INSERT:
    case PGOUTPUT_UPDATE:
    case PGOUTPUT_DELETE:
        return change_row(t, msg, e);
    case PGOUTPUT_TRUNCATE:
        return truncate_tables(t, msg, e);
    case PGOUTPUT_MESSAGE:
        return add_message(t, msg, e);
    case PGOUTPUT_ORIGIN:
        buf_reset(&t->origin);
        buf_text(&t->origin, msg->origin.name);
        t->commit.origin_lsn = msg->origin.lsn;
        return buf_done(&t->origin, e);
    default: /* Type: values are text, and their type is the column's OID */
        return DONE;
    }
}

static void remember_mark(struct transaction *t)
{
    if (t->mark_count < SCHEMA_MARKS)
        t->mark_count++;
    struct schema_mark *m = &t->mark[t->mark_count - 1];
    m->seq = t->commit.last_seq;
    m->at = t->commit.lsn;
    memcpy(m->what, t->what, sizeof m->what);
}

status transaction_commit(struct transaction *t, lsn end, err *e)
{
    t->commit.end_lsn = end;
    t->commit.origin = buf_view(&t->origin);
    t->commit.user = buf_view(&t->user);
    t->commit.session = buf_view(&t->session);
    TRY(logwriter_commit(t->log, &t->commit, e));
    if (t->changes_schema)
        remember_mark(t);
    return DONE;
}
