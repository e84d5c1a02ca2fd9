#include "agent/restore/fold/gather.h"

#include <inttypes.h>

#include "agent/restore/fold/shapes.h"
#include "agent/restore/fold/source.h"
#include "agent/restore/fold/stages.h"
#include "agent/restore/plan/plantable.h"
#include "agent/seal/versiontypes.h"
#include "proto/base/array.h"

#define TELL_EVERY 100000 /* actions between two reports of progress */

#define TABLE_IGNORED (-1)

/* What becomes of the rows of one relation version, as long as no shape changes. */
struct way {
    uint64_t epoch; /* of the shapes when it was found; 0: not yet */
    int table;      /* of the plan, or TABLE_IGNORED */
    size_t stage;   /* the fold's number of the table */
    struct rowmap *map;
};

struct gather {
    struct plan *plan;
    struct fold *fold;
    struct source *source;
    struct shapes *shapes;
    struct way *way; /* by relation version */
    size_t versions;
    struct buf old, new; /* mapped rows */
};

static void gather_fini(struct gather *g)
{
    source_close(g->source);
    shapes_free(g->shapes);
    for (size_t i = 0; i < g->versions; i++)
        rowmap_free(g->way[i].map);
    free(g->way);
    buf_fini(&g->old);
    buf_fini(&g->new);
}
OWN_VALUE(gather, gather_fini);

/* From where on it can be restored again: the next FULL, or the table's next base; false: there is none yet.
 */
static bool find_next_base(const struct plan *p, uint32_t oid, uint64_t seq, uint64_t *from)
{
    const struct chain *c = p->chain;
    *from = UINT64_MAX;
    for (size_t i = c->count; i > p->base + 1; i--) {
        const Pgstrand__SnapshotHeader *h = c->link[i - 1].commit->header;
        if (h->type == PGSTRAND__SNAPSHOT_TYPE__FULL && h->last_seq >= seq)
            *from = h->last_seq;
    }
    for (size_t i = 0; oid != 0 && i < p->versions.bases; i++) {
        const struct version_base *b = &p->versions.base[i];
        if (b->table->oid == oid && b->seq >= seq && b->seq < *from)
            *from = b->seq;
    }
    return *from != UINT64_MAX;
}

status gather_schema_changed(const struct plan *p, uint32_t oid, uint64_t seq, uint64_t first_seq,
                             const char *what, err *e)
{
    const uint64_t before = first_seq > 0 ? first_seq - 1 : 0;
    uint64_t from;
    if (find_next_base(p, oid, seq, &from))
        return err_set(e, ERR_SCHEMA,
                       "the schema changed at seq %" PRIu64 " (%s), between the base and the target; "
                       "restorable: up to seq %" PRIu64 ", or from seq %" PRIu64 " on",
                       seq, what, before, from);
    return err_set(e, ERR_SCHEMA,
                   "the schema changed at seq %" PRIu64 " (%s), and the chain cannot follow it yet; "
                   "restorable: up to seq %" PRIu64 "; what came later, after pgstrand seal%s",
                   seq, what, before, seq > p->schema_seq && p->followed ? "" : " --type full");
}

/* ---- which table an action is about, and how its rows get the target's columns ---- */

/* Are OIDs and attribute numbers those of the base, and DDL recorded? A later incarnation may be on another
 * server; its tables are the base's as long as no schema changes. */
static bool is_followed(const struct gather *g, uint64_t seq)
{
    return g->plan->followed && seq <= g->plan->base_span.last_seq;
}

static bool is_elsewhere(const struct gather *g, uint64_t seq)
{
    return seq > g->plan->base_span.last_seq;
}

static struct plan_table *table_of_relation(const struct gather *g, const struct relation *r, uint64_t seq)
{
    return is_followed(g, seq) ? plantable_by_oid(g->plan, r->oid) : plantable_find(g->plan, &r->table);
}

static status changed(const struct gather *g, const struct source_action *a, const struct plan_table *t,
                      const char *how, err *e)
{
    char what[320];
    (void)snprintf(what, sizeof what, "table %s.%s: %s", t->message->schema, t->message->name, how);
    return gather_schema_changed(g->plan, t->message->oid, a->seq, a->commit.first_seq, what, e);
}

