#include "agent/history/entityindex.h"

#include <inttypes.h>

#include "agent/history/entitykey.h"
#include "agent/history/indexruns.h"
#include "agent/history/pairsort.h"
#include "agent/restore/fold/source.h"
#include "store/io.h"

#define TAIL_MAX 20000    /* actions that a command reads again each time rather than make a run of them */
#define TELL_EVERY 100000 /* actions between two reports of progress */
#define STOP_EVERY 4096   /* actions between two looks whether to give up */
#define LEAST_RUN 2048    /* actions that are kept as a run when making one is interrupted */
#define TIER_PAIRS 8192   /* of the smallest runs; each tier has FAN_OUT times the pairs of the one below */
#define TIERS 12          /* the last one is open: 10^14 pairs */
#define FAN_OUT 8         /* so many runs of a tier, or smaller, become one of the next */

struct entityindex {
    struct indexruns runs;
    struct pairsort tail; /* sorted */
    uint64_t end;
};

/* ---- the pairs of an action ---- */

struct pairs {
    const struct entityindex_place *place;
    struct source *source;
    struct pairsort *sort;
    struct buf scratch;
    struct source_action next;
    bool held;     /* `next` was read and not added: the memory for pairs is full */
    uint64_t last; /* seq, and its commit's LSN */
    lsn lsn;
};

static void pairs_fini(struct pairs *p)
{
    source_close(p->source);
    buf_fini(&p->scratch);
}
OWN_VALUE(pairs, pairs_fini);

static status file_under(struct pairs *p, const uuid *name, uint64_t seq, err *e)
{
    return pairsort_add(p->sort, entitykey_hash(name), seq, e);
}

static status add_truncate(struct pairs *p, const struct source_action *a, err *e)
{
    struct reader versions = reader_over(a->action.truncated);
    for (uint32_t v = action_next_truncated(&versions); v != 0; v = action_next_truncated(&versions)) {
        const struct relation *r = NULL;
        TRY(source_relation(p->source, v, &r, e));
        TRY(file_under(p, &r->table, a->seq, e));
    }
    return DONE;
}

static status add_row(struct pairs *p, const struct source_action *a, err *e)
{
    uuid now, before, moves;
    bool found = false;
    if (!relation_is_keyed(a->relation))
        return DONE;
    TRY(entitykey_of_action(a->relation, &a->action, &p->place->d->identity.dataset, &p->scratch, &now,
                            &before, &found, e));
    if (!found)
        return DONE;
    TRY(file_under(p, &now, a->seq, e));
    if (uuid_is_nil(&before))
        return DONE;
    TRY(file_under(p, &before, a->seq, e));
    TRY(entitykey_moves(&a->relation->table, &moves, e));
    return file_under(p, &moves, a->seq, e);
}

static status add(struct pairs *p, const struct source_action *a, err *e)
{
    const uuid ddl = UUID_NIL;
    p->last = a->seq;
    p->lsn = a->commit.lsn;
    if (a->action.kind == ACTION_DDL)
        return file_under(p, &ddl, a->seq, e);
    if (a->action.kind == ACTION_TRUNCATE)
        return add_truncate(p, a, e);
    return a->relation == NULL ? DONE : add_row(p, a, e);
}

static status begin(struct pairs *p, const struct entityindex_place *place, uint64_t first,
                    struct pairsort *sort, err *e)
{
    const struct source_options options = {.chain = place->chain,
                                           .base = SOURCE_ALL,
                                           .log = place->log,
                                           .tiers = ~0u,
                                           .first = first,
                                           .recent = SOURCE_LOG_RECENT};
    p->place = place;
    p->sort = sort;
    p->last = first - 1;
    return source_open(&options, &p->source, e);
}

/* Adds until the memory for pairs is full, or there are no more actions. What has one seq (a TRUNCATE, once a
 * tier) stays together: a run covers its last seq whole. */
static status fill(struct pairs *p, uint64_t to, const struct progress *progress, bool *end, err *e)
{
    for (uint64_t n = 0;; n++) {
        if (!p->held)
            TRY(source_next(p->source, &p->next, end, e));
        if (*end)
            return DONE;
        p->held = pairsort_is_full(p->sort) && p->next.seq > p->last;
        if (p->held)
            return DONE;
        if (!add(p, &p->next, e).ok)
            return err_wrap(e, "seq %" PRIu64, p->next.seq);
        if (n % TELL_EVERY == 0)
            progress->step(progress->context, "index", p->next.seq, to);
        if (n % STOP_EVERY == 0 && progress_stopped(progress))
            return err_set(e, ERR_INTERRUPTED, "making the index of rows was interrupted");
    }
    return DONE;
}

