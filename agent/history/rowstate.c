#include "agent/history/rowstate.h"

#include "agent/history/baseindex.h"
#include "agent/history/entitykey.h"
#include "agent/restore/fold/gather.h"
#include "agent/restore/fold/source.h"
#include "agent/restore/fold/spillfile.h"
#include "agent/restore/fold/stages.h"
#include "agent/restore/plan/plantable.h"
#include "store/io.h"

#define ROWS_MAX 50000 /* looked up one by one; beyond, reading everything is not dearer */

struct state {
    struct history *h;
    const struct rowstate_request *request;
    struct plan *plan;
    struct fold *fold;
    struct rowset set; /* the request's, and rows whose key became, or was, another */
    struct seqlist only;
    struct seqlist *frames; /* by the plan's tables */
    struct buf scratch;
    const struct plan_table *emitting;
};

static void state_fini(struct state *s)
{
    for (size_t i = 0; s->frames != NULL && i < s->plan->count; i++)
        seqlist_fini(&s->frames[i]);
    free(s->frames);
    fold_free(s->fold);
    rowset_fini(&s->set);
    seqlist_fini(&s->only);
    buf_fini(&s->scratch);
}
OWN_VALUE(state, state_fini);

/* ---- which tables come, and whether the index can tell ---- */

static bool same_key(const Pgstrand__Table *a, const Pgstrand__Table *b)
{
    uint16_t one[RELATION_COLUMNS_MAX], other[RELATION_COLUMNS_MAX];
    const uint16_t count = entitykey_columns(a, one);
    if (count != entitykey_columns(b, other))
        return false;
    for (uint16_t i = 0; i < count; i++)
        if (plantable_attnum(a, one[i]) != plantable_attnum(b, other[i]))
            return false;
    return true;
}

/* Was the key the same in all versions of the schema between base and target? */
static bool key_stayed(const struct plan *p, const struct plan_table *t)
{
    if (t->base != NULL && !same_key(t->base, t->message))
        return false;
    for (size_t i = 0; i < p->versions.count; i++) {
        const Pgstrand__SchemaVersion *v = p->versions.version[i];
        const Pgstrand__Table *m = versions_table(v->schema, t->message->oid);
        if (versionbook_seq(v) <= p->schema_seq && m != NULL && !same_key(m, t->message))
            return false;
    }
    return true;
}

static status choose_tables(struct state *s, bool *indexed, err *e)
{
    *indexed = s->request->set->count <= ROWS_MAX;
    for (size_t i = 0; i < s->plan->count; i++) {
        struct plan_table *t = &s->plan->table[i];
        uuid id;
        TRY(entitykey_table(t->message, &id, e));
        const struct rowset_table *wanted = rowset_find_table(s->request->set, &id);
        t->comes = t->comes && wanted != NULL && plantable_is_keyed(t->message);
        if (t->comes && (wanted->whole || !key_stayed(s->plan, t)))
            *indexed = false;
    }
    return DONE;
}

/* ---- the seqs of rows, and of those whose key they had ---- */

/* Actions among `seqs` that gave a row of the table another key. */
static status find_moves(struct state *s, const uuid *table, const struct seqlist *seqs, struct seqlist *out,
                         err *e)
{
    OWNED(seqlist) struct seqlist moves = {0};
    uuid name;
    TRY(entitykey_moves(table, &name, e));
    TRY(history_find(s->h, &name, &moves, e));
    for (size_t i = 0; i < moves.count; i++)
        if (seqlist_has(seqs, moves.seq[i]))
            TRY(seqlist_add(out, moves.seq[i], e));
    return DONE;
}

static status add_partner(struct state *s, const struct source_action *a, err *e)
{
    uuid now, before;
    bool found = false;
    uint32_t table;
    size_t place;
    if (!relation_is_keyed(a->relation))
        return DONE;
    TRY(entitykey_of_action(a->relation, &a->action, &s->h->d->identity.dataset, &s->scratch, &now, &before,
                            &found, e));
    if (!found || uuid_is_nil(&before))
        return DONE;
    TRY(rowset_table(&s->set, &a->relation->table, &table, e));
    TRY(rowset_row(&s->set, table, &now, &place, e));
    return rowset_row(&s->set, table, &before, &place, e);
}

static status add_partners(struct state *s, struct seqlist *moves, err *e)
{
    OWNED(source) struct source *source = NULL;
    seqlist_sort(moves);
    const struct source_options options = {.chain = s->h->place.chain,
                                           .base = s->plan->base,
                                           .log = s->h->place.log,
                                           .tiers = ~0u,
                                           .only = moves,
                                           .recent = SOURCE_LOG_RECENT};
    if (moves->count == 0)
        return DONE;
    TRY(source_open(&options, &source, e));
    for (;;) {
        struct source_action a;
        bool end = false;
        TRY(source_next(source, &a, &end, e));
        if (end)
            return DONE;
        if (a.relation != NULL)
            TRY(add_partner(s, &a, e));
    }
}

