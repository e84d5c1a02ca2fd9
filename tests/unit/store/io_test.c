#include "tests/lib/check.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/scratch.h"

static void writes_appends_and_reads(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(io_file) struct io_file *f = NULL;
    err e = ERR_INIT;
    uint64_t size = 0;
    char back[12] = "";

    assert_done(io_open(scratch_path(&s, "file"), IO_CREATE, &f, &e), &e);
    assert_done(io_write(f, bytes_text("hello "), &e), &e);
    assert_done(io_write_at(f, 0, bytes_text("H"), &e), &e); /* does not move the position */
    assert_done(io_write(f, bytes_text("world"), &e), &e);
    assert_done(io_write(f, bytes_of(NULL, 0), &e), &e);
    assert_done(io_sync(f, &e), &e);
    assert_done(io_size(f, &size, &e), &e);
    assert_int_equal(size, 11);
    assert_done(io_read_at(f, 0, back, 11, &e), &e);
    assert_string_equal(back, "Hello world");
    assert_done(io_truncate(f, 5, &e), &e);
    assert_done(io_size(f, &size, &e), &e);
    assert_int_equal(size, 5);
    assert_string_equal(io_path(f), scratch_path(&s, "file"));
}

static void files_are_private_and_not_inherited(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(io_file) struct io_file *f = NULL;
    err e = ERR_INIT;
    struct stat facts;

    int next = dup(0); /* the number that the next open gets */
    close(next);
    assert_done(io_open(scratch_path(&s, "file"), IO_CREATE, &f, &e), &e);
    assert_int_equal(stat(scratch_path(&s, "file"), &facts), 0);
    assert_int_equal(facts.st_mode & 0777, 0600);
    assert_true((fcntl(next, F_GETFD) & FD_CLOEXEC) != 0);
}

static void modes_say_what_must_exist(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    struct io_file *f = NULL;
    err e = ERR_INIT;

    assert_fails(io_open(scratch_path(&s, "none"), IO_READ, &f, &e), &e, ERR_STORAGE);
    assert_mentions(&e, s.path);
    assert_int_equal(e.code, ENOENT);
    assert_fails(io_open(scratch_path(&s, "none"), IO_READWRITE, &f, &e), &e, ERR_STORAGE);
    assert_done(io_open(scratch_path(&s, "file"), IO_TRUNCATE, &f, &e), &e);
    io_close(f);
    assert_fails(io_open(scratch_path(&s, "file"), IO_CREATE, &f, &e), &e, ERR_STORAGE);
    assert_int_equal(e.code, EEXIST);
    io_close(NULL);
}

static void reading_past_the_end_is_truncation(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(io_file) struct io_file *f = NULL;
    err e = ERR_INIT;
    char back[4];

    assert_done(io_store(scratch_path(&s, "file"), bytes_text("abc"), &e), &e);
    assert_done(io_open(scratch_path(&s, "file"), IO_READ, &f, &e), &e);
    assert_fails(io_read_at(f, 0, back, 4, &e), &e, ERR_STORAGE);
    assert_mentions(&e, "is truncated");
    assert_fails(io_read_at(f, UINT64_MAX, back, 4, &e), &e, ERR_STORAGE);
    assert_mentions(&e, "is truncated");
    assert_fails(io_write(f, bytes_text("x"), &e), &e, ERR_STORAGE); /* opened for reading */
}

static void loads_what_was_stored(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    err e = ERR_INIT;
    uint8_t *data = NULL;
    size_t len = 0;
    const char *path = scratch_path(&s, "file");

    assert_done(io_store(path, bytes_text("first"), &e), &e);
    assert_done(io_store(path, bytes_text("second one"), &e), &e);
    assert_done(io_load(path, 10, &data, &len, &e), &e);
    assert_int_equal(len, 10);
    assert_string_equal((char *)data, "second one");
    free(data);
    assert_fails(io_load(path, 9, &data, &len, &e), &e, ERR_STORAGE);
    assert_done(io_store(path, bytes_of(NULL, 0), &e), &e);
    assert_done(io_load(path, 0, &data, &len, &e), &e);
    assert_int_equal(len, 0);
    free(data);
}

static void load_is(const char *path, const char *wanted)
{
    err e = ERR_INIT;
    uint8_t *data = NULL;
    size_t len = 0;
    assert_done(io_load(path, 100, &data, &len, &e), &e);
    assert_string_equal((char *)data, wanted);
    free(data);
}

/* Whichever call of io_store fails, the file is the old one or the new one, and nothing lies about. */
static void store_is_all_or_nothing(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    err e = ERR_INIT;
    const char *path = scratch_path(&s, "file");
    assert_done(io_store(path, bytes_text("old"), &e), &e);

    const enum io_fault kinds[] = {IO_FAULT_FAIL, IO_FAULT_FULL, IO_FAULT_SHORT};
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        for (uint64_t nth = 1; nth <= 3; nth++) { /* write, fsync, rename; the 4th is the folder's fsync */
            OWNED(io_names) struct io_names names = {0};
            io_fault_arm(kinds[k], nth, NULL);
            assert_fails(io_store(path, bytes_text("new"), &e), &e, ERR_STORAGE);
            assert_int_equal(io_is_full(&e), kinds[k] == IO_FAULT_FULL);
            io_fault_arm(IO_FAULT_NONE, 0, NULL);
            load_is(path, "old");
            assert_done(io_list(s.dir, &names, &e), &e);
            assert_int_equal(names.count, 1);
        }
    }
    io_fault_arm(IO_FAULT_FAIL, 4, NULL);
    assert_fails(io_store(path, bytes_text("new"), &e), &e, ERR_STORAGE);
    io_fault_arm(IO_FAULT_NONE, 0, NULL);
    load_is(path, "new");
}

static void a_limit_on_file_size_counts_as_full(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(io_file) struct io_file *f = NULL;
    err e = ERR_INIT;
    struct rlimit old;
    static const uint8_t block[8192];

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    struct rlimit small = {4096, old.rlim_max};
    assert_done(io_open(scratch_path(&s, "file"), IO_CREATE, &f, &e), &e);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    status written = io_write(f, bytes_of(block, sizeof block), &e);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    (void)signal(SIGXFSZ, handler);
    assert_fails(written, &e, ERR_STORAGE);
    assert_true(io_is_full(&e));
}

static void full_is_told_from_other_failures(void **state)
{
    (void)state;
    err e = ERR_INIT;
    assert_false(io_is_full(&e));
    assert_false(err_errno(&e, EIO, "x").ok);
    assert_false(io_is_full(&e));
    assert_false(err_errno(&e, EDQUOT, "x").ok);
    assert_true(io_is_full(&e));
    assert_false(err_from(&e, ERR_STORAGE, FROM_LMDB, ENOSPC, "x").ok);
    assert_true(io_is_full(&e));
    assert_false(err_from(&e, ERR_STORAGE, FROM_OPENSSL, ENOSPC, "x").ok);
    assert_false(io_is_full(&e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_appends_and_reads),
        cmocka_unit_test(files_are_private_and_not_inherited),
        cmocka_unit_test(modes_say_what_must_exist),
        cmocka_unit_test(reading_past_the_end_is_truncation),
        cmocka_unit_test(loads_what_was_stored),
        cmocka_unit_test(store_is_all_or_nothing),
        cmocka_unit_test(a_limit_on_file_size_counts_as_full),
        cmocka_unit_test(full_is_told_from_other_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
