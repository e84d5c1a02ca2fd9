#include "proto/base/reader.h"
#include "tests/lib/check.h"

static const uint8_t sample[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

static void integers(void **state)
{
    (void)state;
    err e = ERR_INIT;
    struct reader r = reader_over(bytes_of(sample, sizeof sample));
    assert_int_equal(reader_u8(&r), 1);
    assert_int_equal(reader_u16(&r), 0x0203);
    assert_int_equal(reader_u32(&r), 0x04050607);
    assert_true(reader_u64(&r) == UINT64_C(0x08090a0b0c0d0e0f));
    assert_done(reader_done(&r, "sample", &e), &e);
    r = reader_over(bytes_of(sample, 12));
    assert_int_equal(reader_le32(&r), 0x04030201);
    assert_true(reader_le64(&r) == UINT64_C(0x0c0b0a0908070605));
    assert_done(reader_done(&r, "sample", &e), &e);
}

typedef void read_one(struct reader *r);

static void one_u8(struct reader *r)
{
    assert_int_equal(reader_u8(r), 0);
}

static void one_u16(struct reader *r)
{
    assert_int_equal(reader_u16(r), 0);
}

static void one_u32(struct reader *r)
{
    assert_int_equal(reader_u32(r), 0);
}

static void one_u64(struct reader *r)
{
    assert_true(reader_u64(r) == 0);
}

static void one_le32(struct reader *r)
{
    assert_int_equal(reader_le32(r), 0);
}

static void one_le64(struct reader *r)
{
    assert_true(reader_le64(r) == 0);
}

static void eight_bytes(struct reader *r)
{
    struct bytes got = reader_bytes(r, 8);
    assert_int_equal(got.len, 0);
    assert_non_null(got.data);
}

/* A field that is cut short at any byte gives zero, makes the reader bad, and it stays bad. */
static void short_input(void **state)
{
    (void)state;
    const struct {
        read_one *read;
        size_t width;
    } fields[] = {{one_u8, 1},   {one_u16, 2},  {one_u32, 4},    {one_u64, 8},
                  {one_le32, 4}, {one_le64, 8}, {eight_bytes, 8}};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        for (size_t have = 0; have < fields[i].width; have++) {
            err e = ERR_INIT;
            uint8_t *exact = malloc(have + 1); /* of its own, so that the sanitizer sees one byte too far */
            assert_non_null(exact);
            memcpy(exact, sample, have);
            struct reader r = reader_over(bytes_of(exact, have));
            fields[i].read(&r);
            assert_false(reader_ok(&r));
            assert_int_equal(reader_u8(&r), 0);
            assert_fails(reader_done(&r, "a thing", &e), &e, ERR_STORAGE);
            assert_mentions(&e, "a thing");
            free(exact);
        }
    }
}

static void bytes_left_over_are_an_error(void **state)
{
    (void)state;
    err e = ERR_INIT;
    struct reader r = reader_over(bytes_of(sample, 3));
    assert_int_equal(reader_u16(&r), 0x0102);
    assert_fails(reader_done(&r, "a message", &e), &e, ERR_STORAGE);
    assert_mentions(&e, "1 bytes");
}

static void huge_length_is_refused(void **state)
{
    (void)state;
    struct reader r = reader_over(bytes_of(sample, sizeof sample));
    assert_int_equal(reader_bytes(&r, SIZE_MAX).len, 0);
    assert_false(reader_ok(&r));
}

static void varints(void **state)
{
    (void)state;
    const struct {
        const char *hex;
        uint64_t value;
        bool bad;
    } known[] = {{"00", 0, false},
                 {"7f", 127, false},
                 {"8001", 128, false},
                 {"ac02", 300, false},
                 {"ffffffffffffffffff01", UINT64_MAX, false},
                 {"ffffffffffffffffff80", 0, true},   /* would go on behind the tenth byte */
                 {"ffffffffffffffffffff01", 0, true}, /* eleven bytes */
                 {"80", 0, true},
                 {"", 0, true}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        uint8_t raw[16];
        struct reader r = reader_over(bytes_of(raw, from_hex(known[i].hex, raw, sizeof raw)));
        uint64_t value = reader_varint(&r);
        assert_int_equal(reader_ok(&r), !known[i].bad);
        if (!known[i].bad)
            assert_true(value == known[i].value);
    }
}

static void strings(void **state)
{
    (void)state;
    err e = ERR_INIT;
    struct reader r = reader_over(bytes_of("ab\0\0cd", 6));
    assert_string_equal(reader_cstring(&r), "ab");
    assert_string_equal(reader_cstring(&r), "");
    assert_true(reader_ok(&r));
    assert_string_equal(reader_cstring(&r), ""); /* "cd" has no NUL */
    assert_fails(reader_done(&r, "names", &e), &e, ERR_STORAGE);
}

static void caller_can_condemn(void **state)
{
    (void)state;
    err e = ERR_INIT;
    struct reader r = reader_over(bytes_of(sample, 2));
    reader_fail(&r);
    assert_int_equal(reader_u16(&r), 0);
    assert_fails(reader_done(&r, "kind", &e), &e, ERR_STORAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers),
        cmocka_unit_test(short_input),
        cmocka_unit_test(bytes_left_over_are_an_error),
        cmocka_unit_test(huge_length_is_refused),
        cmocka_unit_test(varints),
        cmocka_unit_test(strings),
        cmocka_unit_test(caller_can_condemn),
    };
    return cmocka_run_group_tests_name("reader", tests, NULL, NULL);
}
