#include "proto/base/buf.h"
#include "proto/base/reader.h"
#include "tests/lib/check.h"

static void what_is_written_is_read(void **state)
{
    (void)state;
    err e = ERR_INIT;
    OWNED(buf) struct buf b = {0};
    buf_u8(&b, 0xfe);
    buf_u16(&b, 0x0102);
    buf_u32(&b, 0x03040506);
    buf_u64(&b, UINT64_C(0x0708090a0b0c0d0e));
    buf_le32(&b, 0xdeadbeef);
    buf_le64(&b, UINT64_MAX - 1);
    buf_varint(&b, 0);
    buf_varint(&b, 300);
    buf_varint(&b, UINT64_MAX);
    buf_bytes(&b, "xyz", 3);
    assert_done(buf_done(&b, &e), &e);
    struct reader r = reader_over(buf_view(&b));
    assert_int_equal(reader_u8(&r), 0xfe);
    assert_int_equal(reader_u16(&r), 0x0102);
    assert_int_equal(reader_u32(&r), 0x03040506);
    assert_true(reader_u64(&r) == UINT64_C(0x0708090a0b0c0d0e));
    assert_int_equal(reader_le32(&r), 0xdeadbeef);
    assert_true(reader_le64(&r) == UINT64_MAX - 1);
    assert_int_equal(reader_varint(&r), 0);
    assert_int_equal(reader_varint(&r), 300);
    assert_true(reader_varint(&r) == UINT64_MAX);
    assert_memory_equal(reader_bytes(&r, 3).data, "xyz", 3);
    assert_done(reader_done(&r, "buffer", &e), &e);
}

static void grows_and_keeps_its_content(void **state)
{
    (void)state;
    err e = ERR_INIT;
    OWNED(buf) struct buf b = {0};
    for (uint32_t i = 0; i < 100000; i++)
        buf_le32(&b, i);
    assert_done(buf_done(&b, &e), &e);
    assert_int_equal(b.len, 400000);
    struct reader r = reader_over(buf_view(&b));
    for (uint32_t i = 0; i < 100000; i++)
        assert_int_equal(reader_le32(&r), i);
    size_t cap = b.cap;
    buf_reset(&b);
    assert_int_equal(b.len, 0);
    assert_int_equal(b.cap, cap);
}

static void room_does_not_change_the_length(void **state)
{
    (void)state;
    OWNED(buf) struct buf b = {0};
    assert_non_null(buf_room(&b, 0));
    assert_int_equal(b.len, 0);
    buf_text(&b, "abc");
    uint8_t *room = buf_room(&b, 1000);
    assert_non_null(room);
    memset(room, 'z', 1000);
    assert_int_equal(b.len, 3);
    assert_string_equal(buf_cstring(&b), "abc");
}

static void out_of_memory_is_remembered(void **state)
{
    (void)state;
    err e = ERR_INIT;
    OWNED(buf) struct buf b = {0};
    buf_text(&b, "kept");
    assert_null(buf_room(&b, SIZE_MAX - 4));
    buf_text(&b, "ignored");
    assert_int_equal(b.len, 4);
    assert_fails(buf_done(&b, &e), &e, ERR_STORAGE);
    assert_string_equal(buf_cstring(&b), "");
    assert_null(buf_take_cstring(&b));
    buf_reset(&b);
    assert_done(buf_done(&b, &e), &e);
}

static void text(void **state)
{
    (void)state;
    OWNED(buf) struct buf b = {0};
    assert_string_equal(buf_cstring(&b), "");
    buf_printf(&b, "%s-%d", "seq", 42);
    buf_printf(&b, "%s", "");
    buf_printf(&b, "%01000d", 7);
    assert_int_equal(b.len, 6 + 1000);
    assert_memory_equal(buf_cstring(&b), "seq-4200", 8);
    OWNED(text) char *taken = buf_take_cstring(&b);
    assert_int_equal(strlen(taken), 1006);
    assert_int_equal(b.len, 0);
    assert_null(b.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(grows_and_keeps_its_content),
        cmocka_unit_test(room_does_not_change_the_length),
        cmocka_unit_test(out_of_memory_is_remembered),
        cmocka_unit_test(text),
    };
    return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
