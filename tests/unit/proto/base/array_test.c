#include "proto/base/array.h"
#include "tests/lib/check.h"

static void items_stay_while_it_grows(void **state)
{
    (void)state;
    struct thing {
        uint64_t number;
        char letter;
    } *list = NULL;
    size_t room = 0, grown = 0;
    err e = ERR_INIT;
    for (size_t i = 0; i < 1000; i++) {
        const size_t before = room;
        assert_done(array_room(&list, i, &room, sizeof *list, &e), &e);
        assert_true(room > i);
        grown += room != before;
        list[i] = (struct thing){i, (char)('a' + i % 26)};
    }
    assert_true(grown < 10); /* it doubles */
    for (size_t i = 0; i < 1000; i++) {
        assert_int_equal(list[i].number, i);
        assert_int_equal(list[i].letter, 'a' + i % 26);
    }
    free(list);
}

static void what_cannot_be_had_changes_nothing(void **state)
{
    (void)state;
    char word[] = "kept";
    char *list = word;
    size_t room = SIZE_MAX / 4; /* twice that many of 8 bytes have no number */
    err e = ERR_INIT;
    assert_fails(array_room(&list, room, &room, 8, &e), &e, ERR_STORAGE);
    assert_ptr_equal(list, word);
    assert_int_equal(room, SIZE_MAX / 4);
}

/* Also one that was made for just what it has. */
static void one_more_fits_behind_any_list(void **state)
{
    (void)state;
    uint64_t *list = malloc(40 * sizeof *list);
    err e = ERR_INIT;
    assert_non_null(list);
    for (size_t i = 0; i < 40; i++)
        list[i] = i;
    for (size_t i = 40; i < 200; i++) {
        assert_done(array_one_more(&list, i, sizeof *list, &e), &e);
        list[i] = i;
    }
    for (size_t i = 0; i < 200; i++)
        assert_int_equal(list[i], i);
    const uint64_t *before = list;
    assert_fails(array_one_more(&list, SIZE_MAX / 8, sizeof *list, &e), &e, ERR_STORAGE);
    assert_fails(array_one_more(&list, SIZE_MAX - 1, 1, &e), &e, ERR_STORAGE);
    assert_ptr_equal(list, before);
    free(list);
}

static void items_between_are_zero(void **state)
{
    (void)state;
    uint32_t *list = NULL;
    size_t room = 0;
    err e = ERR_INIT;
    static const size_t order[] = {3, 1000, 40, 999, 1001, 5000};
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        assert_done(array_reach(&list, order[i], &room, sizeof *list, &e), &e);
        assert_true(room > order[i]);
        list[order[i]] = 7;
    }
    size_t set = 0;
    for (size_t i = 0; i < room; i++) {
        assert_true(list[i] == 0 || list[i] == 7);
        set += list[i] == 7;
    }
    assert_int_equal(set, sizeof order / sizeof order[0]);
    const size_t before = room;
    assert_fails(array_reach(&list, SIZE_MAX - 1, &room, sizeof *list, &e), &e, ERR_STORAGE);
    assert_int_equal(room, before);
    free(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_stay_while_it_grows),
        cmocka_unit_test(what_cannot_be_had_changes_nothing),
        cmocka_unit_test(one_more_fits_behind_any_list),
        cmocka_unit_test(items_between_are_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
