#include "tests/unit/agent/restore/fold/foldmodel.h"

#include "tests/lib/scratch.h"

/* Base rows in pieces of a few lines. */
struct base {
    struct buf lines;
    size_t at;
};

static status base_next(void *context, struct bytes *lines, bool *end, err *e)
{
    struct base *b = context;
    (void)e;
    *end = b->at == b->lines.len;
    size_t stop = b->at;
    for (unsigned n = 0; n < 5 && stop < b->lines.len; n++)
        stop = (size_t)((const uint8_t *)memchr(b->lines.data + stop, '\n', b->lines.len - stop) -
                        b->lines.data) +
               1;
    *lines = bytes_of(b->lines.data + b->at, stop - b->at);
    b->at = stop;
    return DONE;
}

static struct fold *fold_made(const char *dir, size_t memory, const struct fold_shape *shape)
{
    err e = ERR_INIT;
    struct fold *f = NULL;
    const struct fold_options options = {.memory = memory, .dir = dir, .emitters = 1};
    assert_done(fold_new(&options, &f, &e), &e);
    assert_done(fold_table(f, shape, &e), &e);
    return f;
}

/* Folds out and compares rows and digest with what they should be. */
static void expect(struct fold *f, struct base *base, const struct table_digest *base_digest,
                   const struct model *wanted)
{
    err e = ERR_INIT;
    OWNED(model_lines) struct model_lines got = {0};
    OWNED(model_lines) struct model_lines want = {0};
    struct table_digest digest = {0}, expected = {0};
    const struct fold_source source = {base, base_next};
    const struct fold_sink sink = {&got, model_collect};
    base->at = 0;
    assert_done(fold_emit(f, 0, &source, base_digest, &sink, &expected, &e), &e);
    if (got.count > 0)
        qsort(got.line, got.count, sizeof *got.line, model_compare);
    model_rows(wanted, &want, &digest);
    assert_int_equal(got.count, want.count);
    for (size_t i = 0; i < want.count; i++)
        assert_string_equal(got.line[i], want.line[i]);
    assert_true(table_digest_equal(&expected, &digest));
}

/* ---- single steps, by hand: rows are "key|value|value|large" ---- */

static const uint16_t first_column[] = {0};
static const struct fold_shape keyed = {"public.t", MODEL_COLUMNS, 1, first_column};
static const struct fold_shape multiset = {"public.m", MODEL_COLUMNS, 0, NULL};

static struct model_row row_of(const char *text)
{
    struct model_row r = {.there = true};
    char copy[4 * MODEL_TEXT];
    (void)snprintf(copy, sizeof copy, "%s", text);
    char *rest = copy;
    for (unsigned i = 0; i < MODEL_COLUMNS; i++)
        (void)snprintf(r.value[i], MODEL_TEXT, "%s", strsep(&rest, "|"));
    return r;
}

/* One action; NULL texts are absent. A value of "?" was not sent. */
static status act(struct fold *f, enum action_kind kind, char old_kind, const char *old, const char *new,
                  err *e)
{
    OWNED(buf) struct buf old_tuple = {0};
    OWNED(buf) struct buf new_tuple = {0};
    struct action a = {.kind = kind, .old_kind = old_kind};
    bool unchanged[MODEL_COLUMNS] = {false};
    if (old != NULL) {
        struct model_row r = row_of(old);
        model_tuple(&r, NULL, old_kind == 'K' ? &keyed : NULL, &old_tuple);
        a.old = buf_view(&old_tuple);
    }
    if (new != NULL) {
        struct model_row r = row_of(new);
        for (unsigned i = 0; i < MODEL_COLUMNS; i++)
            unchanged[i] = strcmp(r.value[i], "?") == 0;
        model_tuple(&r, unchanged, NULL, &new_tuple);
        a.new = buf_view(&new_tuple);
    }
    return fold_action(f, 0, &a, e);
}

struct bench {
    struct scratch place;
    struct fold *fold;
    struct base base;
    struct model wanted;
    size_t rows;
    size_t wanted_rows;
};

static void bench_fini(struct bench *b)
{
    fold_free(b->fold);
    buf_fini(&b->base.lines);
    scratch_remove(&b->place);
}
OWN_VALUE(bench, bench_fini);

static void base_row(struct bench *b, const char *text)
{
    struct model_row r = row_of(text);
    model_line(&r, &b->base.lines);
}

static void want_row(struct bench *b, const char *text)
{
    b->wanted.row[b->wanted_rows++] = row_of(text);
}

