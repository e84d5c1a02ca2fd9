#include "agent/pg/program.h"

#include "tests/lib/check.h"

static status shell(const char *script, const char *extra, struct buf *out, err *e)
{
    const char *argv[] = {"/bin/sh", "-c", script, NULL};
    return program_run(argv, extra, out, e);
}

static void output_is_collected(void **state)
{
    (void)state;
    OWNED(buf) struct buf out = {0};
    err e = ERR_INIT;
    assert_done(shell("echo one; echo two >&2; echo three", NULL, &out, &e), &e);
    assert_string_equal(buf_cstring(&out), "one\nthree\n");
}

/* More than two pipes hold, on both at once: a reader that takes one after the other would hang. */
static void much_of_both(void **state)
{
    (void)state;
    OWNED(buf) struct buf out = {0};
    err e = ERR_INIT;
    assert_done(
        shell("i=0; while [ $i -lt 3000 ]; do echo "
              "0123456789012345678901234567890123456789012345678901234567890123;"
              " echo 0123456789012345678901234567890123456789012345678901234567890123 >&2; i=$((i+1)); done",
              NULL, &out, &e),
        &e);
    assert_int_equal(out.len, 3000 * 65);
}

static void failure_has_the_last_words(void **state)
{
    (void)state;
    OWNED(buf) struct buf out = {0};
    err e = ERR_INIT;
    assert_fails(shell("echo broken >&2; echo beyond repair >&2; exit 3", NULL, &out, &e), &e, ERR_SCHEMA);
    assert_mentions(&e, "sh failed: broken beyond repair");
    assert_fails(shell("exit 4", NULL, &out, &e), &e, ERR_SCHEMA);
    assert_mentions(&e, "does not say why");
    assert_fails(shell("kill -9 $$", NULL, &out, &e), &e, ERR_SCHEMA);
    assert_mentions(&e, "signal 9");
}

static void a_program_that_is_not_there(void **state)
{
    (void)state;
    OWNED(buf) struct buf out = {0};
    err e = ERR_INIT;
    const char *argv[] = {"/nonexistent/pg_dump", NULL};
    assert_fails(program_run(argv, NULL, &out, &e), &e, ERR_STORAGE);
    assert_mentions(&e, "/nonexistent/pg_dump");
}

static void one_more_variable(void **state)
{
    (void)state;
    OWNED(buf) struct buf out = {0};
    err e = ERR_INIT;
    assert_int_equal(setenv("PROGRAM_TEST", "old", 1), 0);
    assert_done(shell("printf %s \"$PROGRAM_TEST\"", "PROGRAM_TEST=new", &out, &e), &e);
    assert_string_equal(buf_cstring(&out), "new");
    assert_string_equal(getenv("PROGRAM_TEST"), "old");
}

static void no_input_and_no_foreign_descriptors(void **state)
{
    (void)state;
    OWNED(buf) struct buf out = {0};
    err e = ERR_INIT;
    assert_done(shell("cat", NULL, &out, &e), &e);
    assert_int_equal(out.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_is_collected),        cmocka_unit_test(much_of_both),
        cmocka_unit_test(failure_has_the_last_words), cmocka_unit_test(a_program_that_is_not_there),
        cmocka_unit_test(one_more_variable),          cmocka_unit_test(no_input_and_no_foreign_descriptors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