static status check_types(const struct gather *g, const struct source_action *a, const struct plan_table *t,
                          const struct relation *r, const uint16_t *attnum, err *e)
{
    char how[160];
    for (uint16_t i = 0; i < r->column_count; i++) {
        const Pgstrand__Column *c = plantable_column(t->message, attnum[i]);
        if (c == NULL || plantable_same_type(c, &r->columns[i], is_elsewhere(g, a->seq)) ||
            versiontypes_follow((struct versiontype){r->columns[i].type, r->columns[i].typmod},
                                (struct versiontype){c->type, c->typmod}))
            continue;
        (void)snprintf(how, sizeof how, "column %s has another type", c->name);
        return changed(g, a, t, how, e);
    }
    return DONE;
}

static status attnums_of(const struct gather *g, const struct source_action *a, const struct plan_table *t,
                         const struct relation *r, uint16_t *attnum, err *e)
{
    char how[200];
    const bool followed = is_followed(g, a->seq);
    if (!followed && !plantable_fits(t, r, is_elsewhere(g, a->seq), how, sizeof how))
        return changed(g, a, t, how, e);
    if (!followed) {
        for (uint16_t i = 0; i < r->column_count; i++)
            attnum[i] = plantable_attnum(t->sealed, i);
        return DONE;
    }
    if (shapes_resolve(g->shapes, r, attnum))
        return DONE;
    return plantable_fits(t, r, false, how, sizeof how) ? changed(g, a, t, "its columns are not known", e)
                                                        : changed(g, a, t, how, e);
}

static status find_map(struct gather *g, const struct source_action *a, struct plan_table *t,
                       const struct relation *r, struct way *out, err *e)
{
    uint16_t attnum[RELATION_COLUMNS_MAX];
    const char *missing[2 * RELATION_COLUMNS_MAX];
    const struct rowmap_columns from = {r->column_count, attnum};
    struct rowmap_columns to;
    TRY(attnums_of(g, a, t, r, attnum, e));
    TRY(check_types(g, a, t, r, attnum, e));
    TRY(stages_for(g->plan, g->fold, t, r, attnum, &out->stage, &to, e));
    stages_missing(g->plan, t, &to, missing);
    rowmap_free(out->map);
    out->map = NULL;
    return rowmap_make(&from, &to, missing, &out->map, e);
}

static status find_way(struct gather *g, const struct source_action *a, const struct relation *r,
                       struct way *out, err *e)
{
    char what[256];
    struct plan_table *t = table_of_relation(g, r, a->seq);
    out->table = TABLE_IGNORED;
    if (strcmp(r->schema, "pgstrand") == 0 || r->tier == TIER_TRANSIENT)
        return DONE;
    if (t == NULL && is_followed(g, a->seq))
        return DONE; /* it is dropped before the target */
    if (t == NULL) {
        (void)snprintf(what, sizeof what, "table %s.%s was made", r->schema, r->name);
        return gather_schema_changed(g->plan, 0, a->seq, a->commit.first_seq, what, e);
    }
    if (!t->comes)
        return DONE;
    TRY(find_map(g, a, t, r, out, e));
    out->table = (int)(t - g->plan->table);
    return DONE;
}

static status way_of(struct gather *g, const struct source_action *a, const struct relation *r,
                     struct way **out, err *e)
{
    TRY(array_reach(&g->way, r->version, &g->versions, sizeof *g->way, e));
    *out = &g->way[r->version];
    if ((*out)->epoch == shapes_epoch(g->shapes))
        return DONE;
    TRY(find_way(g, a, r, *out, e));
    (*out)->epoch = shapes_epoch(g->shapes);
    return DONE;
}

/* Bases of several times: what is older than the table's own base, or of a table that is gone since, may have
 * another shape and is none of ours. */
static bool is_before_base(const struct gather *g, const struct relation *r, const struct source_action *a)
{
    const struct commit *c = &a->commit;
    const bool first = plan_is_before(g->plan, c->last_seq, c->lsn, g->plan->base_lsn);
    if (!first && a->seq > g->plan->base_seq)
        return false;
    const struct plan_table *t = table_of_relation(g, r, c->last_seq);
    if (t != NULL && a->seq <= t->base_seq)
        return true;
    if (t != NULL && t->base == NULL && t->base_seq > 0)
        return false; /* told again */
    return first && (t == NULL || t->base == NULL || c->lsn < t->base->base_lsn);
}

/* ---- actions ---- */

static void count(struct gather *g, int table)
{
    g->plan->table[table].actions++;
    g->plan->actions++;
}

