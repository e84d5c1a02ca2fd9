#include "tests/lib/check.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/scratch.h"

static void the_nth_call_fails_and_only_that(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(io_file) struct io_file *f = NULL;
    err e = ERR_INIT;

    assert_done(io_open(scratch_path(&s, "file"), IO_CREATE, &f, &e), &e);
    io_fault_arm(IO_FAULT_FAIL, 3, NULL);
    assert_done(io_write(f, bytes_text("1"), &e), &e);
    assert_done(io_sync(f, &e), &e);
    assert_fails(io_write(f, bytes_text("2"), &e), &e, ERR_STORAGE);
    assert_int_equal(e.code, EIO);
    assert_done(io_write(f, bytes_text("3"), &e), &e);
    assert_int_equal(io_fault_calls(), 4);
}

static void the_pattern_chooses_the_file(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    err e = ERR_INIT;

    io_fault_arm(IO_FAULT_FAIL, 1, "victim");
    assert_done(io_store(scratch_path(&s, "other"), bytes_text("x"), &e), &e);
    assert_fails(io_store(scratch_path(&s, "victim"), bytes_text("x"), &e), &e, ERR_STORAGE);
    assert_mentions(&e, "victim");
}

static void each_kind_of_call_can_fail(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(io_file) struct io_file *f = NULL;
    OWNED(text) char *path = io_join(s.dir, "file");
    OWNED(text) char *to = io_join(s.dir, "to");
    err e = ERR_INIT;

    assert_done(io_open(path, IO_CREATE, &f, &e), &e);
    io_fault_arm(IO_FAULT_FAIL, 1, NULL);
    assert_fails(io_truncate(f, 0, &e), &e, ERR_STORAGE);
    io_fault_arm(IO_FAULT_FAIL, 1, NULL);
    assert_fails(io_sync(f, &e), &e, ERR_STORAGE);
    io_fault_arm(IO_FAULT_FAIL, 1, NULL);
    assert_fails(io_write_at(f, 0, bytes_text("x"), &e), &e, ERR_STORAGE);
    io_fault_arm(IO_FAULT_FAIL, 1, NULL);
    assert_fails(io_publish(path, to, &e), &e, ERR_STORAGE);
    assert_true(io_exists(path));
    io_fault_arm(IO_FAULT_FAIL, 1, NULL);
    assert_fails(io_unlink(path, &e), &e, ERR_STORAGE);
    assert_true(io_exists(path));
    io_fault_arm(IO_FAULT_FAIL, 1, NULL);
    assert_fails(io_make_dir(to, &e), &e, ERR_STORAGE);
    assert_false(io_exists(to));
    io_fault_arm(IO_FAULT_FAIL, 1, NULL);
    assert_fails(io_sync_dir(s.dir, &e), &e, ERR_STORAGE);
}

static void a_full_disk_stays_full_but_lets_one_delete(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(io_file) struct io_file *f = NULL;
    err e = ERR_INIT;

    assert_done(io_open(scratch_path(&s, "file"), IO_CREATE, &f, &e), &e);
    io_fault_arm(IO_FAULT_FULL, 2, NULL);
    assert_done(io_write(f, bytes_text("x"), &e), &e);
    for (int i = 0; i < 3; i++) {
        assert_fails(io_write(f, bytes_text("x"), &e), &e, ERR_STORAGE);
        assert_true(io_is_full(&e));
    }
    assert_done(io_unlink(scratch_path(&s, "file"), &e), &e);
}

static void a_short_write_leaves_half(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(io_file) struct io_file *f = NULL;
    err e = ERR_INIT;
    uint64_t size = 0;

    assert_done(io_open(scratch_path(&s, "file"), IO_CREATE, &f, &e), &e);
    io_fault_arm(IO_FAULT_SHORT, 1, NULL);
    assert_fails(io_write(f, bytes_text("12345678"), &e), &e, ERR_STORAGE);
    assert_done(io_size(f, &size, &e), &e);
    assert_int_equal(size, 4);
}

