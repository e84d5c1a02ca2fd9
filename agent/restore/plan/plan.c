#include "agent/restore/plan/plan.h"

#include <inttypes.h>

#include "agent/restore/filter/rowfilter.h"
#include "agent/restore/fold/gather.h"
#include "agent/restore/fold/source.h"
#include "agent/restore/fold/stages.h"
#include "agent/restore/plan/plantable.h"
#include "proto/pbmem.h"
#include "store/actionlog.h"
#include "store/snapreader.h"

void plan_free(struct plan *p)
{
    if (p == NULL)
        return;
    for (size_t i = 0; i < p->count; i++) {
        stages_free(p->table[i].stages);
        rowmap_free(p->table[i].base_map);
        plantable_fini(&p->table[i]);
    }
    rowfilter_free(p->filter);
    free(p->table);
    if (p->idle != NULL)
        idlereaders_fini(p->idle);
    free(p->idle);
    lsnspans_fini(&p->spans);
    pbmem_free((ProtobufCMessage *)p->base_schema);
    versions_fini(&p->versions);
    free(p);
}

bool plan_is_beyond(const struct plan *p, const struct commit *c)
{
    return c->last_seq > p->stop_seq || c->time > p->stop_time ||
           (c->lsn > p->stop_lsn && c->last_seq >= p->stop_lsn_from);
}

bool plan_is_before(const struct plan *p, uint64_t seq, lsn commit, lsn at)
{
    return seq <= p->base_span.last_seq && commit < at;
}

size_t plan_last_link(const struct plan *p, uint64_t seq)
{
    size_t last = p->base;
    for (size_t i = p->base; i < p->chain->count; i++)
        if (p->chain->link[i].commit->header->last_seq <= seq)
            last = i;
    return last;
}

static const Pgstrand__SnapshotHeader *header_of(const struct plan *p, size_t link)
{
    return p->chain->link[link].commit->header;
}

bool plan_reads(const struct plan *p, size_t link)
{
    if (link == p->base || (link == p->shortcut && p->shortcut != 0) || plantable_begins_in(p, link))
        return true;
    return link > p->base && link > p->shortcut &&
           header_of(p, link)->type == PGSTRAND__SNAPSHOT_TYPE__INCREMENTAL &&
           header_of(p, link)->first_seq <= p->seq;
}

/* ---- the limit ---- */

struct end {
    uint64_t seq;
    lsn lsn;
};

static status find_end(const struct plan *p, struct end *out, err *e)
{
    const Pgstrand__SnapshotHeader *last = header_of(p, p->chain->count - 1);
    *out = (struct end){last->last_seq, last->last_lsn};
    if (p->log == NULL)
        return DONE;
    OWNED(logreader) struct logreader *log = NULL;
    struct log_state state;
    TRY(logreader_open(p->log, &log, e));
    TRY(logreader_state(log, &state, e));
    if (state.position.last_seq >= out->seq)
        *out = (struct end){state.position.last_seq, state.position.end_lsn};
    return DONE;
}

static status snapshot_limit(struct plan *p, const struct restore_target *t, err *e)
{
    const struct chain_link *link = chain_find(p->chain, t->snapshot);
    if (link == NULL)
        return err_set(e, ERR_VALIDATION, "no snapshot %s in %s; pgstrand snapshots lists them", t->snapshot,
                       p->chain->dir);
    p->stop_seq = link->commit->header->last_seq;
    return DONE;
}

static status lsn_limit(struct plan *p, lsn at, const struct end *end, err *e)
{
    char wanted[LSN_TEXT], last[LSN_TEXT];
    const struct lsnspan *span = lsnspans_of_lsn(&p->spans, at);
    if (at > end->lsn && span == lsnspans_last(&p->spans))
        return err_set(e, ERR_VALIDATION,
                       "LSN %s is in the future: the last one is %s, at seq %" PRIu64
                       "; restore that, or wait for more",
                       lsn_format(at, wanted), lsn_format(end->lsn, last), end->seq);
    p->stop_lsn = at;
    p->stop_lsn_from = span->first_seq;
    p->stop_seq = span->last_seq;
    return DONE;
}

static status set_limit(struct plan *p, const struct restore_target *t, const struct end *end, err *e)
{
    p->stop_seq = UINT64_MAX;
    p->stop_time = INT64_MAX;
    p->stop_lsn = UINT64_MAX;
    switch (t->kind) {
    case TARGET_LATEST:
        return DONE;
    case TARGET_SEQ:
        p->stop_seq = t->seq;
        if (t->seq > end->seq)
            return err_set(e, ERR_VALIDATION,
                           "seq %" PRIu64 " is in the future: the last one is %" PRIu64
                           "; restore that, or wait for more",
                           t->seq, end->seq);
        return DONE;
    case TARGET_TIME:
        p->stop_time = t->time;
        return DONE;
    case TARGET_LSN:
        return lsn_limit(p, t->lsn, end, e);
    case TARGET_SNAPSHOT:
    case TARGET_NAME:
        return snapshot_limit(p, t, e);
    }
    return err_set(e, ERR_VALIDATION, "unknown kind of target %d", (int)t->kind);
}