static struct bench bench_of(const struct fold_shape *shape, size_t memory)
{
    struct bench b = {.place = scratch_make()};
    b.fold = fold_made(b.place.dir, memory, shape);
    return b;
}

#define ACT(b, ...)                                               \
    do {                                                          \
        err act_e = ERR_INIT;                                     \
        assert_done(act((b)->fold, __VA_ARGS__, &act_e), &act_e); \
    } while (0)

static void each_budget(void (*check)(size_t memory))
{
    check(1);
    check(400);
    check(1 << 20);
}

static void create_update_delete(size_t memory)
{
    OWNED(bench) struct bench b = bench_of(&keyed, memory);
    base_row(&b, "1|a|b|c");
    base_row(&b, "2|a|b|c");
    base_row(&b, "3|a|b|c");
    ACT(&b, ACTION_CREATE, 0, NULL, "4|x|y|z");
    ACT(&b, ACTION_UPDATE, 0, NULL, "2|A|B|C");
    ACT(&b, ACTION_DELETE, 'K', "3|||", NULL);
    ACT(&b, ACTION_CREATE, 0, NULL, "5|x|y|z");
    ACT(&b, ACTION_DELETE, 'K', "5|||", NULL);
    want_row(&b, "1|a|b|c");
    want_row(&b, "2|A|B|C");
    want_row(&b, "4|x|y|z");
    expect(b.fold, &b.base, NULL, &b.wanted);
}

static void simple_changes(void **state)
{
    (void)state;
    each_budget(create_update_delete);
}

static void unknown_columns_of_the_base(size_t memory)
{
    OWNED(bench) struct bench b = bench_of(&keyed, memory);
    base_row(&b, "1|a|b|large1");
    base_row(&b, "2|a|b|large2");
    ACT(&b, ACTION_UPDATE, 0, NULL, "1|A||?");
    ACT(&b, ACTION_UPDATE, 0, NULL, "1|AA|?|?"); /* the earlier UPDATE knows one of them */
    ACT(&b, ACTION_UPDATE, 'K', "2|||", "7|moved|b|?");
    ACT(&b, ACTION_UPDATE, 'K', "7|||", "8|again|b|?");
    ACT(&b, ACTION_CREATE, 0, NULL, "2|new|b|small");
    want_row(&b, "1|AA||large1");
    want_row(&b, "8|again|b|large2");
    want_row(&b, "2|new|b|small");
    expect(b.fold, &b.base, NULL, &b.wanted);
}

static void unchanged_toast(void **state)
{
    (void)state;
    each_budget(unknown_columns_of_the_base);
}

static void keys_swap(size_t memory)
{
    OWNED(bench) struct bench b = bench_of(&keyed, memory);
    base_row(&b, "1|a|b|large1");
    base_row(&b, "2|a|b|large2");
    ACT(&b, ACTION_UPDATE, 'K', "1|||", "0|one|b|?");
    ACT(&b, ACTION_UPDATE, 'K', "2|||", "1|two|b|?");
    ACT(&b, ACTION_UPDATE, 'K', "0|||", "2|one|b|?");
    want_row(&b, "2|one|b|large1");
    want_row(&b, "1|two|b|large2");
    expect(b.fold, &b.base, NULL, &b.wanted);
}

static void swapped_keys(void **state)
{
    (void)state;
    each_budget(keys_swap);
}

static void everything_before_is_gone(size_t memory)
{
    OWNED(bench) struct bench b = bench_of(&keyed, memory);
    base_row(&b, "1|a|b|c");
    assert_true(fold_is_unchanged(b.fold, 0));
    ACT(&b, ACTION_CREATE, 0, NULL, "2|x|y|z");
    assert_false(fold_is_unchanged(b.fold, 0));
    fold_truncate(b.fold, 0);
    assert_false(fold_needs_base(b.fold, 0));
    assert_false(fold_is_unchanged(b.fold, 0));
    ACT(&b, ACTION_CREATE, 0, NULL, "1|after|y|z");
    ACT(&b, ACTION_UPDATE, 0, NULL, "1|later|y|?");
    want_row(&b, "1|later|y|z");
    expect(b.fold, &b.base, NULL, &b.wanted);
}

static void truncate_is_a_watermark(void **state)
{
    (void)state;
    each_budget(everything_before_is_gone);
}

