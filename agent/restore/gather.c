#include "agent/restore/gather.h"

#include <inttypes.h>

#include "agent/restore/plantable.h"
#include "agent/restore/source.h"

#define TELL_EVERY 100000 /* actions between two reports of progress */

#define TABLE_UNKNOWN (-2)
#define TABLE_IGNORED (-1)

struct gather {
    struct plan *plan;
    struct fold *fold;
    struct source *source;
    int *table; /* by relation version: a table of the plan, or one of the above */
    size_t versions;
};

static void gather_fini(struct gather *g)
{
    source_close(g->source);
    free(g->table);
}
OWN_VALUE(gather, gather_fini);

status gather_schema_changed(const struct plan *p, uint64_t seq, uint64_t first_seq, const char *what, err *e)
{
    const struct chain *c = p->chain;
    uint64_t before = first_seq > 0 ? first_seq - 1 : 0;
    for (size_t i = p->base + 1; i < c->count; i++) {
        const Pgstrand__SnapshotHeader *h = c->link[i].commit->header;
        if (h->type == PGSTRAND__SNAPSHOT_TYPE__FULL && h->last_seq >= seq)
            return err_set(e, ERR_SCHEMA,
                           "the schema changed at seq %" PRIu64 " (%s), between the base and the target; "
                           "restorable: up to seq %" PRIu64 ", or from seq %" PRIu64 " on",
                           seq, what, before, h->last_seq);
    }
    return err_set(e, ERR_SCHEMA,
                   "the schema changed at seq %" PRIu64 " (%s), after the last base; restorable: up to seq "
                   "%" PRIu64 "; what came later, after pgstrand seal --type full",
                   seq, what, before);
}

static status add_tables(struct gather *g, err *e)
{
    for (size_t i = 0; i < g->plan->count; i++) {
        const struct plan_table *t = &g->plan->table[i];
        uint16_t key[RELATION_COLUMNS_MAX];
        OWNED(buf) struct buf label = {0};
        struct fold_shape shape;
        buf_printf(&label, "%s.%s", t->message->schema, t->message->name);
        plantable_shape(t, buf_cstring(&label), key, &shape);
        TRY(buf_done(&label, e));
        TRY(fold_table(g->fold, &shape, e));
    }
    return DONE;
}

/* Which table an action's relation is; checked once for each version. */
static status classify(struct gather *g, const struct source_action *a, const struct relation *r, int *out,
                       err *e)
{
    char what[256];
    struct plan_table *t = plantable_find(g->plan, &r->table);
    *out = TABLE_IGNORED;
    if (strcmp(r->schema, "pgstrand") == 0 || r->tier == TIER_TRANSIENT)
        return DONE;
    if (t == NULL) {
        (void)snprintf(what, sizeof what, "table %s.%s was made", r->schema, r->name);
        return gather_schema_changed(g->plan, a->seq, a->commit.first_seq, what, e);
    }
    if (!t->comes)
        return DONE;
    int len = snprintf(what, sizeof what, "table %s.%s: ", t->message->schema, t->message->name);
    size_t at = len < 0 || (size_t)len >= sizeof what ? 0 : (size_t)len;
    if (!plantable_fits(t, r, what + at, sizeof what - at))
        return gather_schema_changed(g->plan, a->seq, a->commit.first_seq, what, e);
    *out = (int)(t - g->plan->table);
    return DONE;
}

static status table_of(struct gather *g, const struct source_action *a, const struct relation *r, int *out,
                       err *e)
{
    if (r->version >= g->versions) {
        size_t room = r->version + 64;
        int *grown = realloc(g->table, room * sizeof *grown);
        if (grown == NULL)
            return err_no_memory(e);
        for (size_t i = g->versions; i < room; i++)
            grown[i] = TABLE_UNKNOWN;
        g->table = grown;
        g->versions = room;
    }
    if (g->table[r->version] == TABLE_UNKNOWN)
        TRY(classify(g, a, r, &g->table[r->version], e));
    *out = g->table[r->version];
    return DONE;
}

/* Bases of several times: what is older than the table's own base, or of a table that is gone since, may have
 * another shape and is none of ours. */