/* Round by round: keys that are only found in the round before. */
static status find_seqs(struct state *s, err *e)
{
    size_t done = 0;
    while (done < s->set.count) {
        OWNED(seqlist) struct seqlist round = {0};
        OWNED(seqlist) struct seqlist moves = {0};
        for (; done < s->set.count; done++)
            TRY(history_find(s->h, &s->set.row[done].entity, &round, e));
        seqlist_sort(&round);
        for (uint32_t i = 0; i < s->set.tables; i++)
            TRY(find_moves(s, &s->set.table[i].id, &round, &moves, e));
        for (size_t i = 0; i < round.count; i++)
            TRY(seqlist_add(&s->only, round.seq[i], e));
        TRY(add_partners(s, &moves, e));
    }
    const uuid ddl = UUID_NIL;
    TRY(history_find(s->h, &ddl, &s->only, e));
    for (uint32_t i = 0; i < s->set.tables; i++)
        TRY(history_find(s->h, &s->set.table[i].id, &s->only, e));
    seqlist_sort(&s->only);
    return DONE;
}

static status find_frames(struct state *s, err *e)
{
    OWNED(baseindex) struct baseindex *base = NULL;
    TRY(baseindex_open(s->h->d, &s->plan->chain->link[s->plan->base], s->h->progress, &base, e));
    for (size_t k = 0; k < s->plan->count; k++) {
        struct plan_table *t = &s->plan->table[k];
        uuid id;
        if (!t->comes || t->base == NULL || t->base_link != s->plan->base)
            continue; /* a base of this table alone has no index: its rows are read through */
        TRY(entitykey_table(t->message, &id, e));
        for (size_t i = 0; i < s->set.count; i++)
            if (uuid_equal(&s->set.table[s->set.row[i].table].id, &id))
                TRY(baseindex_find(base, &s->set.row[i].entity, (enum tier)t->base->tier, &s->frames[k], NULL,
                                   e));
        seqlist_sort(&s->frames[k]);
        t->base_only = &s->frames[k];
    }
    return DONE;
}

static status use_index(struct state *s, err *e)
{
    for (uint32_t i = 0; i < s->request->set->tables; i++) {
        uint32_t number;
        TRY(rowset_table(&s->set, &s->request->set->table[i].id, &number, e));
    }
    for (size_t i = 0; i < s->request->set->count; i++) {
        const struct rowset_row *row = &s->request->set->row[i];
        size_t place;
        TRY(rowset_row(&s->set, row->table, &row->entity, &place, e));
    }
    TRY(find_seqs(s, e));
    s->plan->only = &s->only;
    return find_frames(s, e);
}

/* ---- out ---- */

static status take_line(struct state *s, struct bytes line, err *e)
{
    const struct plan_table *t = s->emitting;
    uuid entity, table;
    TRY(entitykey_of_line(t->message, line, &s->h->d->identity.dataset, &s->scratch, &entity, e));
    TRY(entitykey_table(t->message, &table, e));
    const struct rowset_row *row = rowset_find(s->request->set, &entity);
    if (!rowset_find_table(s->request->set, &table)->whole && (row == NULL || !row->asked))
        return DONE;
    return s->request->sink(s->request->context, s->plan, t, &entity, line, e);
}

static status take_lines(void *context, struct bytes lines, err *e)
{
    const uint8_t *end = lines.data + lines.len;
    for (const uint8_t *at = lines.data; at < end;) {
        const uint8_t *stop = memchr(at, '\n', (size_t)(end - at));
        if (stop == NULL)
            return err_set(e, ERR_STORAGE, "a row ends without its line end");
        TRY(take_line(context, bytes_of(at, (size_t)(stop - at)), e));
        at = stop + 1;
    }
    return DONE;
}

static status emit(struct state *s, err *e)
{
    const struct fold_sink sink = {s, take_lines};
    for (size_t i = 0; i < s->plan->count; i++) {
        struct table_digest ignored = {0};
        struct plan_table *t = &s->plan->table[i];
        if (!t->comes)
            continue;
        s->emitting = t;
        TRY(stages_emit(s->plan, s->fold, t, s->h->d->spool, &sink, &ignored, e));
    }
    return DONE;
}

status rowstate_at(struct history *h, const struct rowstate_request *request, struct plan **plan, err *e)
{
    const struct fold_options options = {
        .memory = (size_t)(h->d->config->restore_memory / 3 * 2), .dir = h->d->spool, .emitters = 1};
    OWNED(state) struct state s = {.h = h, .request = request};
    bool indexed = false;
    TRY(history_plan(h, request->seq, request->tables, plan, e));
    s.plan = *plan;
    s.frames = calloc(s.plan->count + 1, sizeof *s.frames);
    if (s.frames == NULL)
        return err_no_memory(e);
    TRY(choose_tables(&s, &indexed, e));
    if (indexed)
        TRY(use_index(&s, e));
    else
        h->progress->say(h->progress->context, "reading all changes since the base");
    TRY(spillfile_dir(h->d->spool, e));
    TRY(fold_new(&options, &s.fold, e));
    TRY(gather_run(s.plan, s.fold, h->progress, e));
    TRY(emit(&s, e));
    for (size_t i = 0; i < s.plan->count; i++)
        s.plan->table[i].base_only = NULL;
    s.plan->only = NULL;
    return DONE;
}
