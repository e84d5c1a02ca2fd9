#include "tests/lib/check.h"

#include "proto/jsonread.h"

static struct reader over(const char *text)
{
    return reader_over(bytes_text(text));
}

static void a_document_is_read_value_by_value(void **state)
{
    (void)state;
    struct reader r =
        over(" [ {\"n\" : -42, \"name\":\"t\\u00e4g\\n\\\"\\\\\\/\", \"gone\": null}, true ,false ] \n");
    OWNED(buf) struct buf text = {0};
    int64_t n = 0;
    bool yes = false, no = true;
    assert_true(jsonread_take(&r, '['));
    assert_true(jsonread_take(&r, '{'));
    assert_true(jsonread_string(&r, &text));
    assert_string_equal(buf_cstring(&text), "n");
    assert_true(jsonread_take(&r, ':'));
    assert_false(jsonread_null(&r));
    assert_true(jsonread_number(&r, &n));
    assert_int_equal(n, -42);
    assert_true(jsonread_take(&r, ','));
    assert_true(jsonread_skip(&r));
    assert_true(jsonread_take(&r, ':'));
    assert_true(jsonread_string(&r, &text));
    assert_string_equal(buf_cstring(&text), "t\xc3\xa4g\n\"\\/");
    assert_true(jsonread_take(&r, ','));
    assert_true(jsonread_string(&r, &text));
    assert_true(jsonread_take(&r, ':'));
    assert_true(jsonread_null(&r));
    assert_false(jsonread_take(&r, ','));
    assert_true(jsonread_take(&r, '}'));
    assert_true(jsonread_take(&r, ','));
    assert_true(jsonread_bool(&r, &yes));
    assert_true(jsonread_take(&r, ','));
    assert_true(jsonread_bool(&r, &no));
    assert_true(yes && !no);
    assert_true(jsonread_take(&r, ']'));
    assert_true(jsonread_end(&r));
    assert_true(reader_ok(&r));
}

static void characters_beyond_the_basic_plane(void **state)
{
    (void)state;
    struct reader r = over("\"\\ud83d\\ude00\xf0\x9f\x98\x80\"");
    OWNED(buf) struct buf text = {0};
    assert_true(jsonread_string(&r, &text));
    assert_string_equal(buf_cstring(&text), "\xf0\x9f\x98\x80\xf0\x9f\x98\x80");
}

static void a_value_is_stepped_over_or_taken_as_it_stands(void **state)
{
    (void)state;
    struct reader r = over("  {\"a\":[1, {\"b\":\"]}\\\"\"}], \"c\":-1.5e3} ,7");
    struct bytes raw;
    int64_t n = 0;
    assert_true(jsonread_raw(&r, &raw));
    assert_true(bytes_equal(raw, bytes_text("{\"a\":[1, {\"b\":\"]}\\\"\"}], \"c\":-1.5e3}")));
    assert_true(jsonread_take(&r, ','));
    assert_true(jsonread_number(&r, &n));
    assert_int_equal(n, 7);
    assert_true(jsonread_end(&r));
}

static void malformed_text_is_refused(void **state)
{
    (void)state;
    static const char *const strings[] = {
        "\"open",      "\"\\x\"",      "\"\\u12\"",          "\"\\ud83d\"", "\"\\ude00\"",
        "\"\\u0000\"", "\"\\ud83dx\"", "\"\\ud83d\\u0041\"", "\"",          ""};
    static const char *const values[] = {"[1",  "{\"a\"", "{\"a\":}", "[1,]", "{1:2}",
                                         "nul", "[}",     "-",        "\"",   ""};
    for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++) {
        struct reader r = over(strings[i]);
        OWNED(buf) struct buf text = {0};
        if (jsonread_string(&r, &text))
            fail_msg("%s was taken", strings[i]);
    }
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct reader r = over(values[i]);
        if (jsonread_skip(&r) && jsonread_end(&r))
            fail_msg("%s was taken", values[i]);
    }
}

static void numbers_have_limits(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "9223372036854775808", "-9223372036854775808", "99999999999999999999", "x", "-", ""};
    int64_t n = 0;
    struct reader r = over("9223372036854775807 -9223372036854775807");
    assert_true(jsonread_number(&r, &n));
    assert_true(n == INT64_MAX);
    assert_true(jsonread_number(&r, &n));
    assert_true(n == -INT64_MAX);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct reader one = over(bad[i]);
        if (jsonread_number(&one, &n))
            fail_msg("%s was taken", bad[i]);
    }
}

/* Nesting must not take the stack. */
static void depth_is_bounded(void **state)
{
    (void)state;
    OWNED(buf) struct buf deep = {0};
    for (size_t i = 0; i < 1000000; i++)
        buf_u8(&deep, '[');
    struct reader r = reader_over(buf_view(&deep));
    assert_false(jsonread_skip(&r));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_is_read_value_by_value),
        cmocka_unit_test(characters_beyond_the_basic_plane),
        cmocka_unit_test(a_value_is_stepped_over_or_taken_as_it_stands),
        cmocka_unit_test(malformed_text_is_refused),
        cmocka_unit_test(numbers_have_limits),
        cmocka_unit_test(depth_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