static void lines_are_counted(size_t memory)
{
    OWNED(bench) struct bench b = bench_of(&multiset, memory);
    base_row(&b, "1|a|b|c");
    base_row(&b, "1|a|b|c");
    base_row(&b, "1|a|b|c");
    base_row(&b, "2|a|b|c");
    ACT(&b, ACTION_DELETE, 'O', "1|a|b|c", NULL);
    ACT(&b, ACTION_CREATE, 0, NULL, "2|a|b|c");
    ACT(&b, ACTION_CREATE, 0, NULL, "2|a|b|c");
    ACT(&b, ACTION_UPDATE, 'O', "1|a|b|c", "3|a|b|?");
    ACT(&b, ACTION_CREATE, 0, NULL, "4|a|b|c");
    ACT(&b, ACTION_DELETE, 'O', "4|a|b|c", NULL);
    want_row(&b, "1|a|b|c");
    want_row(&b, "2|a|b|c");
    want_row(&b, "2|a|b|c");
    want_row(&b, "2|a|b|c");
    want_row(&b, "3|a|b|c");
    expect(b.fold, &b.base, NULL, &b.wanted);
}

static void multiset_counts(void **state)
{
    (void)state;
    each_budget(lines_are_counted);
}

/* ---- damage ---- */

static status emit_of(struct bench *b, err *e)
{
    OWNED(model_lines) struct model_lines got = {0};
    struct table_digest expected = {0};
    const struct fold_source source = {&b->base, base_next};
    const struct fold_sink sink = {&got, model_collect};
    return fold_emit(b->fold, 0, &source, NULL, &sink, &expected, e);
}

static void a_base_without_the_row(void **state)
{
    (void)state;
    static const size_t budgets[] = {1, 1 << 20};
    for (size_t i = 0; i < 2; i++) {
        err e = ERR_INIT;
        OWNED(bench) struct bench b = bench_of(&keyed, budgets[i]);
        base_row(&b, "1|a|b|c");
        ACT(&b, ACTION_UPDATE, 0, NULL, "2|a|b|?");
        assert_fails(emit_of(&b, &e), &e, ERR_STORAGE);
        assert_mentions(&e, "public.t");
    }
}

static void a_multiset_without_the_line(void **state)
{
    (void)state;
    err e = ERR_INIT;
    OWNED(bench) struct bench b = bench_of(&multiset, 1 << 20);
    base_row(&b, "1|a|b|c");
    ACT(&b, ACTION_DELETE, 'O', "2|a|b|c", NULL);
    assert_fails(emit_of(&b, &e), &e, ERR_STORAGE);
}

static void actions_that_lack_something(void **state)
{
    (void)state;
    err e = ERR_INIT;
    OWNED(bench) struct bench b = bench_of(&keyed, 1 << 20);
    assert_fails(act(b.fold, ACTION_DELETE, 0, NULL, NULL, &e), &e, ERR_STORAGE);
    assert_fails(act(b.fold, ACTION_CREATE, 0, NULL, "1|a|b|?", &e), &e, ERR_STORAGE);
    assert_fails(act(b.fold, ACTION_UPDATE, 0, NULL, "?|a|b|c", &e), &e, ERR_STORAGE);
    ACT(&b, ACTION_DELETE, 'K', "1|||", NULL);
    assert_fails(act(b.fold, ACTION_UPDATE, 0, NULL, "1|a|b|?", &e), &e, ERR_STORAGE);
    OWNED(buf) struct buf tuple = {0};
    tuple_begin(&tuple, 1);
    tuple_put(&tuple, (struct value){VALUE_TEXT, bytes_text("1")});
    const struct action narrow = {.kind = ACTION_CREATE, .new = buf_view(&tuple)};
    assert_fails(fold_action(b.fold, 0, &narrow, &e), &e, ERR_SCHEMA);
    OWNED(bench) struct bench m = bench_of(&multiset, 1 << 20);
    assert_fails(act(m.fold, ACTION_DELETE, 'K', "1|||", NULL, &e), &e, ERR_STORAGE);
}

static void a_base_that_is_cut(void **state)
{
    (void)state;
    err e = ERR_INIT;
    OWNED(bench) struct bench b = bench_of(&keyed, 1 << 20);
    ACT(&b, ACTION_CREATE, 0, NULL, "9|a|b|c");
    base_row(&b, "1|a|b|c");
    OWNED(model_lines) struct model_lines got = {0};
    struct table_digest expected = {0};
    struct foldemit out = {0};
    struct foldmap map;
    const struct fold_sink sink = {&got, model_collect};
    foldmap_init(&map, &keyed);
    assert_done(foldemit_init(&out, &sink, &expected, &e), &e);
    assert_done(foldmap_kill(&map, bytes_text("5"), &e), &e);
    assert_fails(foldemit_lines(&out, &map, bytes_of(b.base.lines.data, b.base.lines.len - 1), &e), &e,
                 ERR_STORAGE);
    foldemit_fini(&out);
    foldmap_fini(&map);
}