static status take_truncate(struct gather *g, const struct source_action *a, err *e)
{
    struct reader versions = reader_over(a->action.truncated);
    for (uint32_t v = action_next_truncated(&versions); v != 0; v = action_next_truncated(&versions)) {
        const struct relation *r = NULL;
        struct way *way = NULL;
        TRY(source_relation(g->source, v, &r, e));
        if (is_before_base(g, r, a))
            continue;
        TRY(way_of(g, a, r, &way, e));
        if (way->table < 0)
            continue;
        stages_truncate(g->fold, &g->plan->table[way->table]);
        count(g, way->table);
    }
    return DONE;
}

static status take_ddl(struct gather *g, const struct source_action *a, err *e)
{
    if (plan_is_before(g->plan, a->commit.last_seq, a->commit.lsn, g->plan->base_lsn))
        return DONE; /* the base was taken after it */
    if (a->commit.last_seq <= g->plan->schema_seq)
        return shapes_ddl(g->shapes, a->action.content, e);
    char tag[128];
    size_t len = a->action.prefix.len < sizeof tag - 1 ? a->action.prefix.len : sizeof tag - 1;
    memcpy(tag, a->action.prefix.data, len);
    tag[len] = '\0';
    return gather_schema_changed(g->plan, 0, a->seq, a->commit.first_seq, tag, e);
}

/* *way: what the row belongs to; its columns as they are there. */
static status map_row(struct gather *g, const struct source_action *a, struct way **way,
                      struct action *mapped, err *e)
{
    TRY(way_of(g, a, a->relation, way, e));
    if ((*way)->table < 0)
        return DONE;
    TRY(rowmap_tuple((*way)->map, a->action.old, &g->old, &mapped->old, e));
    return rowmap_tuple((*way)->map, a->action.new, &g->new, &mapped->new, e);
}

static status take_row(struct gather *g, const struct source_action *a, err *e)
{
    struct action mapped = a->action;
    struct way *way = NULL;
    if (!map_row(g, a, &way, &mapped, e).ok)
        return err_wrap(e, "seq %" PRIu64, a->seq);
    if (way->table < 0)
        return DONE;
    TRY(fold_action(g->fold, way->stage, a->seq, &mapped, e));
    count(g, way->table);
    return DONE;
}

static status take(struct gather *g, const struct source_action *a, err *e)
{
    TRY(shapes_reach(g->shapes, a->seq, e));
    if (a->action.kind == ACTION_MESSAGE)
        return DONE;
    if (a->action.kind == ACTION_DDL)
        return take_ddl(g, a, e);
    if (a->action.kind == ACTION_TRUNCATE)
        return take_truncate(g, a, e);
    if (a->relation == NULL)
        return err_set(e, ERR_STORAGE, "%s at seq %" PRIu64 " names no relation; run pgstrand verify",
                       action_kind_name(a->action.kind), a->seq);
    if (is_before_base(g, a->relation, a))
        return DONE;
    return take_row(g, a, e);
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

/* DDL that came after the plan was made. */
static bool is_news(const struct plan *p, const struct source_action *a)
{
    return a->action.kind == ACTION_DDL && a->commit.first_seq > p->end_seq;
}

static status gather_actions(struct plan *p, struct fold *f, const struct progress *progress, err *e)
{
    const struct source_options options = {
        .chain = p->chain,
        .base = p->base,
        .log = p->log,
        .tiers = sections(p),
        .shortcut = p->shortcut,
        .only = p->only,
        .recent = p->only != NULL ? SOURCE_LOG_RECENT : SOURCE_LOG_TAIL,
    };
    OWNED(gather) struct gather g = {.plan = p, .fold = f};
    uint64_t first = p->seq, reached = p->end_seq;
    TRY(stages_begin(p, f, e));
    TRY(shapes_new(p->base_schema, &p->versions, &g.shapes, e));
    TRY(source_open(&options, &g.source, e));
    for (uint64_t n = 0;; n++) {
        struct source_action a = {0};
        bool end = false;
        TRY(source_next(g.source, &a, &end, e));
        if (!end && (plan_is_beyond(p, &a.commit) || is_news(p, &a))) {
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
        if (a.seq == p->stop_seq)
            break; /* what comes later need not even be readable */
    }
    p->seq = floor_of(reached, p->stop_seq);
    return stages_end(p, f, e);
}

/* Actions are folded a little behind their being read: what failed there comes before what failed here. */
status gather_run(struct plan *p, struct fold *f, const struct progress *progress, err *e)
{
    err folding = ERR_INIT;
    const status gathered = gather_actions(p, f, progress, e);
    if (fold_settle(f, &folding).ok)
        return gathered;
    *e = folding;
    return FAILED;
}
