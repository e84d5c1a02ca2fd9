#include "agent/restore/filter/membership.h"

/* ---- which table is of which wave ---- */

static bool counts(const struct membership *m, const struct fkgraph_edge *edge)
{
    return !m->table[edge->from].outside;
}

/* Does any part of what the key leads to have a wave between these? */
static bool leads_to(const struct membership *m, const struct fkgraph_edge *edge, unsigned from, unsigned to)
{
    const struct fkgraph_target *t = &m->graph->target[edge->target];
    for (size_t i = 0; i < t->part_count; i++) {
        const struct member_table *part = &m->table[t->part[i]];
        if (!part->outside && part->wave >= from && part->wave <= to)
            return true;
    }
    return false;
}

/* Tables without a wave that lead to one that has one get `wave`. */
static bool spread_down(struct membership *m, unsigned wave)
{
    bool any = false, more = true;
    while (more) {
        more = false;
        for (size_t i = 0; i < m->graph->edge_count; i++) {
            const struct fkgraph_edge *edge = &m->graph->edge[i];
            struct member_table *t = &m->table[edge->from];
            if (t->wave != 0 || !counts(m, edge) || !leads_to(m, edge, 1, wave))
                continue;
            t->wave = wave;
            t->down = true;
            any = more = true;
        }
    }
    return any;
}

/* Tables without a wave that one that has a wave leads to get `wave`. */
static bool spread_up(struct membership *m, unsigned wave)
{
    bool any = false, more = true;
    while (more) {
        more = false;
        for (size_t i = 0; i < m->graph->edge_count; i++) {
            const struct fkgraph_edge *edge = &m->graph->edge[i];
            const struct fkgraph_target *target = &m->graph->target[edge->target];
            for (size_t k = 0; m->table[edge->from].wave != 0 && counts(m, edge) && k < target->part_count;
                 k++) {
                struct member_table *part = &m->table[target->part[k]];
                if (part->wave != 0 || part->outside)
                    continue;
                part->wave = wave;
                any = more = true;
            }
        }
    }
    return any;
}

void membership_order(struct membership *m)
{
    m->waves = 1;
    for (;;) {
        const bool down = spread_down(m, m->waves + 1);
        m->waves += down;
        const bool up = spread_up(m, m->waves + 1);
        m->waves += up;
        if (!down && !up)
            return;
    }
}

/* ---- keys ---- */

struct indexing {
    struct membership *m;
    size_t table, target;
    uint16_t place[FKGRAPH_COLUMNS];
};

static status index_row(void *context, struct markedrows *s, uint64_t row, struct bytes line, err *e)
{
    struct indexing *x = context;
    (void)line;
    const struct fkgraph_target *t = &x->m->graph->target[x->target];
    if (!markedrows_key(s, x->place, t->count, &x->m->key))
        return buf_done(&x->m->key, e);
    return keyindex_put(x->m->index, x->target, buf_view(&x->m->key), (struct keyindex_row){x->table, row},
                        e);
}

static status index_keys(struct membership *m, err *e)
{
    for (size_t target = 0; target < m->graph->target_count; target++) {
        const struct fkgraph_target *t = &m->graph->target[target];
        for (size_t i = 0; i < t->part_count; i++) {
            struct indexing x = {.m = m, .table = t->part[i], .target = target};
            struct member_table *part = &m->table[x.table];
            if (part->wave == 0 || !part->here || part->outside)
                continue;
            if (!fkgraph_places(m->graph, t, x.table, x.place))
                return err_set(e, ERR_SCHEMA, "%s.%s lacks a column that a foreign key leads to",
                               part->rows.table->schema, part->rows.table->name);
            TRY(markedrows_each(&part->rows, index_row, &x, e));
        }
    }
    return keyindex_ready(m->index, e);
}

/* Are there rows to look up at all? */
static bool is_here(const struct membership *m, const struct fkgraph_edge *edge)
{
    const struct fkgraph_target *t = &m->graph->target[edge->target];
    for (size_t i = 0; i < t->part_count; i++)
        if (m->table[t->part[i]].here)
            return true;
    return false;
}