static void nowhere_to_spill(void **state)
{
    (void)state;
    err e = ERR_INIT;
    OWNED(scratch) struct scratch place = scratch_make();
    OWNED(fold) struct fold *f = fold_made(scratch_path(&place, "missing"), 1, &keyed);
    assert_fails(act(f, ACTION_CREATE, 0, NULL, "1|a|b|c", &e), &e, ERR_STORAGE);
}

static void a_full_disk(void **state)
{
    (void)state;
    err e = ERR_INIT;
    OWNED(bench) struct bench b = bench_of(&keyed, 1);
    ACT(&b, ACTION_CREATE, 0, NULL, "1|a|b|c");
    io_fault_arm(IO_FAULT_FULL, 1, NULL);
    status emitted = emit_of(&b, &e);
    io_fault_arm(IO_FAULT_NONE, 0, NULL);
    assert_fails(emitted, &e, ERR_STORAGE);
    assert_true(io_is_full(&e));
}

/* ---- random histories against the model ---- */

struct history {
    struct model model;
    struct fold *fold[4];
    size_t folds;
};

static void all(struct history *h, const struct action *a)
{
    err e = ERR_INIT;
    for (size_t i = 0; i < h->folds; i++)
        assert_done(fold_action(h->fold[i], 0, a, &e), &e);
}

static size_t some_row(struct model *m, bool there)
{
    size_t at = model_random(m, MODEL_ROWS);
    for (size_t n = 0; n < MODEL_ROWS && m->row[at].there != there; n++)
        at = (at + 1) % MODEL_ROWS;
    return at;
}

static void send(struct history *h, enum action_kind kind, const struct model_row *old,
                 const struct model_row *new, bool key_changes)
{
    const struct fold_shape *s = &h->model.shape;
    OWNED(buf) struct buf old_tuple = {0};
    OWNED(buf) struct buf new_tuple = {0};
    struct action a = {.kind = kind};
    bool unchanged[MODEL_COLUMNS] = {false};
    if (old != NULL && (s->key_count == 0 || key_changes || kind == ACTION_DELETE)) {
        a.old_kind = s->key_count == 0 ? 'O' : 'K';
        model_tuple(old, NULL, s->key_count == 0 ? NULL : s, &old_tuple);
        a.old = buf_view(&old_tuple);
    }
    if (new != NULL) {
        unchanged[3] = old != NULL && strcmp(old->value[3], new->value[3]) == 0;
        model_tuple(new, unchanged, NULL, &new_tuple);
        a.new = buf_view(&new_tuple);
    }
    all(h, &a);
}

static void create(struct history *h)
{
    struct model *m = &h->model;
    size_t at = some_row(m, false);
    struct model_row *r = &m->row[at];
    if (r->there)
        return;
    if (m->shape.key_count > 0)
        model_key(m, r, at);
    for (uint16_t i = 0; i < MODEL_COLUMNS; i++)
        model_fill(m, r, i);
    r->there = true;
    send(h, ACTION_CREATE, NULL, r, false);
}

static void update(struct history *h, bool move)
{
    struct model *m = &h->model;
    size_t from = some_row(m, true);
    size_t to = move ? some_row(m, false) : from;
    if (!m->row[from].there || (move && m->row[to].there))
        return;
    struct model_row old = m->row[from];
    struct model_row new = old;
    for (uint16_t i = 0; i < MODEL_COLUMNS; i++)
        if (model_random(m, 2) == 0)
            model_fill(m, &new, i);
    if (move)
        model_key(m, &new, to);
    m->row[from].there = false;
    m->row[to] = new;
    send(h, ACTION_UPDATE, &old, &new, move);
}

static void step(struct history *h)
{
    struct model *m = &h->model;
    uint64_t kind = model_random(m, 2000);
    if (kind == 0) {
        for (size_t i = 0; i < MODEL_ROWS; i++)
            m->row[i].there = false;
        for (size_t i = 0; i < h->folds; i++)
            fold_truncate(h->fold[i], 0);
    } else if (kind < 500) {
        create(h);
    } else if (kind < 800) {
        size_t at = some_row(m, true);
        if (m->row[at].there) {
            m->row[at].there = false;
            send(h, ACTION_DELETE, &m->row[at], NULL, false);
        }
    } else {
        update(h, m->shape.key_count > 0 && kind < 1300);
    }
}

