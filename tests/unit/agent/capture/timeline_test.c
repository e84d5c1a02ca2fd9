#include "agent/capture/timeline.h"

#include "tests/lib/check.h"

#define HISTORY "1\t0/5000060\tno recovery target specified\n\n2\t1/A0\tbefore 2026-01-01 00:00:00+00\n"

static void where_a_timeline_was_left(void **state)
{
    (void)state;
    assert_true(timeline_left_after(HISTORY, 1, 0x5000060));
    assert_false(timeline_left_after(HISTORY, 1, 0x5000061));
    assert_true(timeline_left_after(HISTORY, 2, 0x1000000a0));
    assert_false(timeline_left_after(HISTORY, 2, 0x1000000a1));
}

static void what_does_not_descend_from_it(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "\n",
                                        "3\t0/1\tother\n",
                                        "1",
                                        "1\n",
                                        "1\tno LSN\tx\n",
                                        "10/5000060\n",
                                        "one\t0/5000060\n",
                                        "1\t/\n",
                                        "1\t0/5000060"};
    for (size_t i = 0; i + 1 < sizeof texts / sizeof texts[0]; i++)
        assert_false(timeline_left_after(texts[i], 1, 1));
    assert_true(timeline_left_after(texts[9], 1, 1)); /* the last line may lack its end */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(where_a_timeline_was_left),
        cmocka_unit_test(what_does_not_descend_from_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
