/* Built with a map that grows by 1 MiB at a time. */
#include "tests/lib/check.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/base/buf.h"
#include "store/lmdbcursor.h"
#include "tests/lib/scratch.h"

static const char *const names[] = {"first", "second"};
enum { FIRST, SECOND };

static struct lmdbenv *open_env(const char *path, enum lmdbenv_mode mode)
{
    struct lmdbenv *env = NULL;
    err e = ERR_INIT;
    assert_done(lmdbenv_open(path, mode, names, 2, &env, &e), &e);
    return env;
}

static void put_one(struct lmdbenv *env, const char *key, struct bytes value)
{
    OWNED(lmdbtxn) struct lmdbtxn t = {0};
    err e = ERR_INIT;
    assert_done(lmdbenv_begin(env, LMDBENV_WRITING, value.len, &t, &e), &e);
    assert_done(lmdbenv_put(&t, FIRST, bytes_text(key), value, &e), &e);
    assert_done(lmdbenv_commit(&t, &e), &e);
}

/* Length of the value, or -1. */
static long length_of(struct lmdbenv *env, const char *key)
{
    OWNED(lmdbtxn) struct lmdbtxn t = {0};
    err e = ERR_INIT;
    struct bytes value;
    bool found = false;
    assert_done(lmdbenv_begin(env, LMDBENV_READING, 0, &t, &e), &e);
    assert_done(lmdbenv_get(&t, FIRST, bytes_text(key), &value, &found, &e), &e);
    return found ? (long)value.len : -1;
}

static void one_file_is_opened_once_in_a_process(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(text) char *path = io_join(s.dir, "env");
    OWNED(text) char *link_path = io_join(s.dir, "link");
    struct lmdbenv *a = open_env(path, LMDBENV_CREATE);
    assert_int_equal(symlink(path, link_path), 0);
    struct lmdbenv *b = open_env(path, LMDBENV_READ);
    struct lmdbenv *c = open_env(link_path, LMDBENV_EXISTING); /* by whatever name */
    assert_ptr_equal(a, b);
    assert_ptr_equal(a, c);
    lmdbenv_close(a);
    put_one(b, "k", bytes_text("value")); /* still open */
    lmdbenv_close(b);
    assert_int_equal(length_of(c, "k"), 5);
    lmdbenv_close(c);
    lmdbenv_close(NULL);
    c = open_env(path, LMDBENV_EXISTING);
    assert_int_equal(length_of(c, "k"), 5);
    assert_int_equal(length_of(c, "absent"), -1);
    lmdbenv_close(c);
}

static void opening_checks_what_is_there(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(text) char *path = io_join(s.dir, "env");
    const char *const other[] = {"first", "third"};
    struct lmdbenv *env = NULL;
    err e = ERR_INIT;
    assert_fails(lmdbenv_open(path, LMDBENV_EXISTING, names, 2, &env, &e), &e, ERR_STORAGE);
    assert_fails(lmdbenv_open(path, LMDBENV_READ, names, 2, &env, &e), &e, ERR_STORAGE);
    assert_false(io_exists(path));
    lmdbenv_close(open_env(path, LMDBENV_CREATE));
    assert_fails(lmdbenv_open(path, LMDBENV_EXISTING, other, 2, &env, &e), &e, ERR_STORAGE);
    assert_mentions(&e, path);
    assert_done(lmdbenv_unlink(path, &e), &e);
    OWNED(io_names) struct io_names left = {0};
    assert_done(io_list(s.dir, &left, &e), &e);
    assert_int_equal(left.count, 0);
}

/* Programs that the process starts must not inherit descriptors, least of all of the lock file. */
static void descriptors_are_closed_on_exec(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(text) char *path = io_join(s.dir, "env");
    OWNED(lmdbenv) struct lmdbenv *env = open_env(path, LMDBENV_CREATE);
    assert_non_null(env);
    unsigned seen = 0;
    DIR *d = opendir("/proc/self/fd");
    assert_non_null(d);
    for (const struct dirent *entry; (entry = readdir(d)) != NULL;) {
        char target[512] = "";
        if (readlinkat(dirfd(d), entry->d_name, target, sizeof target - 1) <= 0 ||
            strstr(target, path) == NULL)
            continue;
        seen++;
        assert_true((fcntl(atoi(entry->d_name), F_GETFD) & FD_CLOEXEC) != 0);
    }
    (void)closedir(d);
    assert_int_equal(seen, 3); /* data, data for meta pages, locks */
}