/* Runs a write in a child with this fault; returns the signal that ended it and the file's length. */
static int killed_by(enum io_fault action, uint64_t *length)
{
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(io_file) struct io_file *f = NULL;
    err e = ERR_INIT;
    int how = 0;

    assert_done(io_open(scratch_path(&s, "file"), IO_CREATE, &f, &e), &e);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        io_fault_arm(action, 1, "file");
        bool ok = io_write(f, bytes_text("1234"), &e).ok;
        _exit(ok ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_done(io_size(f, length, &e), &e);
    return WIFSIGNALED(how) ? WTERMSIG(how) : 0;
}

static void kills_before_or_after_the_call(void **state)
{
    (void)state;
    uint64_t length = 0;
    assert_int_equal(killed_by(IO_FAULT_KILL, &length), SIGKILL);
    assert_int_equal(length, 0);
    assert_int_equal(killed_by(IO_FAULT_KILL_AFTER, &length), SIGKILL);
    assert_int_equal(length, 4);
    assert_int_equal(killed_by(IO_FAULT_NONE, &length), 0);
    assert_int_equal(length, 4);
}

static void the_environment_arms_it(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    err e = ERR_INIT;
    bool armed = true;

    assert_int_equal(unsetenv("PGSTRAND_IO_FAULT"), 0);
    assert_done(io_fault_from_env(&armed, &e), &e);
    assert_false(armed);
    assert_int_equal(setenv("PGSTRAND_IO_FAULT", "fail:2:name", 1), 0);
    assert_done(io_fault_from_env(&armed, &e), &e);
    assert_true(armed);
    assert_fails(io_store(scratch_path(&s, "name"), bytes_text("x"), &e), &e, ERR_STORAGE);

    const char *const wrong[] = {"fail",    "fail:",    "fail:0", "fail:-1", "fail:x",
                                 "fail:1x", "failed:1", ":1",     "no:1"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(setenv("PGSTRAND_IO_FAULT", wrong[i], 1), 0);
        assert_fails(io_fault_from_env(&armed, &e), &e, ERR_USAGE);
        assert_false(armed);
    }
    assert_int_equal(unsetenv("PGSTRAND_IO_FAULT"), 0);
}

/* Ten writes, killed before the first at a place that the file does not name: how many came through. */
static uint64_t written_at_new_places(const char *places, int *how)
{
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(io_file) struct io_file *f = NULL;
    err e = ERR_INIT;
    uint64_t length = 0;

    assert_done(io_open(scratch_path(&s, "file"), IO_CREATE, &f, &e), &e);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        bool armed = false;
        bool ok = setenv("PGSTRAND_IO_FAULT", "kill:1:file", 1) == 0 &&
                  setenv("PGSTRAND_IO_FAULT_PLACES", places, 1) == 0 && io_fault_from_env(&armed, &e).ok;
        for (int i = 0; ok && i < 10; i++)
            ok = io_write(f, bytes_text("x"), &e).ok;
        _exit(ok && io_sync(f, &e).ok ? 0 : 1);
    }
    assert_int_equal(waitpid(child, how, 0), child);
    assert_done(io_size(f, &length, &e), &e);
    return length;
}

static void each_place_is_killed_at_once(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(text) char *places = io_join(s.dir, "places");
    /* The first, second, fourth and eighth write, and the sync; then it comes through. */
    const uint64_t before[] = {0, 1, 3, 7, 10, 10};
    const volatile size_t runs =
        sizeof before / sizeof before[0]; /* one place here: it is a part of theirs */
    int how = 0;

    for (size_t i = 0; i < runs; i++) {
        assert_int_equal(written_at_new_places(places, &how), before[i]);
        assert_true(i + 1 < runs ? WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL
                                 : WIFEXITED(how) && WEXITSTATUS(how) == 0);
    }
}

/* The sync and four of the ten writes: each is somebody's. */
static void places_are_shared(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    const char *const share[] = {"0/3", "1/3", "2/3"};
    int killed = 0;
    for (volatile size_t i = 0; i < sizeof share / sizeof share[0]; i++) {
        OWNED(text) char *places = io_join(s.dir, "places");
        int how = 0;
        (void)unlink(places);
        assert_int_equal(setenv("PGSTRAND_IO_FAULT_SHARE", share[i], 1), 0);
        for (;;) {
            (void)written_at_new_places(places, &how);
            if (!WIFSIGNALED(how))
                break;
            killed++;
        }
        assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 0);
    }
    assert_int_equal(killed, 5);
    bool armed = false;
    err e = ERR_INIT;
    assert_int_equal(setenv("PGSTRAND_IO_FAULT_SHARE", "3/3", 1), 0);
    assert_int_equal(setenv("PGSTRAND_IO_FAULT_PLACES", "/nonexistent", 1), 0);
    assert_int_equal(setenv("PGSTRAND_IO_FAULT", "kill:1", 1), 0);
    assert_fails(io_fault_from_env(&armed, &e), &e, ERR_USAGE);
    assert_int_equal(unsetenv("PGSTRAND_IO_FAULT_SHARE") + unsetenv("PGSTRAND_IO_FAULT"), 0);
    io_fault_arm(IO_FAULT_NONE, 0, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nth_call_fails_and_only_that),
        cmocka_unit_test(the_pattern_chooses_the_file),
        cmocka_unit_test(each_kind_of_call_can_fail),
        cmocka_unit_test(a_full_disk_stays_full_but_lets_one_delete),
        cmocka_unit_test(a_short_write_leaves_half),
        cmocka_unit_test(kills_before_or_after_the_call),
        cmocka_unit_test(the_environment_arms_it),
        cmocka_unit_test(each_place_is_killed_at_once),
        cmocka_unit_test(places_are_shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
