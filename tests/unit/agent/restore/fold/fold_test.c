/* The fold step by step, and what it makes of damage. Random histories: foldrandom_test.c. */
#include "tests/unit/agent/restore/fold/foldbench.h"

/* ---- single steps, by hand: rows are "key|value|value|large" ---- */

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
        model_tuple(&r, NULL, old_kind == 'K' ? &foldbench_keyed : NULL, &old_tuple);
        a.old = buf_view(&old_tuple);
    }
    if (new != NULL) {
        struct model_row r = row_of(new);
        for (unsigned i = 0; i < MODEL_COLUMNS; i++)
            unchanged[i] = strcmp(r.value[i], "?") == 0;
        model_tuple(&r, unchanged, NULL, &new_tuple);
        a.new = buf_view(&new_tuple);
    }
    TRY(fold_action(f, 0, 1, &a, e));
    return fold_settle(f, e);
}

struct bench {
    struct scratch place;
    struct fold *fold;
    struct foldbench_base base;
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
    b.fold = foldbench_fold(b.place.dir, memory, shape);
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
    OWNED(bench) struct bench b = bench_of(&foldbench_keyed, memory);
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
    foldbench_expect(b.fold, &b.base, NULL, &b.wanted);
}

static void simple_changes(void **state)
{
    (void)state;
    each_budget(create_update_delete);
}

static void unknown_columns_of_the_base(size_t memory)
{
    OWNED(bench) struct bench b = bench_of(&foldbench_keyed, memory);
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
    foldbench_expect(b.fold, &b.base, NULL, &b.wanted);
}

static void unchanged_toast(void **state)
{
    (void)state;
    each_budget(unknown_columns_of_the_base);
}

static void keys_swap(size_t memory)
{
    OWNED(bench) struct bench b = bench_of(&foldbench_keyed, memory);
    base_row(&b, "1|a|b|large1");
    base_row(&b, "2|a|b|large2");
    ACT(&b, ACTION_UPDATE, 'K', "1|||", "0|one|b|?");
    ACT(&b, ACTION_UPDATE, 'K', "2|||", "1|two|b|?");
    ACT(&b, ACTION_UPDATE, 'K', "0|||", "2|one|b|?");
    want_row(&b, "2|one|b|large1");
    want_row(&b, "1|two|b|large2");
    foldbench_expect(b.fold, &b.base, NULL, &b.wanted);
}

static void swapped_keys(void **state)
{
    (void)state;
    each_budget(keys_swap);
}

static void everything_before_is_gone(size_t memory)
{
    OWNED(bench) struct bench b = bench_of(&foldbench_keyed, memory);
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
    foldbench_expect(b.fold, &b.base, NULL, &b.wanted);
}

static void truncate_is_a_watermark(void **state)
{
    (void)state;
    each_budget(everything_before_is_gone);
}

static void lines_are_counted(size_t memory)
{
    OWNED(bench) struct bench b = bench_of(&foldbench_multiset, memory);
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
    foldbench_expect(b.fold, &b.base, NULL, &b.wanted);
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
    const struct fold_source source = {&b->base, foldbench_next};
    const struct fold_sink sink = {&got, model_collect};
    return fold_emit(b->fold, 0, &source, NULL, &sink, &expected, e);
}

