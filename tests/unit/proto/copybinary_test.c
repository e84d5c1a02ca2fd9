#include "proto/copybinary.h"

#include "tests/unit/proto/samples.h"

static const struct {
    enum copybinary_form form;
    const char *text;
    const char *bytes; /* in hex, from the server's own *_send functions; of numeric with the zeros that it
                          leaves out */
} known[] = {
    {COPYBINARY_BOOL, "t", "01"},
    {COPYBINARY_BOOL, "f", "00"},
    {COPYBINARY_INT2, "-32768", "8000"},
    {COPYBINARY_INT4, "2147483647", "7fffffff"},
    {COPYBINARY_INT8, "-9223372036854775808", "8000000000000000"},
    {COPYBINARY_INT8, "9223372036854775807", "7fffffffffffffff"},
    {COPYBINARY_FLOAT4, "1.1", "3f8ccccd"},
    {COPYBINARY_FLOAT8, "-0", "8000000000000000"},
    {COPYBINARY_FLOAT8, "NaN", "7ff8000000000000"},
    {COPYBINARY_FLOAT8, "-Infinity", "fff0000000000000"},
    {COPYBINARY_FLOAT8, "5e-324", "0000000000000001"},
    {COPYBINARY_NUMERIC, "NaN", "00000000c0000000"},
    {COPYBINARY_NUMERIC, "-Infinity", "00000000f0000000"},
    {COPYBINARY_NUMERIC, "-12345.6780", "0003000140000004000109291a7c"},
    {COPYBINARY_NUMERIC, "0.00",
     "0002000000000002"
     "00000000"},
    {COPYBINARY_NUMERIC, "100000000", "0003000200000000000100000000"},
    {COPYBINARY_TEXT, "", ""},
    {COPYBINARY_TEXT, "a\tb", "610962"},
    {COPYBINARY_TEXT, "a ", "6120"},
    {COPYBINARY_BPCHAR, " a b  ", "20612062"}, /* the server fills up */
    {COPYBINARY_BPCHAR, "   ", ""},
    {COPYBINARY_BPCHAR, "", ""},
    {COPYBINARY_JSONB, "{}", "017b7d"},
    {COPYBINARY_BYTEA, "\\x00ff", "00ff"},
    {COPYBINARY_BYTEA, "\\x", ""},
    {COPYBINARY_UUID, "00112233-4455-6677-8899-aabbccddeeff", "00112233445566778899aabbccddeeff"},
    {COPYBINARY_DATE, "2000-01-01", "00000000"},
    {COPYBINARY_DATE, "1999-12-31", "ffffffff"},
    {COPYBINARY_DATE, "5874897-12-31", "7fda970c"},
    {COPYBINARY_DATE, "4714-11-24 BC", "ffda97a7"},
    {COPYBINARY_DATE, "-infinity", "80000000"},
    {COPYBINARY_TIMESTAMP, "2000-01-01 00:00:00.000001", "0000000000000001"},
    {COPYBINARY_TIMESTAMP, "2000-01-01 00:00:00.5+00", "000000000007a120"},
    {COPYBINARY_TIMESTAMP, "2000-01-01 01:00:00+01", "0000000000000000"},
    {COPYBINARY_TIMESTAMP, "1999-12-31 23:59:59-00:00:01", "0000000000000000"},
    {COPYBINARY_TIMESTAMP, "4714-11-24 00:00:00 BC", "fd0f7cc1411fa000"},
    {COPYBINARY_TIMESTAMP, "294276-12-31 23:59:59.999999", "7fffff5bb3b29fff"},
    {COPYBINARY_TIMESTAMP, "infinity", "7fffffffffffffff"},
};

static void assert_hex(const struct buf *got, size_t from, const char *wanted)
{
    assert_int_equal(got->len - from, strlen(wanted) / 2);
    for (size_t i = from; i < got->len; i++) {
        char pair[3];
        (void)snprintf(pair, sizeof pair, "%02x", got->data[i]);
        assert_memory_equal(pair, wanted + 2 * (i - from), 2);
    }
}

