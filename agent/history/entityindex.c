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

/* Adds until the memory for pairs is full, or there are no more actions. */
static status fill(struct pairs *p, uint64_t to, const struct progress *progress, bool *end, err *e)
{
    for (uint64_t n = 0; !pairsort_is_full(p->sort); n++) {
        struct source_action a;
        TRY(source_next(p->source, &a, end, e));
        if (*end)
            return DONE;
        if (!add(p, &a, e).ok)
            return err_wrap(e, "seq %" PRIu64, a.seq);
        if (n % TELL_EVERY == 0)
            progress->step(progress->context, "index", a.seq, to);
        if (n % STOP_EVERY == 0 && progress_stopped(progress))
            return err_set(e, ERR_INTERRUPTED, "making the index of rows was interrupted");
    }
    return DONE;
}

/* ---- runs ---- */

static status merge_last(struct indexruns *r, err *e)
{
    struct indexrun *a = &r->run[r->count - 2], *b = &r->run[r->count - 1];
    struct hashrun_head head = *hashrun_head(b->run);
    struct hashrun *const both[] = {a->run, b->run};
    head.first = hashrun_head(a->run)->first;
    char *path = indexruns_path(r, head.first, head.last);
    if (path == NULL)
        return err_no_memory(e);
    OWNED(text) char *mine = path;
    TRY(pairsort_merge(both, 2, path, &head, e));
    for (struct indexrun *old = a; old <= b; old++) {
        TRY(io_unlink(old->path, e));
        free(old->path);
        hashrun_close(old->run);
        *old = (struct indexrun){0};
    }
    r->count -= 2;
    mine = NULL;
    return indexruns_append(r, path, e);
}

static uint64_t pairs_of(const struct indexruns *r, size_t from_end)
{
    return hashrun_head(r->run[r->count - from_end].run)->pairs;
}

static status write_run(struct pairs *p, struct indexruns *r, err *e)
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
    while (r->count > 1 && pairs_of(r, 2) < 2 * pairs_of(r, 1))
        TRY(merge_last(r, e));
    return DONE;
}

static status lock(const struct datadir *d, struct io_lock **out, err *e)
{
    OWNED(text) char *path = io_join(d->root, "index.lock");
    if (path == NULL)
        return err_no_memory(e);
    return io_lock(path, true, out, e);
}

status entityindex_make(const struct entityindex_place *place, uint64_t least,
                        const struct progress *progress, uint64_t *made, err *e)
{
    OWNED(io_lock) struct io_lock *held = NULL;
    OWNED(indexruns) struct indexruns r = {0};
    OWNED(pairsort) struct pairsort sort = {0};
    OWNED(pairs) struct pairs p = {0};
    bool end = false;
    *made = 0;
    TRY(lock(place->d, &held, e));
    TRY(indexruns_load(place, &r, e));
    if (r.end < r.reach + least || r.end == r.reach)
        return DONE;
    TRY(io_make_dir(r.dir, e));
    TRY(indexruns_tidy(&r, e));
    TRY(begin(&p, place, r.reach + 1, &sort, e));
    while (!end) {
        TRY(fill(&p, r.end, progress, &end, e));
        if (p.last == r.reach)
            break;
        *made += p.last - r.reach;
        TRY(write_run(&p, &r, e));
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
