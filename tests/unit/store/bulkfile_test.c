/* Files of large transactions, each by itself; as a part of the log: logbulk_test.c. */
#include "tests/unit/store/bulkfixture.h"

static struct bulkreader *reader_of(const struct bulkfile *b)
{
    err e = ERR_INIT;
    struct bulkreader *r = NULL;
    const struct bulk_place extent = bulkfile_place(b);
    assert_done(bulkreader_open(bulkfile_path(b), &extent, &r, &e), &e);
    return r;
}

/* One that is too large to be copied is put together where it lies: with every length of its version and of
 * what stands before it. */
static void a_huge_action_is_borrowed(void **state)
{
    (void)state;
    static const uint32_t version[] = {1, 300, 70000, 3000000, 300000000, UINT32_MAX};
    static uint8_t huge[9 << 20];
    const struct bulk_versions versions = {version, 6};
    for (uint32_t number = 0; number <= versions.count; number++) {
        OWNED(scratch) struct scratch s = scratch_make();
        OWNED(bulkfile) struct bulkfile *b = bulkfixture_file(&s, "1.spool");
        OWNED(buf) struct buf buffer = {0};
        OWNED(buf) struct buf wanted = {0};
        OWNED(buf) struct buf copied = {0};
        struct action a = {.kind = ACTION_CREATE, .relation = number, .new = bytes_of(huge, sizeof huge)};
        err e = ERR_INIT;
        bool mapped = true;
        memset(huge, (int)number, sizeof huge);
        assert_done(bulkfile_open(b, &buffer, &e), &e);
        bulkfixture_put(b, 1, 9, 0, SIZE);
        assert_done(bulkfile_put(b, &a, &e), &e);
        bulkfixture_put(b, 1, 9, 1, SIZE);
        assert_done(bulkfile_close(b, &e), &e);
        a.relation = number == 0 ? 0 : version[number - 1];
        action_encode(&a, false, &wanted);
        OWNED(bulkreader) struct bulkreader *r = reader_of(b);
        for (unsigned n = 0; n < 3; n++) {
            struct bytes got;
            assert_done(bulkreader_is_mapped(r, &mapped, &e), &e);
            assert_done(bulkreader_borrow(r, &versions, &got, &e), &e);
            if (got.len == 0) {
                buf_reset(&copied);
                assert_done(bulkreader_next(r, &versions, &copied, &e), &e);
                got = buf_view(&copied);
            } else
                assert_true(mapped);
            if (n == 1)
                assert_true(bytes_equal(got, buf_view(&wanted)) && mapped);
            assert_true(n != 1 || copied.len == 0 || number >= 5);
        }
        assert_false(mapped);
        assert_fails(bulkreader_is_mapped(r, &mapped, &e), &e, ERR_STORAGE);
    }
}

static void an_action_comes_back_as_the_log_would_have_it(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(bulkfile) struct bulkfile *b = bulkfixture_file(&s, "1.spool");
    OWNED(buf) struct buf buffer = {0};
    OWNED(buf) struct buf wanted = {0};
    OWNED(buf) struct buf got = {0};
    static const uint8_t numbers[] = {2, 1};
    static const uint8_t mapped[] = {0xac, 0x02, 7}; /* 300, 7 */
    static uint8_t huge[300000];
    const uint32_t version[] = {7, 300, 0};
    const struct bulk_versions versions = {version, 3};
    struct action a[] = {
        {.kind = ACTION_CREATE, .relation = 2, .new = bytes_text("row")},
        {.kind = ACTION_UPDATE,
         .relation = 1,
         .old_kind = 'K',
         .old = bytes_text("o"),
         .new = bytes_text("n")},
        {.kind = ACTION_TRUNCATE, .truncated = bytes_of(numbers, 2), .flags = 3},
        {.kind = ACTION_MESSAGE, .prefix = bytes_text("p"), .content = bytes_of(huge, sizeof huge)},
        {.kind = ACTION_DELETE, .relation = 2, .old_kind = 'O', .old = bytes_of(huge, 20000)},
        {.kind = ACTION_DDL, .prefix = bytes_text("CREATE TABLE")},
    };
    const size_t count = sizeof a / sizeof a[0];
    err e = ERR_INIT;
    assert_done(bulkfile_open(b, &buffer, &e), &e);
    for (size_t i = 0; i < count; i++)
        assert_done(bulkfile_put(b, &a[i], &e), &e);
    assert_done(bulkfile_close(b, &e), &e);
    assert_int_equal(bulkfile_place(b).actions, count);
    a[0].relation = a[4].relation = 300;
    a[1].relation = 7;
    a[2].truncated = bytes_of(mapped, 3);
    OWNED(bulkreader) struct bulkreader *r = reader_of(b);
    for (size_t i = 0; i < count; i++) {
        buf_reset(&wanted);
        buf_reset(&got);
        action_encode(&a[i], false, &wanted);
        assert_done(bulkreader_next(r, &versions, &got, &e), &e);
        assert_true(bytes_equal(buf_view(&got), buf_view(&wanted)));
    }
    assert_fails(bulkreader_next(r, &versions, &got, &e), &e, ERR_STORAGE); /* the end */
    /* a number without a version cannot be read */
    assert_done(bulkreader_seek(r, 0, &e), &e);
    assert_fails(bulkreader_next(r, &(struct bulk_versions){version, 1}, &got, &e), &e, ERR_STORAGE);
    const uint32_t none[] = {7, 0};
    assert_done(bulkreader_seek(r, 0, &e), &e);
    assert_fails(bulkreader_next(r, &(struct bulk_versions){none, 2}, &got, &e), &e, ERR_STORAGE);
}