static void the_map_grows(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(text) char *path = io_join(s.dir, "env");
    OWNED(lmdbenv) struct lmdbenv *env = open_env(path, LMDBENV_CREATE);
    OWNED(buf) struct buf big = {0};
    char key[16];
    err e = ERR_INIT;
    const size_t len = 3 << 20;
    memset(buf_room(&big, len), 'x', len);
    for (int i = 0; i < 8; i++) {
        (void)snprintf(key, sizeof key, "%d", i);
        put_one(env, key, bytes_of(big.data, len));
        assert_int_equal(length_of(env, key), len);
    }
    assert_true(lmdbenv_used(env) > 8 * len);
    /* more than was asked for is an error that can be told, and nothing is written */
    OWNED(lmdbtxn) struct lmdbtxn t = {0};
    assert_done(lmdbenv_begin(env, LMDBENV_WRITING, 0, &t, &e), &e);
    assert_fails(lmdbenv_put(&t, FIRST, bytes_text("much"), bytes_of(big.data, len), &e), &e, ERR_STORAGE);
    assert_mentions(&e, "too much in one transaction");
    assert_false(io_is_full(&e));
    lmdbenv_abort(&t);
    assert_int_equal(length_of(env, "much"), -1);
    put_one(env, "much", bytes_of(big.data, len));
}

static void another_process_may_grow_it(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(text) char *path = io_join(s.dir, "env");
    OWNED(buf) struct buf big = {0};
    int go[2];
    const size_t len = 6 << 20;
    memset(buf_room(&big, len), 'x', len);
    assert_int_equal(pipe(go), 0);
    lmdbenv_close(open_env(path, LMDBENV_CREATE));
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        char byte;
        if (read(go[0], &byte, 1) != 1)
            _exit(1);
        put_one(open_env(path, LMDBENV_EXISTING), "big", bytes_of(big.data, len));
        _exit(0);
    }
    OWNED(lmdbenv) struct lmdbenv *env = open_env(path, LMDBENV_EXISTING);
    assert_int_equal(length_of(env, "big"), -1);
    assert_int_equal(write(go[1], "g", 1), 1);
    int how = 0;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_int_equal(how, 0);
    assert_int_equal(length_of(env, "big"), len);
    put_one(env, "small", bytes_text("after"));
    assert_int_equal(length_of(env, "small"), 5);
}

/* A child must not touch what its parent has open, and gets its own. */
static void a_forked_child_opens_its_own(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(text) char *path = io_join(s.dir, "env");
    OWNED(lmdbenv) struct lmdbenv *env = open_env(path, LMDBENV_CREATE);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct lmdbenv *own = open_env(path, LMDBENV_EXISTING);
        lmdbenv_close(env); /* the parent's: nothing happens */
        put_one(own, "child", bytes_text("here"));
        lmdbenv_close(own);
        _exit(own != env ? 0 : 1);
    }
    int how = 0;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_int_equal(how, 0);
    assert_int_equal(length_of(env, "child"), 4);
    put_one(env, "parent", bytes_text("too"));
    assert_int_equal(length_of(env, "parent"), 3);
}

static void slots_of_dead_readers_are_freed(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(text) char *path = io_join(s.dir, "env");
    lmdbenv_close(open_env(path, LMDBENV_CREATE));
    for (int i = 0; i < 4; i++) { /* 160 slots in all; LMDB has 126 */
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            struct lmdbenv *env = open_env(path, LMDBENV_EXISTING);
            struct lmdbtxn t[40] = {{0}};
            err e = ERR_INIT;
            for (int n = 0; n < 40; n++)
                if (!lmdbenv_begin(env, LMDBENV_READING, 0, &t[n], &e).ok)
                    _exit(1);
            (void)kill(getpid(), SIGKILL);
        }
        int how = 0;
        assert_int_equal(waitpid(child, &how, 0), child);
        assert_true(WIFSIGNALED(how));
    }
    OWNED(lmdbenv) struct lmdbenv *env = open_env(path, LMDBENV_EXISTING);
    assert_int_equal(length_of(env, "x"), -1);
}

static void cursors_walk_append_and_remove(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(text) char *path = io_join(s.dir, "env");
    OWNED(lmdbenv) struct lmdbenv *env = open_env(path, LMDBENV_CREATE);
    OWNED(lmdbtxn) struct lmdbtxn t = {0};
    OWNED(lmdbcursor) struct lmdbcursor c = {0};
    err e = ERR_INIT;
    bool found = true;
    assert_done(lmdbenv_begin(env, LMDBENV_WRITING, 0, &t, &e), &e);
    assert_done(lmdbcursor_open(&t, SECOND, &c, &e), &e);
    assert_done(lmdbcursor_move(&c, LMDBCURSOR_LAST, &found, &e), &e);
    assert_false(found);
    assert_done(lmdbcursor_append(&c, bytes_text("b"), bytes_text("1"), &e), &e);
    assert_done(lmdbcursor_append(&c, bytes_text("d"), bytes_text("2"), &e), &e);
    assert_fails(lmdbcursor_append(&c, bytes_text("c"), bytes_text("3"), &e), &e,
                 ERR_STORAGE); /* not greater */
    assert_done(lmdbcursor_seek(&c, bytes_text("c"), &found, &e), &e);
    assert_true(found && bytes_equal(c.key, bytes_text("d")) && bytes_equal(c.value, bytes_text("2")));
    assert_done(lmdbcursor_remove(&c, &e), &e);
    assert_done(lmdbcursor_move(&c, LMDBCURSOR_FIRST, &found, &e), &e);
    assert_true(found && bytes_equal(c.key, bytes_text("b")));
    assert_done(lmdbcursor_move(&c, LMDBCURSOR_NEXT, &found, &e), &e);
    assert_false(found);
    assert_done(lmdbenv_delete(&t, SECOND, bytes_text("b"), &e), &e);
    assert_done(lmdbenv_delete(&t, SECOND, bytes_text("b"), &e), &e);
    lmdbcursor_close(&c);
    assert_done(lmdbenv_commit(&t, &e), &e);
}