/* The row that a key of the row at hand leads to. */
enum led { LED_NOWHERE, LED_ASTRAY, LED_THERE };
static status follow(struct membership *m, const struct markedrows *s, const struct fkgraph_edge *edge,
                     enum led *led, struct keyindex_row *to, err *e)
{
    bool found = false;
    *led = LED_NOWHERE;
    if (!markedrows_key(s, edge->column, edge->count, &m->key))
        return buf_done(&m->key, e);
    if (is_here(m, edge))
        TRY(keyindex_find(m->index, edge->target, buf_view(&m->key), to, &found, e));
    *led = found ? LED_THERE : LED_ASTRAY;
    return DONE;
}

/* ---- down: a row that leads to a foreign one is foreign ---- */

struct passing {
    struct membership *m;
    size_t table;
    unsigned wave;
    bool changed;
};

/* What the row's keys say. */
struct evidence {
    bool foreign, ours, astray;
};

static status gather_evidence(struct passing *p, struct markedrows *s, unsigned to, struct evidence *out,
                              err *e)
{
    const struct fkgraph *g = p->m->graph;
    *out = (struct evidence){0};
    for (size_t i = 0; i < g->edge_count; i++) {
        const struct fkgraph_edge *edge = &g->edge[i];
        struct keyindex_row at;
        enum led led;
        if (edge->from != p->table || !leads_to(p->m, edge, 1, to))
            continue;
        TRY(follow(p->m, s, edge, &led, &at, e));
        const struct markedrows *to_rows = led == LED_THERE ? &p->m->table[at.table].rows : NULL;
        const bool foreign = to_rows != NULL && markedrows_has(to_rows, MARKEDROWS_FOREIGN, at.row);
        out->foreign |= foreign;
        out->ours |= to_rows != NULL && !foreign &&
                     (markedrows_has(to_rows, MARKEDROWS_OURS, at.row) ||
                      markedrows_has(to_rows, MARKEDROWS_WANTED, at.row));
        out->astray |= led == LED_ASTRAY;
    }
    return DONE;
}

static status judge_row(void *context, struct markedrows *s, uint64_t row, struct bytes line, err *e)
{
    struct passing *p = context;
    struct evidence seen;
    (void)line;
    if (markedrows_has(s, MARKEDROWS_FOREIGN, row))
        return DONE;
    TRY(gather_evidence(p, s, p->wave, &seen, e));
    if (seen.ours)
        p->changed |= markedrows_set(s, MARKEDROWS_OURS, row);
    if (!seen.foreign)
        return DONE;
    p->m->table[p->table].torn += markedrows_has(s, MARKEDROWS_OURS, row);
    p->changed |= markedrows_set(s, MARKEDROWS_FOREIGN, row);
    return DONE;
}

/* When all of the wave is known: what leads to nothing that is there, and to nothing of ours, is somebody's
 * whom we do not know. */
static status lose_row(void *context, struct markedrows *s, uint64_t row, struct bytes line, err *e)
{
    struct passing *p = context;
    struct evidence seen;
    (void)line;
    if (markedrows_has(s, MARKEDROWS_FOREIGN, row) || markedrows_has(s, MARKEDROWS_OURS, row))
        return DONE;
    TRY(gather_evidence(p, s, p->wave, &seen, e));
    if (!seen.astray)
        return DONE;
    p->m->table[p->table].dangling++;
    p->changed |= markedrows_set(s, MARKEDROWS_FOREIGN, row);
    return DONE;
}

static void set_stale(struct membership *m, unsigned wave)
{
    for (size_t i = 0; i < m->count; i++)
        m->table[i].stale = m->table[i].wave == wave && m->table[i].here;
}

/* Tables of the wave that lead to this one. */
static void stale_children(struct membership *m, size_t table, unsigned wave)
{
    for (size_t i = 0; i < m->graph->edge_count; i++) {
        const struct fkgraph_edge *edge = &m->graph->edge[i];
        const struct fkgraph_target *t = &m->graph->target[edge->target];
        struct member_table *child = &m->table[edge->from];
        for (size_t k = 0; k < t->part_count; k++)
            child->stale |= t->part[k] == table && child->wave == wave && child->here;
    }
}

