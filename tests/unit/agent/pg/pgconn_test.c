/* What needs no server: quoting, passwords in connection strings, refusals on the way, classes of SQLSTATEs.
 * The rest of the adapter is tested against real clusters. */
#include "agent/pg/pgconn.h"

#include "agent/pg/pglib.h"
#include "agent/pg/tables.h"
#include "proto/base/buf.h"
#include "tests/lib/check.h"

static void names_and_literals(void **state)
{
    (void)state;
    OWNED(buf) struct buf out = {0};
    pgconn_quote_name(&out, "we\"ird");
    buf_u8(&out, ' ');
    pgconn_quote_literal(&out, "it's");
    pgconn_quote_literal(&out, "a\\b'c");
    buf_u8(&out, ' ');
    table_quote(&out, "S p", "t.x");
    assert_string_equal(buf_cstring(&out), "\"we\"\"ird\" 'it''s' E'a\\\\b''c' \"S p\".\"t.x\"");
}

static void expect_plain(const char *given, const char *wanted, const char *wanted_password)
{
    OWNED(text) char *plain = NULL;
    OWNED(text) char *password = NULL;
    err e = ERR_INIT;
    assert_done(pgconn_split_password(given, &plain, &password, &e), &e);
    assert_string_equal(plain, wanted);
    if (wanted_password == NULL)
        assert_null(password);
    else
        assert_string_equal(password, wanted_password);
    assert_int_equal(pgconn_has_password(given), wanted_password != NULL);
    free(plain);
    plain = NULL;
    assert_done(pgconn_without_password(given, &plain, &e), &e);
    assert_string_equal(plain, wanted);
}

static void passwords_are_taken_out(void **state)
{
    (void)state;
    expect_plain("", "", NULL);
    expect_plain("shop", "dbname='shop'", NULL);
    expect_plain("dbname=shop", "dbname='shop'", NULL);
    expect_plain("host=a password='s\\'x' dbname=b", "dbname='b' host='a'", "s'x");
    expect_plain("postgresql://me:secret@far:5433/b?sslmode=require",
                 "user='me' dbname='b' host='far' port='5433' sslmode='require'", "secret");
    expect_plain("dbname='o\\'b\\\\c'", "dbname='o\\'b\\\\c'", NULL);
}

static void malformed_conninfo(void **state)
{
    (void)state;
    static const char *const wrong[] = {"hst=3", "dbname='open", "host = ", "postgresql://[::1", "=5"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct pgconn *c = NULL;
        char *plain = NULL, *password = NULL;
        err e = ERR_INIT;
        if (i != 2) { /* an empty value is libpq's default */
            assert_fails(pgconn_open(wrong[i], PGCONN_QUERY, &c, &e), &e, ERR_VALIDATION);
            assert_fails(pgconn_split_password(wrong[i], &plain, &password, &e), &e, ERR_VALIDATION);
            assert_false(pgconn_has_password(wrong[i]));
        }
        assert_null(c);
    }
}

static void a_server_that_is_away(void **state)
{
    (void)state;
    struct pgconn *c = NULL;
    err e = ERR_INIT;
    assert_fails(pgconn_open("host=/nonexistent/socket dbname=x", PGCONN_QUERY, &c, &e), &e, ERR_NETWORK);
    assert_mentions(&e, "/nonexistent/socket");
    assert_fails(pgconn_open("host=127.0.0.1 port=1 dbname=x", PGCONN_REPLICATION, &c, &e), &e, ERR_NETWORK);
    assert_fails(pgconn_open("host=127.0.0.1 sslmode=bogus", PGCONN_QUERY, &c, &e), &e, ERR_VALIDATION);
    assert_null(c);
    pgconn_close(NULL);
    pgrows_free(NULL);
}

static void classes(void **state)
{
    (void)state;
    static const struct {
        const char *sqlstate;
        enum err_class class;
    } cases[] = {
        {"", ERR_NETWORK},         {"08006", ERR_NETWORK},    {"57P01", ERR_NETWORK},
        {"57P03", ERR_NETWORK},    {"53300", ERR_NETWORK},    {"57014", ERR_TIMEOUT},
        {"55P03", ERR_TIMEOUT},    {"55006", ERR_TIMEOUT},    {"40P01", ERR_TIMEOUT},
        {"28P01", ERR_VALIDATION}, {"3D000", ERR_VALIDATION}, {"55000", ERR_VALIDATION},
        {"53400", ERR_VALIDATION}, {"42501", ERR_SCHEMA},     {"42P01", ERR_SCHEMA},
        {"23505", ERR_SCHEMA},     {"0A000", ERR_SCHEMA},     {"53100", ERR_STORAGE},
        {"XX001", ERR_STORAGE},    {"58030", ERR_STORAGE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (pglib_class(cases[i].sqlstate) != cases[i].class)
            fail_msg("%s is %s, should be %s", cases[i].sqlstate,
                     err_class_name(pglib_class(cases[i].sqlstate)), err_class_name(cases[i].class));
    assert_int_equal(pglib_class(NULL), ERR_NETWORK);
}

static void one_line(void **state)
{
    (void)state;
    char out[16];
    pglib_one_line("a\n\tb\n", out, sizeof out);
    assert_string_equal(out, "a; b");
    pglib_one_line("", out, sizeof out);
    assert_string_equal(out, "");
    pglib_one_line("0123456789abcdefghij", out, sizeof out);
    assert_true(strlen(out) < sizeof out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_literals),
        cmocka_unit_test(passwords_are_taken_out),
        cmocka_unit_test(malformed_conninfo),
        cmocka_unit_test(a_server_that_is_away),
        cmocka_unit_test(classes),
        cmocka_unit_test(one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