/* ---- runs ---- */

/* The last `count` runs as one. */
static status merge_last(struct indexruns *r, size_t count, err *e)
{
    struct hashrun *run[FAN_OUT * TIERS];
    struct indexrun *from = &r->run[r->count - count];
    struct hashrun_head head = *hashrun_head(r->run[r->count - 1].run);
    head.first = hashrun_head(from->run)->first;
    char *path = indexruns_path(r, head.first, head.last);
    if (path == NULL)
        return err_no_memory(e);
    OWNED(text) char *mine = path;
    for (size_t i = 0; i < count; i++)
        run[i] = from[i].run;
    TRY(pairsort_merge(run, count, path, &head, e));
    for (struct indexrun *old = from; old < from + count; old++) {
        TRY(io_unlink(old->path, e));
        free(old->path);
        hashrun_close(old->run);
        *old = (struct indexrun){0};
    }
    r->count -= count;
    mine = NULL;
    return indexruns_append(r, path, e);
}

static unsigned tier_of(const struct indexrun *run)
{
    const uint64_t pairs = hashrun_head(run->run)->pairs;
    unsigned tier = 0;
    for (uint64_t most = TIER_PAIRS; most < pairs && tier < TIERS - 1; most *= FAN_OUT)
        tier++;
    return tier;
}

/* How many runs at the end are to become one: those of the last one's tier and below, when they are many. */
static size_t mergeable(const struct indexruns *r)
{
    const unsigned tier = tier_of(&r->run[r->count - 1]);
    size_t count = 1;
    while (count < r->count && count < (size_t)FAN_OUT * TIERS &&
           tier_of(&r->run[r->count - 1 - count]) <= tier)
        count++;
    return count < FAN_OUT ? 0 : count;
}

/* `merge` false: whoever waits for it has no time for what can be done the next time. */
static status write_run(struct pairs *p, struct indexruns *r, bool merge, err *e)
{
    struct hashrun_head head = {
        .node = p->place->d->identity.node, .first = r->reach + 1, .last = p->last, .lsn = p->lsn};
    TRY(indexruns_incarnation(p->place, p->last, &head.incarnation, e));
    char *path = indexruns_path(r, head.first, head.last);
    if (path == NULL)
        return err_no_memory(e);
    OWNED(text) char *mine = path;
    TRY(pairsort_write(p->sort, path, &head, e));
    mine = NULL;
    TRY(indexruns_append(r, path, e));
    for (size_t count = mergeable(r); merge && count > 0; count = mergeable(r))
        TRY(merge_last(r, count, e));
    return DONE;
}

static status lock(const struct datadir *d, struct io_lock **out, err *e)
{
    OWNED(text) char *path = io_join(d->root, "index.lock");
    if (path == NULL)
        return err_no_memory(e);
    return io_lock(path, true, out, e);
}

static status make_runs(const struct entityindex_place *place, uint64_t least,
                        const struct progress *progress, uint64_t *made, err *e)
{
    OWNED(indexruns) struct indexruns r = {0};
    OWNED(pairsort) struct pairsort sort = {0};
    OWNED(pairs) struct pairs p = {0};
    bool end = false;
    TRY(indexruns_load(place, &r, e));
    if (r.end < r.reach + least || r.end == r.reach)
        return DONE;
    TRY(io_make_dir(r.dir, e));
    TRY(indexruns_tidy(&r, place->chain, e));
    TRY(begin(&p, place, r.reach + 1, &sort, e));
    while (!end) {
        const status filled = fill(&p, r.end, progress, &end, e);
        /* Whoever interrupts it has it begin again soon: what was read already is not read then. */
        if (!filled.ok && (e->class != ERR_INTERRUPTED || p.last < r.reach + LEAST_RUN))
            return FAILED;
        if (p.last == r.reach)
            break;
        *made += p.last - r.reach;
        err why = ERR_INIT;
        if (!write_run(&p, &r, filled.ok, filled.ok ? e : &why).ok || !filled.ok)
            return FAILED;
    }
    return DONE;
}