static bool is_before_base(const struct gather *g, const struct relation *r, const struct commit *c)
{
    if (!plan_is_before(g->plan, c->last_seq, c->lsn, g->plan->base_lsn))
        return false;
    const struct plan_table *t = plantable_find(g->plan, &r->table);
    return t == NULL || c->lsn < t->message->base_lsn;
}

/* What the base of this table already has is passed over. */
static bool counts(struct gather *g, int table, const struct commit *c)
{
    return table >= 0 &&
           !plan_is_before(g->plan, c->last_seq, c->lsn, g->plan->table[table].message->base_lsn);
}

static status take_truncate(struct gather *g, const struct source_action *a, err *e)
{
    struct reader versions = reader_over(a->action.truncated);
    for (uint32_t v = action_next_truncated(&versions); v != 0; v = action_next_truncated(&versions)) {
        const struct relation *r = NULL;
        int table;
        TRY(source_relation(g->source, v, &r, e));
        if (is_before_base(g, r, &a->commit))
            continue;
        TRY(table_of(g, a, r, &table, e));
        if (!counts(g, table, &a->commit))
            continue;
        fold_truncate(g->fold, (size_t)table);
        g->plan->table[table].actions++;
        g->plan->actions++;
    }
    return DONE;
}

static status take_ddl(struct gather *g, const struct source_action *a, err *e)
{
    if (plan_is_before(g->plan, a->commit.last_seq, a->commit.lsn, g->plan->base_lsn))
        return DONE; /* the base was taken after it */
    char tag[128];
    size_t len = a->action.prefix.len < sizeof tag - 1 ? a->action.prefix.len : sizeof tag - 1;
    memcpy(tag, a->action.prefix.data, len);
    tag[len] = '\0';
    return gather_schema_changed(g->plan, a->seq, a->commit.first_seq, tag, e);
}

static status take(struct gather *g, const struct source_action *a, err *e)
{
    int table;
    if (a->action.kind == ACTION_MESSAGE)
        return DONE;
    if (a->action.kind == ACTION_DDL)
        return take_ddl(g, a, e);
    if (a->action.kind == ACTION_TRUNCATE)
        return take_truncate(g, a, e);
    if (a->relation == NULL)
        return err_set(e, ERR_STORAGE, "%s at seq %" PRIu64 " names no relation; run pgstrand verify",
                       action_kind_name(a->action.kind), a->seq);
    if (is_before_base(g, a->relation, &a->commit))
        return DONE;
    TRY(table_of(g, a, a->relation, &table, e));
    if (!counts(g, table, &a->commit))
        return DONE;
    if (!fold_action(g->fold, (size_t)table, &a->action, e).ok)
        return err_wrap(e, "seq %" PRIu64, a->seq);
    g->plan->table[table].actions++;
    g->plan->actions++;
    return DONE;
}

/* The sections that are read for their DDL come even when none of their rows do. */
static unsigned sections(const struct plan *p)
{
    return p->tiers | TIER_BIT(TIER_BUSINESS) | TIER_BIT(TIER_AUDIT);
}

static uint64_t floor_of(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

status gather_run(struct plan *p, struct fold *f, const struct progress *progress, err *e)
{
    const struct source_options options = {p->chain, p->base, p->log, sections(p), p->shortcut};
    OWNED(gather) struct gather g = {.plan = p, .fold = f};
    uint64_t first = p->seq, reached = p->end_seq;
    TRY(add_tables(&g, e));
    TRY(source_open(&options, &g.source, e));
    for (uint64_t n = 0;; n++) {
        struct source_action a = {0};
        bool end = false;
        TRY(source_next(g.source, &a, &end, e));
        if (!end && plan_is_beyond(p, &a.commit)) {
            reached = a.commit.first_seq - 1;
            break;
        }
        if (end)
            break;
        if (a.commit.last_seq > reached)
            reached = a.commit.last_seq; /* the log has grown since the plan was made */
        TRY(take(&g, &a, e));
        if (n % TELL_EVERY == 0)
            progress->step(progress->context, "fold", a.seq - first,
                           floor_of(p->end_seq, p->stop_seq) - first);
    }
    p->seq = floor_of(reached, p->stop_seq);
    return DONE;
}
