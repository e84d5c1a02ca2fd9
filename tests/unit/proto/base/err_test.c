#include <errno.h>

#include "tests/lib/check.h"

static void set_fills_and_fails(void **state)
{
    (void)state;
    err e = ERR_INIT;
    assert_false(err_set(&e, ERR_SCHEMA, "table %s has no key", "\"menuItems\"").ok);
    assert_int_equal(e.class, ERR_SCHEMA);
    assert_int_equal(e.origin, FROM_SELF);
    assert_int_equal(e.code, 0);
    assert_string_equal(e.sqlstate, "");
    assert_string_equal(e.message, "table \"menuItems\" has no key");
}

static void wrap_puts_context_in_front_and_keeps_the_rest(void **state)
{
    (void)state;
    err e = ERR_INIT;
    (void)err_from(&e, ERR_NETWORK, FROM_LIBPQ, 7, "the server went away");
    memcpy(e.sqlstate, "57P01", 6);
    assert_false(err_wrap(&e, "slot %s", "strand").ok);
    assert_false(err_wrap(&e, "capture").ok);
    assert_string_equal(e.message, "capture: slot strand: the server went away");
    assert_int_equal(e.class, ERR_NETWORK);
    assert_int_equal(e.origin, FROM_LIBPQ);
    assert_int_equal(e.code, 7);
    assert_string_equal(e.sqlstate, "57P01");
}

static void long_messages_are_cut(void **state)
{
    (void)state;
    err e = ERR_INIT;
    char longer[3 * ERR_TEXT];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    (void)err_set(&e, ERR_STORAGE, "%s", longer);
    assert_int_equal(strlen(e.message), ERR_TEXT - 1);
    (void)err_wrap(&e, "front");
    assert_int_equal(strlen(e.message), ERR_TEXT - 1);
    assert_memory_equal(e.message, "front: xxx", 10);
    (void)err_wrap(&e, "%s", longer);
    assert_int_equal(strlen(e.message), ERR_TEXT - 1);
    (void)err_errno(&e, ENOSPC, "%s", longer);
    assert_int_equal(strlen(e.message), ERR_TEXT - 1);
}

static void messages_are_one_line(void **state)
{
    (void)state;
    err e = ERR_INIT;
    (void)err_set(&e, ERR_NETWORK, "FATAL:\tno\r\nsuch role\n");
    assert_string_equal(e.message, "FATAL: no  such role");
    (void)err_wrap(&e, "two\nlines");
    assert_string_equal(e.message, "two lines: FATAL: no  such role");
}

static void errno_has_its_class_and_text(void **state)
{
    (void)state;
    const struct {
        int code;
        enum err_class class;
    } known[] = {{ENOSPC, ERR_STORAGE},       {EACCES, ERR_STORAGE},     {ETIMEDOUT, ERR_TIMEOUT},
                 {ECONNREFUSED, ERR_NETWORK}, {ECONNRESET, ERR_NETWORK}, {EPIPE, ERR_NETWORK},
                 {EINTR, ERR_INTERRUPTED}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        err e = ERR_INIT;
        assert_false(err_errno(&e, known[i].code, "write %s", "log").ok);
        assert_int_equal(e.class, known[i].class);
        assert_int_equal(e.origin, FROM_ERRNO);
        assert_int_equal(e.code, known[i].code);
        assert_mentions(&e, "write log: ");
        assert_mentions(&e, strerror(known[i].code));
    }
}

/* The CLI contract: 0 done, 2 usage, 10 to 15, 130. */
static void exit_codes(void **state)
{
    (void)state;
    const struct {
        enum err_class class;
        int code;
        const char *name;
    } known[] = {
        {ERR_NONE, 0, "none"},        {ERR_USAGE, 2, "usage"},      {ERR_VALIDATION, 10, "validation"},
        {ERR_SCHEMA, 11, "schema"},   {ERR_STORAGE, 12, "storage"}, {ERR_NETWORK, 13, "network"},
        {ERR_TIMEOUT, 14, "timeout"}, {ERR_REFUSED, 15, "refused"}, {ERR_INTERRUPTED, 130, "interrupted"}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        assert_int_equal(err_exit_code(known[i].class), known[i].code);
        assert_string_equal(err_class_name(known[i].class), known[i].name);
        err e = {.class = known[i].class};
        bool again = known[i].class == ERR_NETWORK || known[i].class == ERR_TIMEOUT;
        assert_int_equal(err_is_transient(&e), again);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_fills_and_fails),
        cmocka_unit_test(wrap_puts_context_in_front_and_keeps_the_rest),
        cmocka_unit_test(long_messages_are_cut),
        cmocka_unit_test(messages_are_one_line),
        cmocka_unit_test(errno_has_its_class_and_text),
        cmocka_unit_test(exit_codes),
    };
    return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