/* ---- threads ---- */

struct shared {
    const char *path;
    atomic_bool stop;
};

static void *open_read_close(void *context)
{
    struct shared *s = context;
    uintptr_t wrong = 0;
    while (!atomic_load(&s->stop)) {
        struct lmdbenv *env = open_env(s->path, LMDBENV_READ);
        wrong += length_of(env, "k") < 0;
        lmdbenv_close(env);
    }
    return (void *)wrong;
}

static void threads_open_and_read_while_the_map_grows(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(text) char *path = io_join(s.dir, "env");
    OWNED(lmdbenv) struct lmdbenv *env = open_env(path, LMDBENV_CREATE);
    OWNED(buf) struct buf big = {0};
    struct shared shared = {.path = path};
    pthread_t threads[3];
    char key[16];
    memset(buf_room(&big, 1 << 20), 'x', 1 << 20);
    put_one(env, "k", bytes_text("v"));
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, open_read_close, &shared), 0);
    for (int i = 0; i < 20; i++) {
        (void)snprintf(key, sizeof key, "%d", i);
        put_one(env, key, bytes_of(big.data, 1 << 20));
    }
    atomic_store(&shared.stop, true);
    for (size_t i = 0; i < 3; i++) {
        void *wrong = NULL;
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
}

/* In a child: puts "k" with this fault on the env's commits; returns the signal, or 0. */
static int killed_committing(const char *path, enum io_fault fault)
{
    int how = 0;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct lmdbenv *env = open_env(path, LMDBENV_EXISTING);
        io_fault_arm(fault, 1, "env");
        put_one(env, "k", bytes_text("value"));
        _exit(0);
    }
    assert_int_equal(waitpid(child, &how, 0), child);
    return WIFSIGNALED(how) ? WTERMSIG(how) : 0;
}

static void commits_are_crash_points(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(text) char *path = io_join(s.dir, "env");
    OWNED(lmdbtxn) struct lmdbtxn t = {0};
    err e = ERR_INIT;
    lmdbenv_close(open_env(path, LMDBENV_CREATE));
    assert_int_equal(killed_committing(path, IO_FAULT_KILL), SIGKILL);
    struct lmdbenv *env = open_env(path, LMDBENV_EXISTING);
    assert_int_equal(length_of(env, "k"), -1);
    lmdbenv_close(env);
    assert_int_equal(killed_committing(path, IO_FAULT_KILL_AFTER), SIGKILL);
    env = open_env(path, LMDBENV_EXISTING);
    assert_int_equal(length_of(env, "k"), 5);

    io_fault_arm(IO_FAULT_FULL, 1, "env");
    assert_done(lmdbenv_begin(env, LMDBENV_WRITING, 0, &t, &e), &e);
    assert_done(lmdbenv_put(&t, FIRST, bytes_text("k"), bytes_text("longer value"), &e), &e);
    assert_fails(lmdbenv_commit(&t, &e), &e, ERR_STORAGE);
    assert_true(io_is_full(&e));
    io_fault_arm(IO_FAULT_NONE, 0, NULL);
    assert_int_equal(length_of(env, "k"), 5);
    put_one(env, "k", bytes_text("longer value"));
    assert_int_equal(length_of(env, "k"), 12);
    lmdbenv_close(env);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_file_is_opened_once_in_a_process),
        cmocka_unit_test(opening_checks_what_is_there),
        cmocka_unit_test(commits_are_crash_points),
        cmocka_unit_test(descriptors_are_closed_on_exec),
        cmocka_unit_test(the_map_grows),
        cmocka_unit_test(another_process_may_grow_it),
        cmocka_unit_test(a_forked_child_opens_its_own),
        cmocka_unit_test(slots_of_dead_readers_are_freed),
        cmocka_unit_test(cursors_walk_append_and_remove),
        cmocka_unit_test(threads_open_and_read_while_the_map_grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
