#include <limits.h>
#include <time.h>

#include "proto/base/pgtime.h"
#include "tests/lib/check.h"

static void text_and_back(void **state)
{
    (void)state;
    const struct {
        pgtime value;
        const char *text;
    } known[] = {{0, "2000-01-01T00:00:00.000000Z"},
                 {1, "2000-01-01T00:00:00.000001Z"},
                 {-1, "1999-12-31T23:59:59.999999Z"},
                 {INT64_C(848624523123456), "2026-11-22T01:02:03.123456Z"},
                 {INT64_C(762523200000000), "2024-02-29T12:00:00.000000Z"}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        err e = ERR_INIT;
        char text[PGTIME_TEXT];
        pgtime back = 42;
        assert_string_equal(pgtime_format(known[i].value, text), known[i].text);
        assert_done(pgtime_parse(known[i].text, &back, &e), &e);
        assert_true(back == known[i].value);
    }
}

static void forms_that_people_write(void **state)
{
    (void)state;
    const struct {
        const char *text;
        const char *same;
    } known[] = {{"2026-11-22", "2026-11-22T00:00:00.000000Z"},
                 {"2026-11-22 01:02", "2026-11-22T01:02:00.000000Z"},
                 {"2026-11-22 01:02:03", "2026-11-22T01:02:03.000000Z"},
                 {"2026-11-22T01:02:03Z", "2026-11-22T01:02:03.000000Z"},
                 {"2026-11-22 01:02:03.5", "2026-11-22T01:02:03.500000Z"},
                 {"2026-11-22 01:02:03.1234567", "2026-11-22T01:02:03.123456Z"},
                 {"2026-11-22 01:02+02", "2026-11-21T23:02:00.000000Z"},
                 {"2026-11-22 01:02:03+05:30", "2026-11-21T19:32:03.000000Z"},
                 {"2026-11-22 01:02:03-0330", "2026-11-22T04:32:03.000000Z"},
                 {"2026-11-22 24:00", "2026-11-23T00:00:00.000000Z"}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        err e = ERR_INIT;
        char text[PGTIME_TEXT];
        pgtime value = 0;
        assert_done(pgtime_parse(known[i].text, &value, &e), &e);
        assert_string_equal(pgtime_format(value, text), known[i].same);
    }
}

static void what_is_not_a_time(void **state)
{
    (void)state;
    const char *wrong[] = {"",
                           "now",
                           "-01-01",
                           "2026",
                           "2026-13-01",
                           "2026-00-01",
                           "2026-01-00",
                           "2026-01-32",
                           "2026-02-30",
                           "2023-02-29",
                           "2026-11-22T",
                           "2026-11-22 1",
                           "2026-11-22 25:00",
                           "2026-11-22 24:01",
                           "2026-11-22 01:60",
                           "2026-11-22 01:02:61",
                           "2026-11-22 01:02:03 ",
                           "2026-11-22 01:02:03+",
                           "2026-11-22 01:02:03+99",
                           "2026-11-22 01:02:03Z+01",
                           "2026/11/22",
                           "20261-11-22"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        err e = ERR_INIT;
        pgtime value = 42;
        assert_fails(pgtime_parse(wrong[i], &value, &e), &e, ERR_VALIDATION);
        assert_true(value == 42);
    }
}

/* PostgreSQL's own infinities are the ends of the type: formatting them must stay inside the buffer. */
static void ends_of_the_type(void **state)
{
    (void)state;
    char text[PGTIME_TEXT];
    assert_true(strlen(pgtime_format(INT64_MAX, text)) < PGTIME_TEXT);
    assert_true(strlen(pgtime_format(INT64_MIN, text)) < PGTIME_TEXT);
}

static void now_is_now(void **state)
{
    (void)state;
    const time_t before = time(NULL);
    const int64_t now = pgtime_now() / 1000000 + 946684800;
    assert_in_range(now, before, time(NULL) + 1); /* whose clock is the coarser one */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_and_back),      cmocka_unit_test(forms_that_people_write),
        cmocka_unit_test(what_is_not_a_time), cmocka_unit_test(ends_of_the_type),
        cmocka_unit_test(now_is_now),
    };
    return cmocka_run_group_tests_name("pgtime", tests, NULL, NULL);
}