/* Until nothing changes any more. `down`: rows depend on those they lead to. */
static status until_settled(struct membership *m, unsigned wave, markedrows_visit *visit, bool down, err *e)
{
    bool any = true;
    set_stale(m, wave);
    while (any) {
        any = false;
        for (size_t i = 0; i < m->count; i++) {
            struct passing p = {.m = m, .table = i, .wave = wave};
            if (!m->table[i].stale)
                continue;
            any = true;
            m->table[i].stale = false;
            TRY(markedrows_each(&m->table[i].rows, visit, &p, e));
            if (down && p.changed)
                stale_children(m, i, wave);
        }
    }
    return DONE;
}

/* ---- up: a row that only foreign ones lead to is foreign ---- */

static void mark_parent(const struct passing *p, struct keyindex_row at, bool wanted, bool reached)
{
    struct member_table *parent = &p->m->table[at.table];
    if (wanted)
        parent->stale |= markedrows_set(&parent->rows, MARKEDROWS_WANTED, at.row);
    if (reached)
        parent->stale |= markedrows_set(&parent->rows, MARKEDROWS_REACHED, at.row);
}

/* Marks those of the wave that the row leads to; p->wave is theirs. */
static status mark_parents(struct passing *p, struct markedrows *s, bool wanted, bool reached, err *e)
{
    const struct fkgraph *g = p->m->graph;
    for (size_t i = 0; i < g->edge_count && (wanted || reached); i++) {
        const struct fkgraph_edge *edge = &g->edge[i];
        struct keyindex_row at;
        enum led led;
        if (edge->from != p->table || !leads_to(p->m, edge, p->wave, p->wave))
            continue;
        TRY(follow(p->m, s, edge, &led, &at, e));
        if (led == LED_THERE)
            mark_parent(p, at, wanted, reached);
    }
    return DONE;
}

static status mark_from_below(void *context, struct markedrows *s, uint64_t row, struct bytes line, err *e)
{
    const bool foreign = markedrows_has(s, MARKEDROWS_FOREIGN, row);
    (void)line;
    return mark_parents(context, s, !foreign, foreign, e);
}

static status mark_inside(void *context, struct markedrows *s, uint64_t row, struct bytes line, err *e)
{
    (void)line;
    return mark_parents(context, s, markedrows_has(s, MARKEDROWS_WANTED, row),
                        markedrows_has(s, MARKEDROWS_REACHED, row), e);
}

static status mark_up(struct membership *m, unsigned wave, err *e)
{
    for (size_t i = 0; i < m->count; i++) {
        struct passing p = {.m = m, .table = i, .wave = wave};
        const struct member_table *t = &m->table[i];
        if (t->wave != 0 && t->wave < wave && t->here && !t->outside)
            TRY(markedrows_each(&m->table[i].rows, mark_from_below, &p, e));
    }
    TRY(until_settled(m, wave, mark_inside, false, e));
    for (size_t i = 0; i < m->count; i++) {
        struct markedrows *s = &m->table[i].rows;
        for (uint64_t row = 0; m->table[i].wave == wave && m->table[i].here && row < s->rows; row++)
            if (markedrows_has(s, MARKEDROWS_REACHED, row) && !markedrows_has(s, MARKEDROWS_WANTED, row))
                (void)markedrows_set(s, MARKEDROWS_FOREIGN, row);
    }
    return DONE;
}

/* ---- all ---- */

static status lose_rows(struct membership *m, unsigned wave, bool *lost, err *e)
{
    for (size_t i = 0; i < m->count; i++) {
        struct passing p = {.m = m, .table = i, .wave = wave};
        if (m->table[i].wave == wave && m->table[i].here)
            TRY(markedrows_each(&m->table[i].rows, lose_row, &p, e));
        *lost |= p.changed;
    }
    return DONE;
}

static bool is_down(const struct membership *m, unsigned wave)
{
    for (size_t i = 0; i < m->count; i++)
        if (m->table[i].wave == wave)
            return m->table[i].down;
    return true;
}

status membership_mark(struct membership *m, err *e)
{
    TRY(index_keys(m, e));
    for (unsigned wave = 2; wave <= m->waves; wave++) {
        if (!is_down(m, wave))
            TRY(mark_up(m, wave, e));
        TRY(until_settled(m, wave, judge_row, true, e));
        if (is_down(m, wave)) {
            bool lost = false;
            TRY(lose_rows(m, wave, &lost, e));
            if (lost)
                TRY(until_settled(m, wave, judge_row, true, e));
        }
    }
    return DONE;
}
