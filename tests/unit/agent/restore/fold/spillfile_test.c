/* What restores leave in the folder of their files when they are killed, and what the next one takes away. */
#include "agent/restore/fold/spillfile.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/io.h"
#include "tests/lib/check.h"
#include "tests/lib/scratch.h"

static void leave(const char *dir, const char *form, pid_t pid, const char *end)
{
    err e = ERR_INIT;
    char name[64];
    const int n = snprintf(name, sizeof name, "restore-%s%ld-0%s", form, (long)pid, end);
    assert_true(n > 0 && (size_t)n < sizeof name);
    OWNED(text) char *path = io_join(dir, name);
    assert_non_null(path);
    assert_done(io_store(path, bytes_text("x"), &e), &e);
}

static void what_the_dead_left_goes(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(io_names) struct io_names names = {0};
    err e = ERR_INIT;
    OWNED(text) char *dir = io_join(s.dir, "spool");
    assert_non_null(dir);
    assert_done(spillfile_dir(dir, &e), &e);
    const pid_t dead = fork();
    if (dead == 0)
        _exit(0);
    assert_int_equal(waitpid(dead, NULL, 0), dead);
    leave(dir, "", dead, "");
    leave(dir, "keys-", dead, "");
    leave(dir, "keys-", dead, "-lock");
    leave(dir, "conf-", dead, "");
    leave(dir, "conf-", dead, ".part");
    leave(dir, "", getpid(), "");
    leave(dir, "keys-", getpid(), "-lock");
    OWNED(text) char *other = io_join(dir, "stream-7");
    assert_non_null(other);
    assert_done(io_store(other, bytes_text("x"), &e), &e);
    assert_done(spillfile_dir(dir, &e), &e);
    assert_done(io_list(dir, &names, &e), &e);
    assert_int_equal(names.count, 3); /* the living one's, and what is of another kind */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_dead_left_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