static void a_base_without_the_row(void **state)
{
    (void)state;
    static const size_t budgets[] = {1, 1 << 20};
    for (size_t i = 0; i < 2; i++) {
        err e = ERR_INIT;
        OWNED(bench) struct bench b = bench_of(&foldbench_keyed, budgets[i]);
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
    OWNED(bench) struct bench b = bench_of(&foldbench_multiset, 1 << 20);
    base_row(&b, "1|a|b|c");
    ACT(&b, ACTION_DELETE, 'O', "2|a|b|c", NULL);
    assert_fails(emit_of(&b, &e), &e, ERR_STORAGE);
}

/* In a fold of its own, in which nothing was before but perhaps the row that `deleted` is the key of. */
static void refuse(const char *deleted, enum action_kind kind, const char *old, const char *new)
{
    err e = ERR_INIT;
    OWNED(bench) struct bench b = bench_of(&foldbench_keyed, 1 << 20);
    if (deleted != NULL)
        ACT(&b, ACTION_DELETE, 'K', deleted, NULL);
    assert_fails(act(b.fold, kind, 0, old, new, &e), &e, ERR_STORAGE);
    assert_mentions(&e, "seq 1: ");
    assert_fails(emit_of(&b, &e), &e, ERR_STORAGE); /* it does not go on */
}

static void actions_that_lack_something(void **state)
{
    (void)state;
    refuse(NULL, ACTION_DELETE, NULL, NULL);
    refuse(NULL, ACTION_CREATE, NULL, "1|a|b|?");
    refuse(NULL, ACTION_UPDATE, NULL, "?|a|b|c");
    refuse("1|||", ACTION_UPDATE, NULL, "1|a|b|?");
    err e = ERR_INIT;
    OWNED(bench) struct bench m = bench_of(&foldbench_multiset, 1 << 20);
    assert_fails(act(m.fold, ACTION_DELETE, 'K', "1|||", NULL, &e), &e, ERR_STORAGE);
}

static void a_row_of_other_columns(void **state)
{
    (void)state;
    err e = ERR_INIT;
    OWNED(bench) struct bench b = bench_of(&foldbench_keyed, 1 << 20);
    OWNED(buf) struct buf tuple = {0};
    tuple_begin(&tuple, 1);
    tuple_put(&tuple, (struct value){VALUE_TEXT, bytes_text("1")});
    const struct action narrow = {.kind = ACTION_CREATE, .new = buf_view(&tuple)};
    assert_done(fold_action(b.fold, 0, 1, &narrow, &e), &e);
    assert_fails(fold_settle(b.fold, &e), &e, ERR_SCHEMA);
}

static void a_base_that_is_cut(void **state)
{
    (void)state;
    err e = ERR_INIT;
    OWNED(bench) struct bench b = bench_of(&foldbench_keyed, 1 << 20);
    ACT(&b, ACTION_CREATE, 0, NULL, "9|a|b|c");
    base_row(&b, "1|a|b|c");
    OWNED(model_lines) struct model_lines got = {0};
    struct table_digest expected = {0};
    struct foldemit out = {0};
    struct foldmap map;
    const struct fold_sink sink = {&got, model_collect};
    foldmap_init(&map, &foldbench_keyed);
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
    OWNED(fold) struct fold *f = foldbench_fold(scratch_path(&place, "missing"), 1, &foldbench_keyed);
    assert_fails(act(f, ACTION_CREATE, 0, NULL, "1|a|b|c", &e), &e, ERR_STORAGE);
    assert_true(fold_spill_failed(f));
}

/* Whoever asks what is known has to tell actions that are damaged from a disk that fails. */
static void what_failed(void **state)
{
    (void)state;
    err e = ERR_INIT;
    OWNED(bench) struct bench damaged = bench_of(&foldbench_keyed, 1);
    assert_fails(act(damaged.fold, ACTION_CREATE, 0, NULL, "1|a|b|?", &e), &e, ERR_STORAGE);
    assert_false(fold_spill_failed(damaged.fold));
    OWNED(bench) struct bench b = bench_of(&foldbench_keyed, 1);
    ACT(&b, ACTION_CREATE, 0, NULL, "1|a|b|c");
    io_fault_arm(IO_FAULT_FAIL, 1, NULL);
    status put = DONE;
    for (unsigned id = 2; put.ok && id < 20000; id++) {
        char row[32];
        (void)snprintf(row, sizeof row, "%u|a|b|c", id);
        put = act(b.fold, ACTION_CREATE, 0, NULL, row, &e);
    }
    io_fault_arm(IO_FAULT_NONE, 0, NULL);
    assert_fails(put, &e, ERR_STORAGE);
    assert_true(fold_spill_failed(b.fold));
}

static void a_full_disk(void **state)
{
    (void)state;
    err e = ERR_INIT;
    OWNED(bench) struct bench b = bench_of(&foldbench_keyed, 1);
    ACT(&b, ACTION_CREATE, 0, NULL, "1|a|b|c");
    io_fault_arm(IO_FAULT_FULL, 1, NULL);
    status emitted = emit_of(&b, &e);
    io_fault_arm(IO_FAULT_NONE, 0, NULL);
    assert_fails(emitted, &e, ERR_STORAGE);
    assert_true(io_is_full(&e));
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
        cmocka_unit_test(a_row_of_other_columns),
        cmocka_unit_test(a_base_that_is_cut),
        cmocka_unit_test(nowhere_to_spill),
        cmocka_unit_test(what_failed),
        cmocka_unit_test(a_full_disk),
    };
    return cmocka_run_group_tests_name("fold", tests, NULL, NULL);
}
