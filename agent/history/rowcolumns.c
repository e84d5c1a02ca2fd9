#include "agent/history/rowcolumns.h"

#include "agent/restore/fold/shapes.h"
#include "agent/restore/fold/source.h"

struct walk {
    struct shapes *shapes;
    struct source *source;
    struct source_action next; /* a DDL action that was not taken yet */
    bool end;
};

static void walk_fini(struct walk *w)
{
    source_close(w->source);
    shapes_free(w->shapes);
}
OWN_VALUE(walk, walk_fini);

/* The shapes as they are before `seq`. */
static status reach(struct walk *w, uint64_t seq, err *e)
{
    while (!w->end && w->next.seq < seq) {
        TRY(shapes_reach(w->shapes, w->next.seq, e));
        if (w->next.action.kind == ACTION_DDL)
            TRY(shapes_ddl(w->shapes, w->next.action.content, e));
        TRY(source_next(w->source, &w->next, &w->end, e));
    }
    return shapes_reach(w->shapes, seq, e);
}

/* The history's own copy of a relation. */
static struct relation *own_relation(const struct rowhistory *r, const struct relation *of)
{
    for (size_t i = 0; i < r->relations; i++)
        if (r->relation[i] == of)
            return r->relation[i];
    return NULL;
}

static status resolve(struct walk *w, const struct rowhistory *r, const struct rowevent *ev, err *e)
{
    uint16_t attnum[RELATION_COLUMNS_MAX];
    struct relation *mine = own_relation(r, ev->relation);
    TRY(reach(w, ev->seq, e));
    if (!shapes_resolve(w->shapes, mine, attnum))
        return DONE;
    for (uint16_t i = 0; i < mine->column_count; i++)
        mine->columns[i].attnum = attnum[i];
    return DONE;
}

status rowcolumns_resolve(struct history *h, const struct plan *p, struct rowhistory *r, err *e)
{
    OWNED(seqlist) struct seqlist ddl = {0};
    OWNED(walk) struct walk w = {0};
    const uuid name = UUID_NIL;
    const uint64_t base = p->chain->link[p->base].commit->header->last_seq;
    const struct source_options options = {.chain = p->chain,
                                           .base = p->base,
                                           .log = p->log,
                                           .tiers = ~0u,
                                           .only = &ddl,
                                           .recent = SOURCE_LOG_RECENT};
    TRY(history_find(h, &name, &ddl, e));
    seqlist_sort(&ddl);
    if (ddl.count == 0 || !p->followed)
        return DONE; /* names do not change */
    TRY(shapes_new(p->base_schema, &p->versions, &w.shapes, e));
    TRY(source_open(&options, &w.source, e));
    TRY(source_next(w.source, &w.next, &w.end, e));
    for (size_t i = 0; i < r->count; i++)
        if (!r->event[i].base && r->event[i].relation != NULL && r->event[i].seq > base)
            TRY(resolve(&w, r, &r->event[i], e));
    return DONE;
}
