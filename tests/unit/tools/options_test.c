#include "tests/lib/check.h"
#include "tools/options.h"

static const struct command command = {"try", NULL, "WHAT...", "for the test"};

struct parsed {
    struct cli cli;
    const char *lsn;
    double timeout;
    struct option_number from;
    bool tree;
};

static status parse(struct parsed *p, char **argv, int least, int most, err *e)
{
    const struct option_spec specs[] = {
        {"lsn", OPTION_TEXT, &p->lsn, "LSN", "a position"},
        {"timeout", OPTION_SECONDS, &p->timeout, "S", "a time"},
        {"from-seq", OPTION_NUMBER, &p->from, "N", "a number"},
        {"tree", OPTION_FLAG, &p->tree, NULL, "a flag"},
    };
    *p = (struct parsed){.cli = {.command = &command, .argv = argv}};
    while (argv[p->cli.argc] != NULL)
        p->cli.argc++;
    return options_parse(&p->cli, specs, 4, least, most, e);
}

/* argv's strings are not const, and are only read. Not compound literals: GCC 12's sanitizer ends their life
 * too early. */
#define W(text) ((char *)(uintptr_t)(text))

static void every_kind(void **state)
{
    (void)state;
    struct parsed p;
    err e = ERR_INIT;
    char *argv[] = {W("try"),    W("one"),        W("--lsn"), W("0/1"),    W("--timeout=1.5"),
                    W("two"),    W("--from-seq"), W("17"),    W("--tree"), W("--json"),
                    W("--data"), W("/d"),         NULL};
    assert_done(parse(&p, argv, 0, -1, &e), &e);
    assert_string_equal(p.lsn, "0/1");
    assert_true(p.timeout > 1.49 && p.timeout < 1.51);
    assert_true(p.from.given && p.from.value == 17);
    assert_true(p.tree && p.cli.json && !p.cli.quiet);
    assert_string_equal(p.cli.data, "/d");
    assert_int_equal(p.cli.arg_count, 2);
    assert_string_equal(p.cli.args[0], "one");
    assert_string_equal(p.cli.args[1], "two");
}

static void nothing_given(void **state)
{
    (void)state;
    struct parsed p;
    err e = ERR_INIT;
    char *argv[] = {W("try"), NULL};
    assert_done(parse(&p, argv, 0, 0, &e), &e);
    assert_null(p.lsn);
    assert_false(p.from.given);
    assert_int_equal(p.cli.arg_count, 0);
}

static void usage_errors(void **state)
{
    (void)state;
    struct {
        char *argv[4];
        const char *mentions;
    } wrong[] = {
        {{W("try"), W("--timeuot"), W("3"), NULL}, "unknown option --timeuot: did you mean --timeout?"},
        {{W("try"), W("--jsno"), NULL}, "did you mean --json?"},
        {{W("try"), W("--tre=3x"), NULL}, "--tre"},
        {{W("try"), W("--tree=yes"), NULL}, "--tree takes no value"},
        {{W("try"), W("-x"), NULL}, "unknown option -x"},
        {{W("try"), W("--lsn"), NULL}, "--lsn wants a value"},
        {{W("try"), W("--from-seq"), W("-1"), NULL}, "wants a whole number, not \"-1\""},
        {{W("try"), W("--from-seq"), W("1x"), NULL}, "wants a whole number"},
        {{W("try"), W("--from-seq="), NULL}, "wants a whole number"},
        {{W("try"), W("--from-seq"), W("99999999999999999999"), NULL}, "wants a whole number"},
        {{W("try"), W("--timeout"), W("soon"), NULL}, "wants seconds"},
        {{W("try"), W("--timeout"), W("-3"), NULL}, "wants seconds"},
        {{W("try"), W("--timeout"), W("nan"), NULL}, "wants seconds"},
        {{W("try"), W("a"), W("b"), NULL}, "\"b\" is one word too many"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct parsed p;
        err e = ERR_INIT;
        assert_fails(parse(&p, wrong[i].argv, 0, 1, &e), &e, ERR_USAGE);
        assert_mentions(&e, wrong[i].mentions);
    }
}

static void too_few_words(void **state)
{
    (void)state;
    struct parsed p;
    err e = ERR_INIT;
    char *argv[] = {W("try"), W("one"), NULL};
    assert_fails(parse(&p, argv, 2, 2, &e), &e, ERR_USAGE);
    assert_mentions(&e, "pgstrand try WHAT...");
}

static void options_before_the_command(void **state)
{
    (void)state;
    struct cli cli = {0};
    err e = ERR_INIT;
    int rest = 0;
    bool help = false;
    bool version = false;
    char *argv[] = {W("pgstrand"), W("--data"), W("/d"), W("--quiet"), W("status"), W("--tree"), NULL};
    assert_done(options_parse_common(&cli, 6, argv, &rest, &help, &version, &e), &e);
    assert_int_equal(rest, 4);
    assert_string_equal(cli.data, "/d");
    assert_true(cli.quiet && !help && !version);
    char *wrong[] = {W("pgstrand"), W("--dtaa"), W("x"), NULL};
    assert_fails(options_parse_common(&cli, 3, wrong, &rest, &help, &version, &e), &e, ERR_USAGE);
    assert_mentions(&e, "--data");
}

static void choices(void **state)
{
    (void)state;
    const char *const known[] = {"incremental", "full", "differential"};
    size_t choice = 9;
    err e = ERR_INIT;
    assert_done(options_choice("--type", "full", known, 3, &choice, &e), &e);
    assert_int_equal(choice, 1);
    assert_fails(options_choice("--type", "ful", known, 3, &choice, &e), &e, ERR_USAGE);
    assert_mentions(&e, "--type knows no \"ful\": did you mean full?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind),
        cmocka_unit_test(nothing_given),
        cmocka_unit_test(usage_errors),
        cmocka_unit_test(too_few_words),
        cmocka_unit_test(options_before_the_command),
        cmocka_unit_test(choices),
    };
    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