static void expect_content(struct bulkreader *r, lsn at, unsigned n, size_t size)
{
    OWNED(buf) struct buf raw = {0};
    const uint32_t version = 1;
    struct action a;
    char room[8192];
    err e = ERR_INIT;
    assert_done(bulkreader_next(r, &(struct bulk_versions){&version, 1}, &raw, &e), &e);
    assert_done(action_decode(buf_view(&raw), &a, &e), &e);
    assert_true(bytes_equal(a.new, fixture_content(at, n, size, room)));
}

static void it_is_cut_at_a_mark_and_goes_on(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(bulkfile) struct bulkfile *b = bulkfixture_file(&s, "1.spool");
    OWNED(buf) struct buf buffer = {0};
    struct bulk_place early;
    struct bulk_place late;
    err e = ERR_INIT;
    assert_done(bulkfile_open(b, &buffer, &e), &e);
    assert_done(bulkfile_mark(b, &early, &e), &e);
    assert_int_equal(early.bytes + early.actions, 0);
    for (unsigned n = 0; n < 5000; n++)
        bulkfixture_put(b, 1, 9, n, SIZE);
    assert_done(bulkfile_mark(b, &early, &e), &e);
    for (unsigned n = 0; n < 5000; n++)
        bulkfixture_put(b, 1, 666, n, SIZE);
    assert_done(bulkfile_mark(b, &late, &e), &e);
    bulkfixture_put(b, 1, 666, 9, SIZE);
    assert_done(bulkfile_close(b, &e), &e);
    bulkfile_cut(b, &late);
    assert_int_equal(bulkfile_place(b).actions, 10000);
    bulkfile_cut(b, &early);
    bulkfixture_range(b, 9, 5000, 5003, SIZE);
    assert_int_equal(bulkfile_place(b).actions, 5003);
    assert_done(bulkfile_sync(b, &e), &e);
    OWNED(bulkreader) struct bulkreader *r = reader_of(b);
    for (unsigned n = 0; n < 5003; n++)
        expect_content(r, 9, n, SIZE);
    static const unsigned places[] = {5002, 0, 4999, 5000, 2500};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        assert_done(bulkreader_seek(r, places[i], &e), &e);
        expect_content(r, 9, places[i], SIZE);
    }
    assert_fails(bulkreader_seek(r, 5003, &e), &e, ERR_STORAGE);
}

/* Reads all of it; false when that failed. */
static bool reads(const char *path, const struct bulk_place *extent)
{
    OWNED(bulkreader) struct bulkreader *r = NULL;
    OWNED(buf) struct buf raw = {0};
    const uint32_t version = 1;
    err e = ERR_INIT;
    bool ok = bulkreader_open(path, extent, &r, &e).ok;
    for (uint64_t i = 0; ok && i < extent->actions; i++) {
        buf_reset(&raw);
        ok = bulkreader_next(r, &(struct bulk_versions){&version, 1}, &raw, &e).ok;
    }
    assert_true(ok || e.class == ERR_STORAGE);
    return ok;
}

static void damage_is_found(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(bulkfile) struct bulkfile *b = bulkfixture_file(&s, "1.spool");
    uint8_t *data = NULL;
    size_t len = 0;
    err e = ERR_INIT;
    bulkfixture_range(b, 9, 0, 20, 40);
    bulkfixture_range(b, 9, 20, 40, 40);
    const struct bulk_place extent = bulkfile_place(b);
    assert_true(reads(bulkfile_path(b), &extent));
    assert_done(io_load(bulkfile_path(b), 1 << 20, &data, &len, &e), &e);
    for (size_t at = 0; at < len; at++) {
        data[at] ^= 0x41;
        assert_done(io_store(scratch_path(&s, "flipped"), bytes_of(data, len), &e), &e);
        assert_false(reads(scratch_path(&s, "flipped"), &extent));
        data[at] ^= 0x41;
    }
    for (size_t at = 0; at < len; at += 7) {
        assert_done(io_store(scratch_path(&s, "short"), bytes_of(data, at), &e), &e);
        assert_false(reads(scratch_path(&s, "short"), &extent));
    }
    free(data);
    assert_false(reads(scratch_path(&s, "absent"), &extent));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_action_comes_back_as_the_log_would_have_it),
        cmocka_unit_test(a_huge_action_is_borrowed),
        cmocka_unit_test(it_is_cut_at_a_mark_and_goes_on),
        cmocka_unit_test(damage_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