/* ---- the base ---- */

/* From where on a FULL can serve. */
struct reach {
    uint64_t seq;
    pgtime time;
    lsn lsn;
    bool complete; /* false: what its latest table base has is not in the chain yet */
};

static status load_schema(const struct chain *chain, size_t link, Pgstrand__Schema **out, err *e)
{
    OWNED(snapreader) struct snapreader *r = NULL;
    TRY(snapreader_open_known(chain->link[link].dir, chain->link[link].name, chain->link[link].hash, &r, e));
    return snapreader_schema(r, out, e);
}

static void base_lsns(const Pgstrand__Schema *schema, lsn *first, lsn *last)
{
    *first = UINT64_MAX;
    *last = LSN_NONE;
    for (size_t i = 0; i < schema->n_table; i++) {
        lsn at = schema->table[i]->base_lsn;
        *first = at < *first ? at : *first;
        *last = at > *last ? at : *last;
    }
}

/* Bases taken at several times, or later than where the log begins: the state is whole only behind the last
 * commit that any of them has. */
static status find_whole(const struct plan *p, size_t link, lsn last_base, const struct end *end,
                         struct reach *out, err *e)
{
    const struct source_options options = {.chain = p->chain, .base = link, .log = p->log, .tiers = ~0u};
    OWNED(source) struct source *s = NULL;
    const struct lsnspan *span = lsnspans_of_link(&p->spans, p->chain, link);
    TRY(source_open(&options, &s, e));
    out->complete = (end->lsn >= last_base || end->seq > span->last_seq) &&
                    (p->log != NULL || link + 1 < p->chain->count);
    for (;;) {
        struct source_action a;
        bool stop = false;
        TRY(source_next(s, &a, &stop, e));
        if (stop)
            return DONE;
        if (a.commit.lsn >= last_base || a.commit.last_seq > span->last_seq) {
            out->complete = true;
            return DONE;
        }
        out->seq = a.commit.last_seq;
        if (a.commit.time > out->time)
            out->time = a.commit.time;
    }
}

static status find_reach(const struct plan *p, size_t link, const Pgstrand__Schema *schema,
                         const struct end *end, struct reach *out, err *e)
{
    const Pgstrand__SnapshotHeader *h = header_of(p, link);
    lsn first, last;
    base_lsns(schema, &first, &last);
    *out = (struct reach){h->last_seq, h->last_time, last, true};
    /* A time before a link that comes earlier is before this one too, whatever the clock did. */
    for (size_t i = 0; i < link; i++)
        if (header_of(p, i)->last_time > out->time)
            out->time = header_of(p, i)->last_time;
    /* A base that was taken again after the slot was made lies behind actions that the log has: what it holds
     * is not the state at the header's seq. */
    if (schema->n_table == 0 || (first == last && h->first_lsn >= last))
        return DONE;
    return find_whole(p, link, last, end, out, e);
}

static bool serves(const struct plan *p, const struct reach *r)
{
    /* Rows are exact just before the base's LSN: a limit at the byte before it is enough. */
    return r->complete && r->seq <= p->stop_seq && r->time <= p->stop_time &&
           (p->stop_lsn == UINT64_MAX || r->seq < p->stop_lsn_from || r->lsn <= p->stop_lsn + 1);
}

static status not_reached(const struct plan *p, const struct reach *oldest, err *e)
{
    char at[LSN_TEXT], time[PGTIME_TEXT];
    bool pruned = p->chain->count > 0 && p->chain->link[0].pruned;
    if (!oldest->complete)
        return err_set(e, ERR_VALIDATION,
                       "the base was taken in several steps, and the actions up to its last one, LSN %s, are "
                       "not in the chain yet; run pgstrand-agent, pgstrand wait and pgstrand seal first",
                       lsn_format(oldest->lsn, at));
    return err_set(e, ERR_VALIDATION,
                   "the target is before the oldest base%s: the earliest restorable seq is %" PRIu64
                   " (LSN %s, %s)",
                   pruned ? " that pruning left" : "", oldest->seq, lsn_format(oldest->lsn, at),
                   pgtime_format(oldest->time, time));
}

/* The newest FULL that serves. */
static status choose_base(struct plan *p, const struct end *end, err *e)
{
    struct reach reach = {0};
    for (size_t i = p->chain->count; i > 0; i--) {
        if (header_of(p, i - 1)->type != PGSTRAND__SNAPSHOT_TYPE__FULL || p->chain->link[i - 1].pruned)
            continue;
        PB_OWNED(Pgstrand__Schema) *schema = NULL;
        TRY(load_schema(p->chain, i - 1, &schema, e));
        TRY(find_reach(p, i - 1, schema, end, &reach, e));
        if (!serves(p, &reach))
            continue;
        p->base = i - 1;
        p->base_lsn = reach.lsn;
        p->base_span = *lsnspans_of_link(&p->spans, p->chain, i - 1);
        p->seq = reach.seq;
        p->base_schema = schema;
        schema = NULL;
        return DONE;
    }
    return not_reached(p, &reach, e);
}

