#include "proto/wire.h"

#include "tests/unit/proto/samples.h"

static void assert_hex(const struct buf *b, const char *hex)
{
    uint8_t wanted[64];
    size_t len = from_hex(hex, wanted, sizeof wanted);
    assert_int_equal(b->len, len);
    assert_memory_equal(b->data, wanted, len);
}

/* Examples of protobuf.dev/programming-guides/encoding. */
static void known_encodings(void **unused)
{
    (void)unused;
    OWNED(buf) struct buf b = {0};
    wire_uint(&b, 1, 150);
    assert_hex(&b, "089601");
    buf_reset(&b);
    wire_bytes(&b, 2, bytes_text("testing"));
    assert_hex(&b, "120774657374696e67");
    buf_reset(&b);
    wire_sint(&b, 1, -2);
    assert_hex(&b, "0803");
    buf_reset(&b);
    wire_uint(&b, 16, 1); /* a key of two bytes */
    assert_hex(&b, "800101");
    buf_reset(&b);
    wire_bytes(&b, 3, (struct bytes){0});
    assert_hex(&b, "1a00");
}

static void zigzag(void **unused)
{
    (void)unused;
    const int64_t values[] = {0, -1, 1, -2, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};
    const uint64_t codes[] = {0, 1, 2, 3, 4294967294, 4294967295, UINT64_MAX - 1, UINT64_MAX};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        assert_true(wire_zigzag(values[i]) == codes[i]);
        assert_true(wire_unzigzag(codes[i]) == values[i]);
    }
}

static void varint_sizes(void **unused)
{
    (void)unused;
    uint64_t state = 3;
    for (int i = 0; i < 2000; i++) {
        OWNED(buf) struct buf b = {0};
        uint64_t value = sample_wide(&state);
        buf_varint(&b, value);
        assert_int_equal(wire_varint_size(value), b.len);
    }
}

static void fields_come_back(void **unused)
{
    (void)unused;
    OWNED(buf) struct buf b = {0};
    struct wire_field f;
    wire_uint(&b, 1, UINT64_MAX);
    wire_bytes(&b, 1000, bytes_text("abc"));
    uint8_t fixed[14];
    buf_bytes(&b, fixed, from_hex("1901000000000000801d02000080", fixed, sizeof fixed));
    struct reader r = reader_over(buf_view(&b));
    assert_true(wire_next(&r, &f) && f.number == 1 && f.type == 0 && f.value == UINT64_MAX);
    assert_true(wire_next(&r, &f) && f.number == 1000 && f.type == 2 &&
                bytes_equal(f.bytes, bytes_text("abc")));
    assert_true(wire_next(&r, &f) && f.number == 3 && f.type == 1 && f.value == UINT64_C(0x8000000000000001));
    assert_true(wire_next(&r, &f) && f.number == 3 && f.type == 5 && f.value == 0x80000002);
    assert_false(wire_next(&r, &f));
    assert_true(reader_ok(&r));
}

static void malformed_fields(void **unused)
{
    (void)unused;
    static const char *const bad[] = {
        "08",                       /* a key only */
        "0880",                     /* a varint without end */
        "08ffffffffffffffffffff01", /* eleven bytes */
        "12",
        "1205",
        "120561",                 /* shorter than its length */
        "12ffffffffffffffffff01", /* a length of 2^64 - 1 */
        "1900000000000000",       /* seven bytes of eight */
        "1d000000",               /* three of four */
        "00",
        "0200", /* field 0 */
        "0b",
        "0c",
        "0e",
        "0f",             /* groups, unknown types */
        "80808080800100", /* a field number beyond 29 bits */
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint8_t raw[16];
        struct wire_field f;
        size_t len = from_hex(bad[i], raw, sizeof raw);
        uint8_t *exact = sample_exact(raw, len);
        struct reader r = reader_over(bytes_of(exact, len));
        if (wire_next(&r, &f) || reader_ok(&r))
            fail_msg("%s was accepted", bad[i]);
        free(exact);
    }
}

/* A length that cannot be in memory makes the buffer bad instead of wrapping around. */
static void huge_values_are_refused(void **unused)
{
    (void)unused;
    OWNED(buf) struct buf b = {0};
    err e = ERR_INIT;
    wire_bytes(&b, 1, bytes_of("x", SIZE_MAX - 3));
    assert_fails(buf_done(&b, &e), &e, ERR_STORAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_encodings),  cmocka_unit_test(zigzag),
        cmocka_unit_test(varint_sizes),     cmocka_unit_test(fields_come_back),
        cmocka_unit_test(malformed_fields), cmocka_unit_test(huge_values_are_refused),
    };
    return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
