#include "tests/lib/check.h"

#include "store/snapframe.h"
#include "tests/lib/scratch.h"
#include "tests/lib/snapmake.h"

static void fill(const char *path, size_t rows, struct table_digest *digest, uint64_t *stored)
{
    OWNED(rowfile) struct rowfile *f = NULL;
    OWNED(buf) struct buf lines = {0};
    err e = ERR_INIT;
    assert_done(rowfile_create(path, 1, &f, &e), &e);
    for (size_t i = 0; i < rows; i++) {
        buf_printf(&lines, "%zu\tcustomer %zu\t%zu.%02zu\n", i, i * 7919 % 1000, i % 1000, i % 100);
        if (i % 3 == 0) { /* several lines at a time */
            assert_done(rowfile_lines(f, buf_view(&lines), &e), &e);
            buf_reset(&lines);
        }
    }
    assert_done(rowfile_lines(f, buf_view(&lines), &e), &e);
    assert_false(io_exists(path));
    assert_done(rowfile_finish(f, digest, stored, &e), &e);
}

static void staged_rows_are_counted_and_checked(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    struct table_digest made = {0}, found = {0};
    uint64_t stored = 0, again = 0;
    err e = ERR_INIT;
    fill(scratch_path(&s, "rows"), 300000, &made, &stored); /* three frames */
    assert_int_equal(made.rows, 300000);
    assert_done(rowfile_check(scratch_path(&s, "rows"), &found, &again, &e), &e);
    assert_true(table_digest_equal(&made, &found));
    assert_int_equal(stored, again);
    fill(scratch_path(&s, "none"), 0, &made, &stored);
    assert_done(rowfile_check(scratch_path(&s, "none"), &found, &again, &e), &e);
    assert_int_equal(found.rows, 0);
    assert_int_equal(stored, 0);
}

static void an_unfinished_file_is_removed(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    struct rowfile *f = NULL;
    struct io_names names = {0};
    err e = ERR_INIT;
    assert_done(rowfile_create(scratch_path(&s, "rows"), 1, &f, &e), &e);
    assert_done(rowfile_lines(f, bytes_text("1\n"), &e), &e);
    rowfile_close(f);
    assert_done(io_list(s.dir, &names, &e), &e);
    assert_int_equal(names.count, 0);
    io_names_free(&names);
}

static void half_a_line_is_refused(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(rowfile) struct rowfile *f = NULL;
    struct table_digest digest;
    uint64_t stored;
    err e = ERR_INIT;
    assert_done(rowfile_create(scratch_path(&s, "rows"), 1, &f, &e), &e);
    assert_fails(rowfile_lines(f, bytes_text("1\n2"), &e), &e, ERR_VALIDATION);
    assert_fails(rowfile_lines(f, bytes_text("2\n"), &e), &e, ERR_VALIDATION);
    assert_fails(rowfile_finish(f, &digest, &stored, &e), &e, ERR_VALIDATION);
    assert_fails(rowfile_create(scratch_path(&s, "other"), 20, &f, &e), &e, ERR_VALIDATION);
}

static void every_damage_is_found(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(memory) uint8_t *whole = NULL;
    OWNED(text) char *path = io_join(s.dir, "rows");
    struct table_digest digest = {0};
    uint64_t stored = 0;
    size_t len = 0;
    err e = ERR_INIT;
    fill(path, 20, &digest, &stored);
    assert_done(io_load(path, 1 << 20, &whole, &len, &e), &e);
    for (size_t i = 0; i < len; i++) {
        whole[i] ^= 0x10;
        assert_done(io_store(path, bytes_of(whole, len), &e), &e);
        whole[i] ^= 0x10;
        assert_fails(rowfile_check(path, &digest, &stored, &e), &e, ERR_STORAGE);
        assert_done(io_store(path, bytes_of(whole, i), &e), &e);
        assert_fails(rowfile_check(path, &digest, &stored, &e), &e, ERR_STORAGE);
    }
    assert_done(io_store(path, bytes_of(whole, len), &e), &e);
    assert_done(rowfile_check(path, &digest, &stored, &e), &e);
}

