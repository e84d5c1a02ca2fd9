#include "tests/lib/check.h"

#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/scratch.h"

static void makes_a_folder_with_its_parents(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    err e = ERR_INIT;
    struct stat facts;

    assert_done(io_make_dir(scratch_path(&s, "a/b//c/"), &e), &e);
    assert_done(io_make_dir(scratch_path(&s, "a/b/c"), &e), &e); /* existing is fine */
    assert_int_equal(stat(scratch_path(&s, "a/b/c"), &facts), 0);
    assert_true(S_ISDIR(facts.st_mode));
    assert_int_equal(facts.st_mode & 0777, 0700);
    assert_done(io_store(scratch_path(&s, "file"), bytes_text("x"), &e), &e);
    assert_fails(io_make_dir(scratch_path(&s, "file"), &e), &e, ERR_STORAGE);
    assert_fails(io_make_dir(scratch_path(&s, "file/below"), &e), &e, ERR_STORAGE);
    assert_fails(io_make_dir("", &e), &e, ERR_STORAGE);
}

/* The names of folders that a killed process has made are durable when io_make_dir is done: what lies above
 * the deepest one that is there is synced first. */
static void settles_what_was_made_before(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(text) char *above = io_join(s.dir, "above");
    err e = ERR_INIT;

    assert_done(io_make_dir(scratch_path(&s, "above/left"), &e), &e);
    io_fault_arm(IO_FAULT_FAIL, 1, above);
    assert_fails(io_make_dir(scratch_path(&s, "above/left/new"), &e), &e, ERR_STORAGE);
    assert_mentions(&e, "above durable");
    assert_false(io_exists(scratch_path(&s, "above/left/new")));
    io_fault_arm(IO_FAULT_FAIL, 2, above); /* behind the look whether it is a folder */
    assert_fails(io_make_dir(scratch_path(&s, "above/left"), &e), &e, ERR_STORAGE);
    assert_mentions(&e, "above durable");
}

static void removes_a_tree_but_not_what_links_point_at(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    err e = ERR_INIT;

    assert_done(io_make_dir(scratch_path(&s, "keep"), &e), &e);
    assert_done(io_store(scratch_path(&s, "keep/file"), bytes_text("x"), &e), &e);
    assert_done(io_make_dir(scratch_path(&s, "tree/deep/er"), &e), &e);
    assert_done(io_store(scratch_path(&s, "tree/deep/file"), bytes_text("x"), &e), &e);
    assert_int_equal(symlink("../keep", scratch_path(&s, "tree/link")), 0);
    assert_done(io_remove_tree(scratch_path(&s, "tree"), &e), &e);
    assert_false(io_exists(scratch_path(&s, "tree")));
    assert_true(io_exists(scratch_path(&s, "keep/file")));
    assert_done(io_remove_tree(scratch_path(&s, "tree"), &e), &e); /* missing is fine */
    assert_done(io_unlink(scratch_path(&s, "tree"), &e), &e);
}

static void lists_in_byte_order(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(io_names) struct io_names names = {0};
    err e = ERR_INIT;
    char name[8];

    assert_done(io_list(s.dir, &names, &e), &e);
    assert_int_equal(names.count, 0);
    for (int i = 39; i >= 0; i--) {
        (void)snprintf(name, sizeof name, "%02x", i * 5);
        assert_done(io_store(scratch_path(&s, name), bytes_text(name), &e), &e);
    }
    assert_done(io_store(scratch_path(&s, "Z"), bytes_text(""), &e), &e);
    assert_done(io_list(s.dir, &names, &e), &e);
    assert_int_equal(names.count, 41);
    for (size_t i = 1; i < names.count; i++)
        assert_true(strcmp(names.name[i - 1], names.name[i]) < 0);
    struct io_names none = {0};
    assert_fails(io_list(scratch_path(&s, "absent"), &none, &e), &e, ERR_STORAGE);
    assert_fails(io_list(scratch_path(&s, "Z"), &none, &e), &e, ERR_STORAGE);
}

static void publishes_by_renaming(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    err e = ERR_INIT;
    OWNED(text) char *from = io_join(s.dir, "from");
    OWNED(text) char *to = io_join(s.dir, "to");

    assert_done(io_store(from, bytes_text("new"), &e), &e);
    assert_done(io_store(to, bytes_text("old"), &e), &e);
    assert_done(io_publish(from, to, &e), &e);
    assert_false(io_exists(from));
    assert_true(io_exists(to));
    assert_fails(io_publish(from, to, &e), &e, ERR_STORAGE);
    assert_fails(io_sync_dir(scratch_path(&s, "absent"), &e), &e, ERR_STORAGE);
}

static void a_bare_name_is_in_the_current_folder(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    err e = ERR_INIT;
    char back[512];

    assert_non_null(getcwd(back, sizeof back));
    assert_int_equal(chdir(s.dir), 0);
    status stored = io_store("bare", bytes_text("x"), &e);
    bool there = io_exists("bare");
    assert_int_equal(chdir(back), 0);
    assert_done(stored, &e);
    assert_true(there);
}

static void a_lock_excludes_and_dies_with_its_process(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    struct io_lock *lock = NULL;
    err e = ERR_INIT;
    const char *path = scratch_path(&s, "lock");
    int ready[2];

    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct io_lock *mine = NULL;
        char done = io_lock(path, false, &mine, &e).ok ? 'y' : 'n';
        (void)!write(ready[1], &done, 1);
        for (;;)
            pause();
    }
    char done = 0;
    assert_int_equal(read(ready[0], &done, 1), 1);
    assert_int_equal(done, 'y');
    assert_fails(io_lock(path, false, &lock, &e), &e, ERR_REFUSED);
    assert_mentions(&e, path);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_done(io_lock(path, true, &lock, &e), &e);
    struct io_lock *second = NULL;
    assert_fails(io_lock(path, false, &second, &e), &e, ERR_REFUSED); /* in one process too */
    io_unlock(lock);
    assert_done(io_lock(path, false, &lock, &e), &e);
    io_unlock(lock);
    io_unlock(NULL);
    close(ready[0]);
    close(ready[1]);
    assert_fails(io_lock(scratch_path(&s, "absent/lock"), false, &lock, &e), &e, ERR_STORAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_a_folder_with_its_parents),
        cmocka_unit_test(settles_what_was_made_before),
        cmocka_unit_test(removes_a_tree_but_not_what_links_point_at),
        cmocka_unit_test(lists_in_byte_order),
        cmocka_unit_test(publishes_by_renaming),
        cmocka_unit_test(a_bare_name_is_in_the_current_folder),
        cmocka_unit_test(a_lock_excludes_and_dies_with_its_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
