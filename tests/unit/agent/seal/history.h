/*
 * history: random changes of tables of all sorts, logged and sealed as capture and the sealer would, next to
 * the most naive model of the same tables; and what a restore would fold from the chain.
 */
#ifndef PGSTRAND_HISTORY_H
#define PGSTRAND_HISTORY_H

#include "tests/unit/agent/restore/fold/foldmodel.h"
#include "tests/unit/agent/seal/shop.h"

#include "agent/restore/fold/source.h"
#include "agent/seal/netchanges.h"

#define HISTORY_TABLES 4

static const uint16_t history_first[] = {0}, history_apart[] = {0, 2};
static const struct {
    struct fold_shape shape;
    enum tier tier;
} history_table[HISTORY_TABLES] = {
    {{"public.keyed", MODEL_COLUMNS, 1, history_first}, TIER_BUSINESS},
    {{"public.apart", MODEL_COLUMNS, 2, history_apart}, TIER_AUDIT},
    {{"public.counted", MODEL_COLUMNS, 0, NULL}, TIER_BUSINESS},
    {{"public.own", MODEL_COLUMNS, 1, history_first}, TIER_DEVICE},
};

struct history {
    struct shop shop;
    struct model model[HISTORY_TABLES];
    uint32_t version[HISTORY_TABLES];
    uuid id[HISTORY_TABLES];
    struct buf base[HISTORY_TABLES]; /* rows in the FULL's place */
    uint64_t pending;                /* actions of the transaction in progress */
};

static inline uint32_t history_relation(struct history *h, size_t table, const char *last_column)
{
    err e = ERR_INIT;
    const struct fold_shape *s = &history_table[table].shape;
    struct column columns[MODEL_COLUMNS] = {
        {.name = "a"}, {.name = "b"}, {.name = "c"}, {.name = last_column}};
    struct relation r = {.oid = (uint32_t)table + 100,
                         .schema = "public",
                         .name = strchr(s->label, '.') + 1,
                         .replica_identity = s->key_count == 0 ? 'f' : 'd',
                         .tier = history_table[table].tier,
                         .column_count = MODEL_COLUMNS,
                         .columns = columns};
    uint32_t version = 0;
    for (size_t i = 0; i < MODEL_COLUMNS; i++) {
        columns[i].type = 25;
        columns[i].typmod = -1;
    }
    for (size_t i = 0; i < s->key_count; i++)
        columns[s->key[i]].key = true;
    assert_done(relation_table_uuid(&h->shop.d->identity.dataset, r.schema, r.name, &r.table, &e), &e);
    assert_done(logwriter_relation(h->shop.log, &r, &version, &e), &e);
    h->id[table] = r.table;
    return version;
}

/* A listener for the model of one table. */
struct history_ear {
    struct history *h;
    size_t table;
};

static inline void history_hear(void *context, const struct action *a)
{
    const struct history_ear *ear = context;
    err e = ERR_INIT;
    struct action own = *a;
    own.relation = ear->h->version[ear->table];
    assert_done(logwriter_put(ear->h->shop.log, &own, ear->h->shop.next_lsn, &e), &e);
    ear->h->pending++;
}

/* One table, or one together with the next. */
static inline void history_truncate(struct history *h, size_t table, size_t count)
{
    uint32_t versions[2];
    for (size_t n = 0; n < count; n++) {
        size_t at = (table + n) % HISTORY_TABLES;
        versions[n] = h->version[at];
        model_empty(&h->model[at]);
    }
    shop_truncate(&h->shop, versions, count);
    h->pending++;
}

static inline void history_note(struct history *h)
{
    err e = ERR_INIT;
    const struct action a = {
        .kind = ACTION_MESSAGE, .prefix = bytes_text("note"), .content = bytes_text("hello")};
    assert_done(logwriter_put(h->shop.log, &a, h->shop.next_lsn, &e), &e);
    h->pending++;
}

/* Not yet on disk: that is for history_seal. */
static inline void history_commit(struct history *h)
{
    if (h->pending > 0)
        shop_end(&h->shop);
    h->pending = 0;
}

/* Seals what was committed. */
static inline void history_seal(struct history *h, Pgstrand__SnapshotType type)
{
    err e = ERR_INIT;
    OWNED(seal_result) struct seal_result sealed = {0};
    assert_done(logwriter_flush(h->shop.log, &e), &e);
    assert_done(shop_seal(&h->shop, type, NULL, &sealed, &e), &e);
}

static inline void history_step(struct history *h)
{
    struct model *dice = &h->model[0];
    size_t table = model_random(dice, HISTORY_TABLES);
    struct history_ear ear = {h, table};
    const struct model_listener log = {&ear, history_hear};
    struct model *m = &h->model[table];
    uint64_t kind = model_random(dice, 3000);
    if (kind < 3)
        history_truncate(h, table, 1 + model_random(dice, 2));
    else if (kind < 30)
        history_note(h);
    else if (kind < 700)
        (void)model_create(m, &log);
    else if (kind < 1200)
        model_delete(m, &log);
    else
        model_update(m, &log, m->shape.key_count > 0 && kind < 1900);
    if (model_random(dice, 6) == 0)
        history_commit(h);
}