static void a_full_disk_fails_it(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(rowfile) struct rowfile *f = NULL;
    struct table_digest digest;
    uint64_t stored;
    err e = ERR_INIT;
    assert_done(rowfile_create(scratch_path(&s, "rows"), 1, &f, &e), &e);
    assert_done(rowfile_lines(f, bytes_text("1\n"), &e), &e);
    io_fault_arm(IO_FAULT_FULL, 1, NULL);
    assert_fails(rowfile_finish(f, &digest, &stored, &e), &e, ERR_STORAGE);
    assert_true(io_is_full(&e));
    io_fault_arm(IO_FAULT_NONE, 0, NULL);
    assert_false(io_exists(scratch_path(&s, "rows")));
}

static void end_one(const char *path, const char *lines, struct rowfile **out)
{
    struct table_digest digest = {0};
    uint64_t stored = 0;
    err e = ERR_INIT;
    assert_done(rowfile_create(path, 1, out, &e), &e);
    assert_done(rowfile_lines(*out, bytes_text(lines), &e), &e);
    assert_done(rowfile_end(*out, &digest, &stored, &e), &e);
    assert_int_equal(digest.rows, 1);
    assert_fails(rowfile_lines(*out, bytes_text(lines), &e), &e, ERR_VALIDATION);
    assert_fails(rowfile_end(*out, &digest, &stored, &e), &e, ERR_VALIDATION);
}

static size_t files_in(const struct scratch *s)
{
    struct io_names names = {0};
    err e = ERR_INIT;
    assert_done(io_list(s->dir, &names, &e), &e);
    const size_t count = names.count;
    io_names_free(&names);
    return count;
}

/* Whichever call fails, no file has its name before all are durable, and none is left behind half made. */
static void several_are_published_together(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(text) char *a = io_join(s.dir, "a"), *b = io_join(s.dir, "b");
    for (uint64_t nth = 1; nth <= 6; nth++) { /* two syncs, two renames, the folder's sync; none fails */
        struct rowfile *f[2] = {NULL, NULL};
        struct table_digest digest = {0};
        uint64_t stored = 0;
        err e = ERR_INIT;
        end_one(a, "1\n", &f[0]);
        end_one(b, "2\n", &f[1]);
        assert_false(io_exists(a) || io_exists(b));
        io_fault_arm(IO_FAULT_FAIL, nth, NULL);
        const status published = rowfile_publish(f, 2, &e);
        io_fault_arm(IO_FAULT_NONE, 0, NULL);
        assert_int_equal(published.ok, nth == 6);
        assert_int_equal(io_exists(a), nth > 3);
        assert_int_equal(io_exists(b), nth > 4);
        assert_fails(rowfile_publish(f, 2, &e), &e, ERR_VALIDATION);
        rowfile_close(f[0]);
        rowfile_close(f[1]);
        assert_int_equal(files_in(&s), (size_t)(nth > 3) + (size_t)(nth > 4));
        if (published.ok)
            assert_done(rowfile_check(b, &digest, &stored, &e), &e);
        assert_done(io_unlink(a, &e), &e);
        assert_done(io_unlink(b, &e), &e);
    }
}