static void values_are_what_the_server_sends(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        OWNED(buf) struct buf out = {0};
        assert_true(copybinary_value(&out, known[i].form, bytes_text(known[i].text)));
        assert_hex(&out, 0, known[i].bytes);
    }
}

static void other_text_is_refused(void **unused)
{
    (void)unused;
    static const struct {
        enum copybinary_form form;
        const char *text;
    } wrong[] = {
        {COPYBINARY_NONE, "1"},
        {COPYBINARY_BOOL, ""},
        {COPYBINARY_BOOL, "true"},
        {COPYBINARY_INT2, "32768"},
        {COPYBINARY_INT2, "-32769"},
        {COPYBINARY_INT4, ""},
        {COPYBINARY_INT4, "-"},
        {COPYBINARY_INT4, " 1"},
        {COPYBINARY_INT4, "1x"},
        {COPYBINARY_INT8, "9223372036854775808"},
        {COPYBINARY_INT8, "18446744073709551617"},
        {COPYBINARY_FLOAT8, ""},
        {COPYBINARY_FLOAT8, "1.5 "},
        {COPYBINARY_FLOAT8, "1.5x"},
        {COPYBINARY_NUMERIC, ""},
        {COPYBINARY_NUMERIC, "."},
        {COPYBINARY_NUMERIC, "-"},
        {COPYBINARY_NUMERIC, "1.2.3"},
        {COPYBINARY_NUMERIC, "1e5"},
        {COPYBINARY_BYTEA, "\\x0"},
        {COPYBINARY_BYTEA, "00"},
        {COPYBINARY_BYTEA, "\\xzz"},
        {COPYBINARY_UUID, "00112233-4455-6677-8899-aabbccddeef"},
        {COPYBINARY_UUID, "001122334-455-6677-8899-aabbccddeeff"},
        {COPYBINARY_DATE, "2000-13-01"},
        {COPYBINARY_DATE, "2000-01-01 AD"},
        {COPYBINARY_DATE, "01/02/2000"},
        {COPYBINARY_TIMESTAMP, "2000-01-01"},
        {COPYBINARY_TIMESTAMP, "2000-01-01 00:00:00.1234567"},
        {COPYBINARY_TIMESTAMP, "2000-01-01 00:00:00 UTC"},
        {COPYBINARY_TIMESTAMP, "9999999-01-01 00:00:00"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        OWNED(buf) struct buf out = {0};
        if (copybinary_value(&out, wrong[i].form, bytes_text(wrong[i].text)))
            fail_msg("\"%s\" was taken", wrong[i].text);
    }
}

static const enum copybinary_form row[] = {COPYBINARY_INT4, COPYBINARY_TEXT, COPYBINARY_BYTEA};

static status line_of(const char *text, struct buf *out, err *e)
{
    OWNED(buf) struct buf scratch = {0};
    return copybinary_line(out, row, 3, bytes_text(text), &scratch, NULL, e);
}

static void a_line_is_a_row(void **unused)
{
    (void)unused;
    OWNED(buf) struct buf out = {0};
    err e = ERR_INIT;
    copybinary_begin(&out);
    size_t from = out.len;
    assert_int_equal(from, 19);
    assert_done(line_of("7\ta\\tb\\\\\t\\N", &out, &e), &e);
    assert_hex(&out, from,
               "0003000000040000000700000004610962"
               "5cffffffff");
    from = out.len;
    assert_done(line_of("\\N\t\t\\\\x01", &out, &e), &e);
    assert_hex(&out, from, "0003ffffffff000000000000000101");
    from = out.len;
    copybinary_end(&out);
    assert_hex(&out, from, "ffff");
}

static void a_line_of_another_shape_is_damage(void **unused)
{
    (void)unused;
    static const char *const wrong[] = {"", "1", "1\ta", "1\ta\t\\N\t", "x\ta\t\\N"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        OWNED(buf) struct buf out = {0};
        err e = ERR_INIT;
        assert_fails(line_of(wrong[i], &out, &e), &e, ERR_STORAGE);
        assert_mentions(&e, "pgstrand verify");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_what_the_server_sends),
        cmocka_unit_test(other_text_is_refused),
        cmocka_unit_test(a_line_is_a_row),
        cmocka_unit_test(a_line_of_another_shape_is_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