/* Runs are read whole when they are merged: only then damage to one of their blocks shows. */
static status drop_damaged(const struct entityindex_place *place, bool *any, err *e)
{
    OWNED(indexruns) struct indexruns r = {0};
    TRY(indexruns_load(place, &r, e));
    return indexruns_drop_damaged(&r, any, e);
}

status entityindex_make(const struct entityindex_place *place, uint64_t least,
                        const struct progress *progress, uint64_t *made, err *e)
{
    OWNED(io_lock) struct io_lock *held = NULL;
    bool dropped = true;
    *made = 0;
    TRY(lock(place->d, &held, e));
    while (dropped) {
        err why = ERR_INIT;
        if (make_runs(place, least, progress, made, e).ok)
            return DONE;
        if (!hashrun_is_damage(e))
            return FAILED;
        dropped = false;
        if (!drop_damaged(place, &dropped, &why).ok || !dropped)
            return FAILED; /* for the reason it failed before */
        *e = ERR_INIT;
        least = 1; /* what was there is to be there again */
    }
    return DONE;
}

status entityindex_drop(const struct datadir *d, err *e)
{
    OWNED(io_lock) struct io_lock *held = NULL;
    OWNED(text) char *dir = io_join(d->root, "index");
    if (dir == NULL)
        return err_no_memory(e);
    TRY(lock(d, &held, e));
    return io_remove_tree(dir, e);
}

/* ---- reading ---- */

static status read_tail(struct entityindex *x, const struct entityindex_place *place,
                        const struct progress *progress, err *e)
{
    OWNED(pairs) struct pairs p = {0};
    bool end = false;
    x->end = x->runs.reach;
    if (x->runs.end == x->runs.reach)
        return DONE;
    TRY(begin(&p, place, x->runs.reach + 1, &x->tail, e));
    while (!end) {
        struct source_action a;
        TRY(source_next(p.source, &a, &end, e));
        if (end)
            break;
        TRY(add(&p, &a, e));
        if (a.seq % STOP_EVERY == 0 && progress_stopped(progress))
            return err_set(e, ERR_INTERRUPTED, "reading the log was interrupted");
    }
    x->end = p.last;
    pairsort_sort(&x->tail);
    return DONE;
}

static status make_much(const struct entityindex_place *place, struct entityindex *x,
                        const struct progress *progress, err *e)
{
    char line[200];
    uint64_t made = 0;
    err why = ERR_INIT;
    if (x->runs.end <= x->runs.reach + TAIL_MAX)
        return DONE;
    (void)snprintf(line, sizeof line, "making the index of rows: %" PRIu64 " actions are not in it yet",
                   x->runs.end - x->runs.reach);
    progress->say(progress->context, line);
    const bool done = entityindex_make(place, TAIL_MAX, progress, &made, &why).ok;
    progress->step(progress->context, "index", x->runs.end, x->runs.end);
    if (!done && why.class == ERR_INTERRUPTED) {
        *e = why;
        return FAILED;
    }
    if (!done) { /* it helps, nothing more */
        (void)snprintf(line, sizeof line, "the index of rows cannot be kept: %.150s", why.message);
        progress->say(progress->context, line);
    }
    indexruns_fini(&x->runs);
    return indexruns_load(place, &x->runs, e);
}

status entityindex_open(const struct entityindex_place *place, const struct progress *progress,
                        struct entityindex **out, err *e)
{
    OWNED(entityindex) struct entityindex *x = calloc(1, sizeof *x);
    if (x == NULL)
        return err_no_memory(e);
    TRY(indexruns_load(place, &x->runs, e));
    TRY(make_much(place, x, progress, e));
    TRY(read_tail(x, place, progress, e));
    *out = x;
    x = NULL;
    return DONE;
}

void entityindex_close(struct entityindex *x)
{
    if (x == NULL)
        return;
    indexruns_fini(&x->runs);
    pairsort_fini(&x->tail);
    free(x);
}

status entityindex_find(struct entityindex *x, const uuid *entity, struct seqlist *out, err *e)
{
    const uint64_t hash = entitykey_hash(entity);
    for (size_t i = 0; i < x->runs.count; i++)
        TRY(hashrun_find(x->runs.run[i].run, hash, out, e));
    return pairsort_find(&x->tail, hash, out, e);
}

uint64_t entityindex_end(const struct entityindex *x)
{
    return x->end;
}