static void history(const struct fold_shape *shape, uint64_t seed, unsigned steps)
{
    static const size_t budgets[] = {1, 3000, 20000, 1 << 24};
    err e = ERR_INIT;
    OWNED(scratch) struct scratch place = scratch_make();
    OWNED(buf) struct buf lines = {0};
    struct history *h = calloc(1, sizeof *h);
    h->model.shape = *shape;
    h->model.random = seed;
    for (unsigned i = 0; i < MODEL_ROWS / 2; i++)
        create(h); /* the base: no fold listens yet */
    struct model_lines rows = {0};
    struct table_digest base_digest = {0};
    model_rows(&h->model, &rows, &base_digest);
    for (size_t i = 0; i < rows.count; i++)
        buf_printf(&lines, "%s\n", rows.line[i]);
    for (h->folds = 0; h->folds < 4; h->folds++)
        h->fold[h->folds] = fold_made(place.dir, budgets[h->folds], shape);
    for (unsigned i = 0; i < steps; i++)
        step(h);
    struct base base = {lines, 0};
    for (size_t i = 0; i < 4; i++) {
        expect(h->fold[i], &base, i % 2 == 0 ? &base_digest : NULL, &h->model);
        fold_free(h->fold[i]);
    }
    struct io_names left = {0};
    assert_done(io_list(place.dir, &left, &e), &e);
    assert_int_equal(left.count, 0);
    io_names_free(&left);
    model_lines_fini(&rows);
    free(h);
}

static void random_histories_keyed(void **state)
{
    (void)state;
    static const uint16_t adjoining[] = {1, 2}, apart[] = {0, 2};
    const struct fold_shape shapes[] = {
        keyed, {"s.adjoining", MODEL_COLUMNS, 2, adjoining}, {"s.apart", MODEL_COLUMNS, 2, apart}};
    for (uint64_t seed = 1; seed <= 8; seed++)
        for (size_t i = 0; i < 3; i++)
            history(&shapes[i], seed * 31 + i, 50 << (seed % 6));
}

static void random_histories_multiset(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++)
        history(&multiset, seed, 50 << (seed % 6));
}

static void large_rows_through_the_disk(void **state)
{
    (void)state;
    err e = ERR_INIT;
    OWNED(scratch) struct scratch place = scratch_make();
    static const uint16_t key[] = {0};
    const struct fold_shape shape = {"public.large", 2, 1, key};
    OWNED(fold) struct fold *f = fold_made(place.dir, 100, &shape);
    const size_t large = 300000; /* more than the buffers of the files */
    char *text = malloc(large);
    memset(text, 'x', large);
    for (unsigned i = 0; i < 20; i++) {
        OWNED(buf) struct buf tuple = {0};
        char id[8];
        (void)snprintf(id, sizeof id, "%u", i % 5);
        text[0] = (char)('a' + i);
        tuple_begin(&tuple, 2);
        tuple_put(&tuple, (struct value){VALUE_TEXT, bytes_text(id)});
        tuple_put(&tuple, (struct value){VALUE_TEXT, bytes_of(text, large)});
        const struct action a = {.kind = i < 5 ? ACTION_CREATE : ACTION_UPDATE, .new = buf_view(&tuple)};
        assert_done(fold_action(f, 0, &a, &e), &e);
    }
    assert_true(fold_is_spilled(f, 0));
    OWNED(model_lines) struct model_lines got = {0};
    const struct fold_sink sink = {&got, model_collect};
    struct base none = {0};
    const struct fold_source source = {&none, base_next};
    struct table_digest expected = {0};
    assert_done(fold_emit(f, 0, &source, NULL, &sink, &expected, &e), &e);
    assert_int_equal(got.count, 5);
    assert_int_equal(expected.rows, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(strlen(got.line[i]), large + 2);
        assert_true(got.line[i][2] >= 'a' + 15);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(simple_changes),
        cmocka_unit_test(unchanged_toast),
        cmocka_unit_test(swapped_keys),
        cmocka_unit_test(truncate_is_a_watermark),
        cmocka_unit_test(multiset_counts),
        cmocka_unit_test(a_base_without_the_row),
        cmocka_unit_test(a_multiset_without_the_line),
        cmocka_unit_test(actions_that_lack_something),
        cmocka_unit_test(a_base_that_is_cut),
        cmocka_unit_test(nowhere_to_spill),
        cmocka_unit_test(a_full_disk),
        cmocka_unit_test(random_histories_keyed),
        cmocka_unit_test(random_histories_multiset),
        cmocka_unit_test(large_rows_through_the_disk),
    };
    return cmocka_run_group_tests_name("fold", tests, NULL, NULL);
}
