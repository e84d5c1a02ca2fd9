#include "proto/tuple.h"

#include "tests/unit/proto/samples.h"

static void put_sample(struct buf *b)
{
    tuple_begin(b, 4);
    tuple_put(b, (struct value){.kind = VALUE_NULL});
    tuple_put(b, (struct value){VALUE_TEXT, bytes_text("eins")});
    tuple_put(b, (struct value){.kind = VALUE_UNCHANGED});
    tuple_put(b, (struct value){VALUE_BINARY, bytes_of("\0\1", 2)});
}

static void has_the_layout_of_the_protocol(void **unused)
{
    (void)unused;
    OWNED(buf) struct buf b = {0};
    uint8_t wanted[64];
    size_t len = sample_hex("00046e740000000465696e7375620000000200 01", wanted, sizeof wanted);
    put_sample(&b);
    assert_int_equal(b.len, len);
    assert_memory_equal(b.data, wanted, len);
}

static void what_is_put_comes_back(void **unused)
{
    (void)unused;
    OWNED(buf) struct buf b = {0};
    struct value v;
    put_sample(&b);
    struct tuple t = tuple_open(buf_view(&b));
    assert_int_equal(t.count, 4);
    assert_true(tuple_next(&t, &v) && v.kind == VALUE_NULL);
    assert_true(tuple_next(&t, &v) && v.kind == VALUE_TEXT && bytes_equal(v.text, bytes_text("eins")));
    assert_true(tuple_next(&t, &v) && v.kind == VALUE_UNCHANGED);
    assert_true(tuple_next(&t, &v) && v.kind == VALUE_BINARY && v.text.len == 2);
    assert_int_equal(t.next, 4);
    assert_false(tuple_next(&t, &v));
    assert_true(reader_ok(&t.rest) && t.rest.left == 0);
}

static void skips_to_what_follows(void **unused)
{
    (void)unused;
    OWNED(buf) struct buf b = {0};
    put_sample(&b);
    size_t len = b.len;
    buf_u8(&b, 0xee);
    struct reader r = reader_over(buf_view(&b));
    struct bytes skipped = tuple_skip(&r);
    assert_ptr_equal(skipped.data, b.data);
    assert_int_equal(skipped.len, len);
    assert_int_equal(reader_u8(&r), 0xee);
    assert_true(reader_ok(&r) && r.left == 0);
}

static void a_tuple_without_columns(void **unused)
{
    (void)unused;
    struct reader r = reader_over(bytes_of("\0\0", 2));
    assert_int_equal(tuple_skip(&r).len, 2);
    assert_true(reader_ok(&r));
    struct tuple t = tuple_open(bytes_of("\0\0", 2));
    struct value v;
    assert_false(tuple_next(&t, &v));
    assert_true(reader_ok(&t.rest));
}

static void every_prefix_is_bad(void **unused)
{
    (void)unused;
    OWNED(buf) struct buf b = {0};
    put_sample(&b);
    for (size_t len = 0; len < b.len; len++) {
        uint8_t *exact = sample_exact(b.data, len);
        struct reader r = reader_over(bytes_of(exact, len));
        assert_int_equal(tuple_skip(&r).len, 0);
        assert_false(reader_ok(&r));
        struct tuple t = tuple_open(bytes_of(exact, len));
        for (struct value v; tuple_next(&t, &v);)
            assert_true(v.text.len < len);
        assert_false(reader_ok(&t.rest));
        assert_false(tuple_has_unchanged(bytes_of(exact, len)));
        free(exact);
    }
}

static void lengths_and_kinds_are_checked(void **unused)
{
    (void)unused;
    static const char *const bad[] = {"0001 74 ffffffff 61", "0001 74 00000002 61", "0001 7a", "0001 00",
                                      "ffff 6e6e"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint8_t raw[32];
        struct value v;
        size_t len = sample_hex(bad[i], raw, sizeof raw);
        struct reader r = reader_over(bytes_of(raw, len));
        (void)tuple_skip(&r);
        assert_false(reader_ok(&r));
        struct tuple t = tuple_open(bytes_of(raw, len));
        while (tuple_next(&t, &v))
            assert_int_equal(v.kind, VALUE_NULL);
        assert_false(reader_ok(&t.rest));
    }
}

static void unchanged_is_found(void **unused)
{
    (void)unused;
    OWNED(buf) struct buf b = {0};
    put_sample(&b);
    assert_true(tuple_has_unchanged(buf_view(&b)));
    assert_false(tuple_has_unchanged(bytes_of("\0\1n", 3)));
    assert_false(tuple_has_unchanged(bytes_of("\0\1t\0\0\0\1u", 8))); /* a value that is the letter u */
}

static void values_beyond_the_length_field(void **unused)
{
    (void)unused;
    err e = ERR_INIT;
    OWNED(buf) struct buf b = {0};
    tuple_begin(&b, 1);
    tuple_put(&b, (struct value){VALUE_TEXT, bytes_of("", (size_t)UINT32_MAX + 1)});
    assert_fails(buf_done(&b, &e), &e, ERR_STORAGE);
}

/* record_send's form becomes the protocol's; anything short, long or of other columns is refused. */
static void a_record_becomes_a_tuple(void **unused)
{
    (void)unused;
    OWNED(buf) struct buf b = {0};
    uint8_t record[64], wanted[64];
    const size_t len = sample_hex("00000003 00000011 00000002 6869 00000011 ffffffff 00000011 00000000",
                                  record, sizeof record);
    const size_t tuple = sample_hex("0003 74 00000002 6869 6e 74 00000000", wanted, sizeof wanted);
    assert_true(tuple_of_record(bytes_of(record, len), 3, &b));
    assert_int_equal(b.len, tuple);
    assert_memory_equal(b.data, wanted, tuple);
    assert_false(tuple_of_record(bytes_of(record, len), 2, &b));
    for (size_t i = 0; i < len; i++)
        assert_false(tuple_of_record(bytes_of(record, i), 3, &b));
    record[len] = 0;
    assert_false(tuple_of_record(bytes_of(record, len + 1), 3, &b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_the_layout_of_the_protocol),
        cmocka_unit_test(what_is_put_comes_back),
        cmocka_unit_test(skips_to_what_follows),
        cmocka_unit_test(a_tuple_without_columns),
        cmocka_unit_test(every_prefix_is_bad),
        cmocka_unit_test(lengths_and_kinds_are_checked),
        cmocka_unit_test(unchanged_is_found),
        cmocka_unit_test(values_beyond_the_length_field),
        cmocka_unit_test(a_record_becomes_a_tuple),
    };
    return cmocka_run_group_tests_name("tuple", tests, NULL, NULL);
}