/* Two staged files of one table (ranges copied by two workers), one with a row of 9 MiB, become one table. */
static void import_keeps_frames_and_adds_digests(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(rowfile) struct rowfile *f = NULL;
    OWNED(snapwriter) struct snapwriter *w = NULL;
    OWNED(snapreader) struct snapreader *r = NULL;
    OWNED(text) char *a = io_join(s.dir, "a");
    OWNED(text) char *b = io_join(s.dir, "b");
    OWNED(text) char *name = NULL;
    size_t long_len = (size_t)9 << 20;
    OWNED(memory) char *line = malloc(long_len + 1);
    struct table_digest one = {0}, two = {0};
    struct snapsection *rows = NULL;
    struct snap_payload p;
    uint64_t stored = 0, frames = 0;
    uint8_t hash[SHA256_LEN];
    bool found = false, end = false;
    struct snapmake m;
    err e = ERR_INIT;

    fill(a, 1000, &one, &stored);
    for (size_t i = 0; i < long_len; i++)
        line[i] = (char)('a' + i * i % 26);
    line[long_len] = '\n';
    assert_done(rowfile_create(b, 1, &f, &e), &e);
    assert_done(rowfile_lines(f, bytes_text("before\n"), &e), &e);
    assert_done(rowfile_lines(f, bytes_of(line, long_len + 1), &e), &e);
    assert_done(rowfile_lines(f, bytes_text("after\n"), &e), &e);
    assert_done(rowfile_finish(f, &two, &stored, &e), &e);

    snapmake_init(&m);
    snapmake_begin(&m, PGSTRAND__SNAPSHOT_TYPE__FULL, 1, 0);
    assert_done(snapwriter_open(s.dir, &m.header, 3, 0, &w, &e), &e);
    assert_done(snapwriter_section(w, TIER_BUSINESS, PGSTRAND__SECTION_KIND__ROWS, &rows, &e), &e);
    assert_done(snapsection_import(rows, a, 5, &e), &e);
    assert_done(snapsection_import(rows, b, 5, &e), &e);
    assert_done(snapwriter_publish(w, &m.key, hash, &name, &e), &e);

    assert_done(snapreader_open(s.dir, name, &r, &e), &e);
    assert_done(snapreader_verify(r, &frames, &e), &e);
    assert_int_equal(frames, 1 + 1 + 3 + 1);
    assert_done(snapreader_section(r, TIER_BUSINESS, PGSTRAND__SECTION_KIND__ROWS, &found, &e), &e);
    assert_int_equal(snapreader_index(r)->table[0]->rows, 1003);
    table_digest_merge(&one, &two);
    uint8_t sum[SHA256_LEN];
    table_digest_bytes(&one, sum);
    assert_memory_equal(snapreader_index(r)->table[0]->digest.data, sum, sizeof sum);
    for (size_t i = 0; i < 3; i++)
        assert_done(snapreader_next(r, 5, &p, &end, &e), &e);
    assert_int_equal(p.payload.len, long_len + 1 + 5); /* field number and a length of 4 bytes */
    assert_memory_equal(p.payload.data + 5, line, long_len + 1);
}

static void a_damaged_file_cannot_be_imported(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(snapwriter) struct snapwriter *w = NULL;
    OWNED(io_file) struct io_file *file = NULL;
    OWNED(text) char *path = io_join(s.dir, "rows");
    struct table_digest digest = {0};
    struct snapsection *rows = NULL;
    uint64_t stored = 0;
    uint8_t hash[SHA256_LEN];
    char *name = NULL;
    struct snapmake m;
    err e = ERR_INIT;
    fill(path, 1000, &digest, &stored);
    assert_done(io_open(path, IO_READWRITE, &file, &e), &e);
    assert_done(io_write_at(file, 200, bytes_text("x"), &e), &e);
    snapmake_init(&m);
    snapmake_begin(&m, PGSTRAND__SNAPSHOT_TYPE__FULL, 1, 0);
    assert_done(snapwriter_open(s.dir, &m.header, 3, 0, &w, &e), &e);
    assert_done(snapwriter_section(w, TIER_BUSINESS, PGSTRAND__SECTION_KIND__ROWS, &rows, &e), &e);
    assert_fails(snapsection_import(rows, path, 5, &e), &e, ERR_STORAGE);
    assert_mentions(&e, "frame 0 of 1");
    assert_fails(snapwriter_publish(w, &m.key, hash, &name, &e), &e, ERR_VALIDATION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(staged_rows_are_counted_and_checked),
        cmocka_unit_test(an_unfinished_file_is_removed),
        cmocka_unit_test(half_a_line_is_refused),
        cmocka_unit_test(every_damage_is_found),
        cmocka_unit_test(a_full_disk_fails_it),
        cmocka_unit_test(several_are_published_together),
        cmocka_unit_test(import_keeps_frames_and_adds_digests),
        cmocka_unit_test(a_damaged_file_cannot_be_imported),
    };
    return cmocka_run_group_tests_name("rowfile", tests, NULL, NULL);
}
