#include "proto/base/lsn.h"
#include "tests/lib/check.h"

static void text_and_back(void **state)
{
    (void)state;
    const struct {
        lsn value;
        const char *text;
    } known[] = {
        {0, "0/0"}, {1, "0/1"}, {UINT64_C(0x16B374D848), "16/B374D848"}, {UINT64_MAX, "FFFFFFFF/FFFFFFFF"}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        err e = ERR_INIT;
        char text[LSN_TEXT];
        lsn back = 12345;
        assert_string_equal(lsn_format(known[i].value, text), known[i].text);
        assert_done(lsn_parse(known[i].text, &back, &e), &e);
        assert_true(back == known[i].value);
    }
}

static void case_and_zeroes_do_not_matter(void **state)
{
    (void)state;
    err e = ERR_INIT;
    lsn value = 0;
    assert_done(lsn_parse("00000016/b374d848", &value, &e), &e);
    assert_true(value == UINT64_C(0x16B374D848));
}

static void what_is_not_an_lsn(void **state)
{
    (void)state;
    const char *wrong[] = {"",      "/",    "16",    "16/",         "/16",   "1 /2",
                           "0x1/2", "-1/2", "1/2/3", "1/2 ",        " 1/2",  "123456789/0",
                           "g/0",   "1/+2", "1//2",  "0/123456789", "latest"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        err e = ERR_INIT;
        lsn value = 7;
        assert_fails(lsn_parse(wrong[i], &value, &e), &e, ERR_VALIDATION);
        assert_true(value == 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_and_back),
        cmocka_unit_test(case_and_zeroes_do_not_matter),
        cmocka_unit_test(what_is_not_an_lsn),
    };
    return cmocka_run_group_tests_name("lsn", tests, NULL, NULL);
}
