/* The fold of random histories in memories of all sizes, against the model; rows through the disk. */
#include "tests/unit/agent/restore/fold/foldbench.h"

struct history {
    struct model model;
    struct fold *fold[4];
    size_t folds;
};

static void all(void *context, const struct action *a)
{
    struct history *h = context;
    err e = ERR_INIT;
    for (size_t i = 0; i < h->folds; i++)
        assert_done(fold_action(h->fold[i], 0, 1, a, &e), &e);
}

static void step(struct history *h)
{
    struct model *m = &h->model;
    const struct model_listener folds = {h, all};
    uint64_t kind = model_random(m, 2000);
    if (kind == 0) {
        model_empty(m);
        for (size_t i = 0; i < h->folds; i++)
            fold_truncate(h->fold[i], 0);
    } else if (kind < 500)
        (void)model_create(m, &folds);
    else if (kind < 800)
        model_delete(m, &folds);
    else
        model_update(m, &folds, m->shape.key_count > 0 && kind < 1300);
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
        (void)model_create(&h->model, NULL); /* the base */
    struct model_lines rows = {0};
    struct table_digest base_digest = {0};
    model_rows(&h->model, &rows, &base_digest);
    for (size_t i = 0; i < rows.count; i++)
        buf_printf(&lines, "%s\n", rows.line[i]);
    for (h->folds = 0; h->folds < 4; h->folds++)
        h->fold[h->folds] = foldbench_fold(place.dir, budgets[h->folds], shape);
    for (unsigned i = 0; i < steps; i++)
        step(h);
    struct foldbench_base base = {lines, 0};
    for (size_t i = 0; i < 4; i++) {
        foldbench_expect(h->fold[i], &base, i % 2 == 0 ? &base_digest : NULL, &h->model);
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
        foldbench_keyed, {"s.adjoining", MODEL_COLUMNS, 2, adjoining}, {"s.apart", MODEL_COLUMNS, 2, apart}};
    for (uint64_t seed = 1; seed <= 8; seed++)
        for (size_t i = 0; i < 3; i++)
            history(&shapes[i], seed * 31 + i, 50u << (seed % 6));
}

/* Many blocks of steps on their way to the other thread. */
static void a_long_history(void **state)
{
    (void)state;
    history(&foldbench_keyed, 77, 40000);
    history(&foldbench_multiset, 78, 20000);
}

static void random_histories_multiset(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++)
        history(&foldbench_multiset, seed, 50u << (seed % 6));
}

static void large_rows_through_the_disk(void **state)
{
    (void)state;
    err e = ERR_INIT;
    OWNED(scratch) struct scratch place = scratch_make();
    static const uint16_t key[] = {0};
    const struct fold_shape shape = {"public.large", 2, 1, key};
    OWNED(fold) struct fold *f = foldbench_fold(place.dir, 100, &shape);
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
        assert_done(fold_action(f, 0, 1, &a, &e), &e);
    }
    assert_true(fold_is_spilled(f, 0));
    OWNED(model_lines) struct model_lines got = {0};
    const struct fold_sink sink = {&got, model_collect};
    struct foldbench_base none = {0};
    const struct fold_source source = {&none, foldbench_next};
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
        cmocka_unit_test(random_histories_keyed),
        cmocka_unit_test(random_histories_multiset),
        cmocka_unit_test(a_long_history),
        cmocka_unit_test(large_rows_through_the_disk),
    };
    return cmocka_run_group_tests_name("foldrandom", tests, NULL, NULL);
}
