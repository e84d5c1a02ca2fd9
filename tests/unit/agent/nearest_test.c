#include "tests/lib/check.h"

#include "agent/glob.h"
#include "agent/nearest.h"

static void distances(void **state)
{
    (void)state;
    const struct {
        const char *a, *b;
        unsigned distance;
    } known[] = {{"", "", 0},           {"", "abc", 3},        {"interval", "intervall", 1},
                 {"levle", "level", 1}, {"LEVEL", "level", 0}, {"kitten", "sitting", 3},
                 {"ab", "ba", 1},       {"abc", "cab", 2},     {"seal", "status", 4}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        assert_int_equal(nearest_distance(known[i].a, known[i].b), known[i].distance);
        assert_int_equal(nearest_distance(known[i].b, known[i].a), known[i].distance);
    }
}

static void the_nearest_word(void **state)
{
    (void)state;
    const char *const known[] = {"status", "seal", "snapshots", "restore"};
    assert_string_equal(nearest_word("snapshot", known, 4), "snapshots");
    assert_string_equal(nearest_word("stauts", known, 4), "status");
    assert_string_equal(nearest_word("resotre", known, 4), "restore");
}

static void the_beginning_of_a_word(void **state)
{
    (void)state;
    const char *const types[] = {"incremental", "full", "differential"};
    const char *const backups[] = {"business", "full-device"};
    assert_string_equal(nearest_word("incr", types, 3), "incremental");
    assert_string_equal(nearest_word("DIFF", types, 3), "differential");
    assert_string_equal(nearest_word("ful", backups, 2), "full-device");
    assert_string_equal(nearest_word("", types, 3), "full");
}

static void what_is_far_is_not_suggested(void **state)
{
    (void)state;
    const char *const known[] = {"status", "log", "tables"};
    assert_string_equal(nearest_close("statsu", known, 3), "status");
    assert_string_equal(nearest_close("lag", known, 3), "log");
    assert_null(nearest_close("foo", known, 3));
    assert_null(nearest_close("entity", known, 3));
    assert_null(nearest_close("log", known, 0));
}

static void overlong_words_are_cut(void **state)
{
    (void)state;
    char longer[300];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    assert_int_equal(nearest_distance(longer, ""), 63);
}

static void globs(void **state)
{
    (void)state;
    const struct {
        const char *pattern, *name;
        bool match;
    } known[] = {{"orders", "orders", true},
                 {"orders", "Orders", false},
                 {"orders", "order", false},
                 {"order", "orders", false},
                 {"*", "", true},
                 {"*", "anything", true},
                 {"", "", true},
                 {"", "x", false},
                 {"sync*", "syncNodes", true},
                 {"*Nodes", "syncNodes", true},
                 {"s*c*s", "syncNodes", true},
                 {"s*x*s", "syncNodes", false},
                 {"?rder", "order", true},
                 {"?rder", "rder", false},
                 {"?", "\xC3\xA4", true},
                 {"??", "\xC3\xA4", false},
                 {"a**b", "ab", true},
                 {"*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (glob_match(known[i].pattern, known[i].name) != known[i].match)
            fail_msg("%s against %s is not %d", known[i].pattern, known[i].name, known[i].match);
}

static void glob_lists(void **state)
{
    (void)state;
    assert_true(glob_list_match("orders", "public", "orders"));
    assert_true(glob_list_match(" customers , orders ", "shop", "orders"));
    assert_true(glob_list_match("ops.*", "ops", "metrics"));
    assert_false(glob_list_match("ops.*", "public", "metrics"));
    assert_false(glob_list_match("", "public", "orders"));
    assert_false(glob_list_match(" , ", "public", "orders"));
    assert_true(glob_list_match("o?s.m*s", "ops", "metrics"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distances),
        cmocka_unit_test(the_nearest_word),
        cmocka_unit_test(the_beginning_of_a_word),
        cmocka_unit_test(what_is_far_is_not_suggested),
        cmocka_unit_test(overlong_words_are_cut),
        cmocka_unit_test(globs),
        cmocka_unit_test(glob_lists),
    };
    return cmocka_run_group_tests_name("nearest", tests, NULL, NULL);
}
