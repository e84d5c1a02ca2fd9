#include "store/shares.h"

#include <pthread.h>

#include "tests/lib/check.h"

struct work {
    unsigned done[SHARES_MOST]; /* by share: how often */
    pthread_t by[SHARES_MOST];
    uint32_t fails_from; /* this share and those behind it */
};

static status work(void *context, uint32_t share, err *e)
{
    struct work *w = context;
    w->done[share]++;
    w->by[share] = pthread_self();
    return share < w->fails_from ? DONE : err_set(e, ERR_STORAGE, "share %u", share);
}

static void each_is_done_once_by_a_thread_of_its_own(void **state)
{
    (void)state;
    err e = ERR_INIT;
    for (uint32_t count = 1; count <= SHARES_MOST; count++) {
        struct work w = {.fails_from = SHARES_MOST};
        assert_done(shares_run(count, work, &w, &e), &e);
        for (uint32_t i = 0; i < SHARES_MOST; i++)
            assert_int_equal(w.done[i], i < count);
        assert_true(pthread_equal(w.by[0], pthread_self()));
        for (uint32_t i = 1; i < count; i++)
            assert_false(pthread_equal(w.by[i], pthread_self()));
    }
}

static void the_first_failure_is_told_and_the_others_are_done(void **state)
{
    (void)state;
    for (uint32_t first = 0; first < 4; first++) {
        struct work w = {.fails_from = first};
        char words[16];
        err e = ERR_INIT;
        (void)snprintf(words, sizeof words, "share %u", first);
        assert_fails(shares_run(4, work, &w, &e), &e, ERR_STORAGE);
        assert_string_equal(e.message, words);
        for (uint32_t i = 0; i < 4; i++)
            assert_int_equal(w.done[i], 1);
    }
}

static void as_many_as_are_useful(void **state)
{
    (void)state;
    assert_int_equal(shares_count(0, 4), 1);
    assert_int_equal(shares_count(1, 4), 1);
    assert_int_equal(shares_count(1000, 0), 1);
    assert_int_equal(shares_count(1000, 1), 1);
    assert_true(shares_count(2, 4) <= 2);
    assert_true(shares_count(UINT64_MAX, UINT32_MAX) <= SHARES_MOST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_done_once_by_a_thread_of_its_own),
        cmocka_unit_test(the_first_failure_is_told_and_the_others_are_done),
        cmocka_unit_test(as_many_as_are_useful),
    };
    return cmocka_run_group_tests_name("shares", tests, NULL, NULL);
}
