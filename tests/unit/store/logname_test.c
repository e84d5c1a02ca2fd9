#include "tests/lib/check.h"

#include "store/logname.h"

static void a_name_sorts_by_seq_and_says_it(void **state)
{
    (void)state;
    uint64_t seq = 0;
    char *early = logname_path("log", LOGNAME_SEGMENT, 255);
    char *late = logname_path("log", LOGNAME_SEGMENT, 256);
    char *bulk = logname_path("log", LOGNAME_BULK, UINT64_MAX);
    assert_string_equal(early, "log/seg-00000000000000ff.mdb");
    assert_string_equal(bulk, "log/bulk-ffffffffffffffff.act");
    assert_true(strcmp(early, late) < 0);
    assert_true(logname_parse(early + 4, LOGNAME_SEGMENT, &seq));
    assert_int_equal(seq, 255);
    assert_true(logname_parse(bulk + 4, LOGNAME_BULK, &seq));
    assert_true(seq == UINT64_MAX);
    free(early);
    free(late);
    free(bulk);
}

static void other_names_are_none(void **state)
{
    (void)state;
    static const char *const not_one[] = {"",
                                          "seg-",
                                          "seg-00000000000000ff",
                                          "seg-00000000000000ff.mdb-lock",
                                          "seg-00000000000000ff.mdb.part",
                                          "seg-00000000000000fF.mdb",
                                          "seg-0000000000000ff.mdb",
                                          "seg-000000000000000ff.mdb",
                                          "seg-0x000000000000ff.mdb",
                                          "seg- 0000000000000ff.mdb",
                                          "bulk-00000000000000ff.act",
                                          "xseg-00000000000000ff.mdb"};
    uint64_t seq = 7;
    for (size_t i = 0; i < sizeof not_one / sizeof not_one[0]; i++)
        assert_false(logname_parse(not_one[i], LOGNAME_SEGMENT, &seq));
    assert_int_equal(seq, 7);
    assert_true(logname_begins("seg-00000000000000ff.mdb.part", LOGNAME_SEGMENT));
    assert_false(logname_begins("seg-00000000000000ff.mdb", LOGNAME_BULK));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_sorts_by_seq_and_says_it),
        cmocka_unit_test(other_names_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