/*
 * The newest DIFFERENTIAL on the chosen base that the limit takes in whole; 0: none. Its last_time is the
 * latest of all commits that it stands for, so that a limit in time ends where it would without it.
 */
static size_t find_shortcut(const struct plan *p)
{
    const ProtobufCBinaryData base = header_of(p, p->base)->snapshot;
    for (size_t i = p->chain->count - 1; i > p->base; i--) {
        const Pgstrand__SnapshotHeader *h = header_of(p, i);
        if (h->type == PGSTRAND__SNAPSHOT_TYPE__DIFFERENTIAL && h->base_snapshot.len == base.len &&
            memcmp(h->base_snapshot.data, base.data, base.len) == 0 && h->last_seq <= p->stop_seq &&
            h->last_time <= p->stop_time && (h->last_lsn <= p->stop_lsn || h->last_seq < p->stop_lsn_from))
            return i;
    }
    return 0;
}

/* ---- the schema ---- */

/* A limit in time or LSN as a seq: which changes of the schema lie before it must be known beforehand. */
static status limit_as_seq(struct plan *p, err *e)
{
    const struct source_options options = {.chain = p->chain, .base = p->base, .log = p->log, .tiers = ~0u};
    OWNED(source) struct source *s = NULL;
    if (p->stop_time == INT64_MAX && p->stop_lsn == UINT64_MAX)
        return DONE;
    TRY(source_open(&options, &s, e));
    for (;;) {
        struct source_action a;
        bool end = false;
        TRY(source_next(s, &a, &end, e));
        if (end)
            return DONE;
        if (plan_is_beyond(p, &a.commit)) {
            p->stop_seq = a.commit.first_seq - 1;
            return DONE;
        }
    }
}

static status choose_schema(struct plan *p, const struct versionbook *unsealed, err *e)
{
    uint64_t last;
    p->followed = p->base_schema->has_ddl_rows;
    TRY(versions_load(p->chain, p->base, unsealed, &p->versions, e));
    if (p->versions.count > 0 || p->versions.bases > 0)
        TRY(limit_as_seq(p, e));
    const Pgstrand__SchemaVersion *v = versions_at(&p->versions, p->stop_seq, &last);
    if (last != p->stop_seq) {
        p->between = p->stop_seq;
        p->stop_seq = last;
    }
    versions_drop_texts(&p->versions, v);
    p->schema = v == NULL ? p->base_schema : v->schema;
    p->schema_seq = v == NULL ? 0 : versionbook_seq(v);
    return DONE;
}

static uint64_t first_seq_of(const Pgstrand__SchemaVersion *v, uint64_t last_seq)
{
    for (size_t i = 0; i < v->n_change; i++)
        if (v->change[i]->last_seq == last_seq)
            return v->change[i]->first_seq;
    return last_seq;
}

static bool concerns(const struct plan *p, const Pgstrand__RowsChanged *r)
{
    const struct plan_table *t = plantable_by_oid(p, r->oid);
    return r->oid == 0 || (t != NULL && t->comes && t->base_seq < r->seq);
}

/* What no row from before can be brought through: a table that comes must have been made, or be based, behind
 * it. */
static status check_rows(const struct plan *p, err *e)
{
    for (size_t i = 0; i < p->versions.count; i++) {
        const Pgstrand__SchemaVersion *v = p->versions.version[i];
        if (versionbook_seq(v) > p->schema_seq)
            break;
        for (size_t k = 0; k < v->n_rows_changed; k++) {
            const Pgstrand__RowsChanged *r = v->rows_changed[k];
            if (concerns(p, r))
                return gather_schema_changed(p, r->oid, r->seq, first_seq_of(v, r->seq), r->what, e);
        }
    }
    return DONE;
}

status plan_make(const struct plan_options *options, struct plan **out, err *e)
{
    OWNED(plan) struct plan *p = calloc(1, sizeof *p);
    struct end end;
    if (p == NULL || (p->idle = calloc(1, sizeof *p->idle)) == NULL)
        return err_no_memory(e);
    idlereaders_init(p->idle);
    p->chain = options->chain;
    p->log = options->log;
    p->tiers = options->tiers;
    TRY(find_end(p, &end, e));
    TRY(lsnspans_fill(&p->spans, p->chain, p->log, e));
    p->end_seq = end.seq;
    TRY(set_limit(p, options->target, &end, e));
    TRY(choose_base(p, &end, e));
    if (p->base_schema->pre_data == NULL)
        return err_set(e, ERR_STORAGE, "%s: a FULL without the schema's text; run pgstrand verify",
                       p->chain->link[p->base].name);
    TRY(choose_schema(p, options->unsealed, e));
    p->shortcut = find_shortcut(p);
    TRY(plantable_fill(p, options->tables, e));
    TRY(check_rows(p, e));
    *out = p;
    p = NULL;
    return DONE;
}