static inline struct history *history_begin(uint64_t seed)
{
    struct history *h = calloc(1, sizeof *h);
    assert_non_null(h);
    shop_open(&h->shop);
    for (size_t t = 0; t < HISTORY_TABLES; t++) {
        h->model[t].shape = history_table[t].shape;
        h->model[t].random = seed * 7 + t;
        h->version[t] = history_relation(h, t, "d");
        for (size_t i = 0; i < MODEL_ROWS / 4; i++)
            model_line(model_create(&h->model[t], NULL), &h->base[t]);
    }
    return h;
}

static inline void history_end(struct history *h)
{
    shop_close(&h->shop);
    for (size_t t = 0; t < HISTORY_TABLES; t++)
        buf_fini(&h->base[t]);
    free(h);
}
OWN_POINTER(history, history_end);

/* ---- what a restore makes of the chain ---- */

struct history_state {
    struct model_lines table[HISTORY_TABLES]; /* sorted */
    uint64_t actions;                         /* folded */
};

static inline void history_state_fini(struct history_state *s)
{
    for (size_t t = 0; t < HISTORY_TABLES; t++)
        model_lines_fini(&s->table[t]);
}
OWN_VALUE(history_state, history_state_fini);

static inline status history_base(void *context, struct bytes *lines, bool *end, err *e)
{
    struct reader *left = context;
    (void)e;
    *end = left->left == 0;
    *lines = reader_bytes(left, left->left);
    return DONE;
}

static inline size_t history_table_of(const struct history *h, const struct relation *r)
{
    size_t t = 0;
    while (memcmp(&h->id[t], &r->table, sizeof r->table) != 0)
        assert_true(++t < HISTORY_TABLES);
    return t;
}

static inline void history_fold_one(const struct history *h, struct fold *f, struct source *from,
                                    const struct source_action *a)
{
    err e = ERR_INIT;
    if (a->relation != NULL)
        assert_done(fold_action(f, history_table_of(h, a->relation), a->seq, &a->action, &e), &e);
    struct reader versions = reader_over(a->action.truncated);
    for (uint32_t v = action_next_truncated(&versions); v != 0; v = action_next_truncated(&versions)) {
        const struct relation *r = NULL;
        assert_done(source_relation(from, v, &r, &e), &e);
        fold_truncate(f, history_table_of(h, r));
    }
}

/* Base and actions up to `stop`, read through the DIFFERENTIAL `shortcut` (0: none); with `net` only those
 * that it needs. */
static inline void history_fold(const struct history *h, const struct chain *chain, size_t shortcut,
                                uint64_t stop, struct netchanges *net, struct history_state *out)
{
    err e = ERR_INIT;
    const struct source_options options = {.chain = chain, .tiers = ~0u, .shortcut = shortcut};
    const struct fold_options memory = {.memory = 1 << 24, .dir = h->shop.scratch.dir, .emitters = 1};
    OWNED(source) struct source *from = NULL;
    OWNED(fold) struct fold *f = NULL;
    uint64_t last = 0;
    assert_done(fold_new(&memory, &f, &e), &e);
    for (size_t t = 0; t < HISTORY_TABLES; t++)
        assert_done(fold_table(f, &history_table[t].shape, &e), &e);
    assert_done(source_open(&options, &from, &e), &e);
    for (;;) {
        struct source_action a;
        bool end = false, needed = true;
        assert_done(source_next(from, &a, &end, &e), &e);
        if (end || a.seq > stop)
            break;
        assert_true(a.seq >= last); /* a TRUNCATE comes once for each tier */
        last = a.seq;
        if (net != NULL)
            assert_done(netchanges_needs(net, from, &a, &needed, &e), &e);
        if (!needed)
            continue;
        out->actions++;
        history_fold_one(h, f, from, &a);
    }
    for (size_t t = 0; t < HISTORY_TABLES; t++) {
        struct reader lines = reader_over(buf_view(&h->base[t]));
        const struct fold_source base = {&lines, history_base};
        const struct fold_sink sink = {&out->table[t], model_collect};
        struct table_digest expected = {0};
        assert_done(fold_emit(f, t, &base, NULL, &sink, &expected, &e), &e);
        if (out->table[t].count > 0)
            qsort(out->table[t].line, out->table[t].count, sizeof *out->table[t].line, model_compare);
    }
}

static inline void history_same(const struct history_state *a, const struct history_state *b)
{
    for (size_t t = 0; t < HISTORY_TABLES; t++) {
        assert_int_equal(a->table[t].count, b->table[t].count);
        for (size_t i = 0; i < a->table[t].count; i++)
            assert_string_equal(a->table[t].line[i], b->table[t].line[i]);
    }
}

/* The state that the models have now. */
static inline void history_truth(const struct history *h, struct history_state *out)
{
    struct table_digest digest = {0};
    for (size_t t = 0; t < HISTORY_TABLES; t++)
        model_rows(&h->model[t], &out->table[t], &digest);
}

#endif
