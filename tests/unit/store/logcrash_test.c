/* The action log after SIGKILL, on a full disk, and its memory with a huge transaction. */
#include "tests/lib/check.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/store/logfixture.h"

#define SIZE 120 /* bytes of a row */

/* How many actions the transaction at an LSN has: so a whole log can be counted. */
static unsigned actions_at(lsn at)
{
    return (unsigned)(at * 2654435761u >> 7) % 40;
}

/* What the log must hold when its last transaction is the one at `last`: LSNs count from 1. */
static uint64_t seqs_up_to(lsn last)
{
    uint64_t seqs = 0;
    for (lsn at = 1; at <= last; at++)
        seqs += actions_at(at);
    return seqs;
}

static struct logwriter *writer(const char *dir)
{
    struct log_options o = fixture_options();
    struct logwriter *w = NULL;
    err e = ERR_INIT;
    o.start_lsn = 0;
    o.segment_bytes = 256 << 10;
    assert_done(logwriter_open(dir, &o, &w, &e), &e);
    return w;
}

/* In a child: goes on from the position and tells of each flush. Ends by a signal, or by `transactions`. */
static void write_until_killed(const char *dir, int tell, lsn transactions)
{
    err e = ERR_INIT;
    struct logwriter *w = writer(dir);
    uint32_t v = fixture_relation(w, 10, 0);
    bool ok = true;
    for (lsn at = logwriter_position(w)->commit_lsn + 1; ok && transactions-- > 0; at++) {
        for (unsigned n = 0; ok && n < actions_at(at); n++) {
            ok = fixture_put(w, v, at, n, SIZE, &e).ok;
            if (ok && (at + n) % 97 == 0)
                ok = logwriter_flush(w, &e).ok; /* inside a transaction */
        }
        struct commit c = {.lsn = at, .end_lsn = at + 5, .time = (pgtime)at};
        ok = ok && logwriter_commit(w, &c, &e).ok;
        if (ok && at % 5 == 0)
            ok = logwriter_flush(w, &e).ok;
        uint64_t seq = logwriter_position(w)->last_seq;
        if (ok && write(tell, &seq, sizeof seq) != (ssize_t)sizeof seq)
            ok = false;
    }
    if (!ok)
        (void)fprintf(stderr, "child: %s\n", e.message);
    _exit(ok ? 0 : 1);
}

/* Everything acknowledged is there, once, and nothing that is not a whole transaction. */
static void check_log(const char *dir, uint64_t acknowledged)
{
    struct logwriter *w = writer(dir);
    struct logreader *r = fixture_reader(dir);
    struct log_position at = *logwriter_position(w);
    assert_true(at.last_seq >= acknowledged);
    assert_int_equal(at.last_seq, seqs_up_to(at.commit_lsn));
    assert_int_equal(fixture_check(r, 1, SIZE), at.last_seq);
    logreader_close(r);
    logwriter_close(w);
}

static uint64_t last_told(int from)
{
    uint64_t seq = 0;
    uint64_t last = 0;
    while (read(from, &seq, sizeof seq) == (ssize_t)sizeof seq)
        last = seq;
    return last;
}

static void survives_being_killed_at_any_time(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    uint64_t acknowledged = 0;
    for (unsigned round = 0; round < 15; round++) {
        int pipes[2];
        assert_int_equal(pipe(pipes), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            write_until_killed(s.dir, pipes[1], UINT64_MAX);
        close(pipes[1]);
        /* In each second round behind its first commit: a slow machine has none in the time below. */
        struct pollfd told_first = {.fd = pipes[0], .events = POLLIN};
        if (round % 2 == 1)
            assert_int_equal(poll(&told_first, 1, 60000), 1);
        /* Less than a pipe holds, so that it is never the child who waits. */
        (void)usleep(4000 + round * 2711 % 30000);
        assert_int_equal(kill(child, SIGKILL), 0);
        uint64_t told = last_told(pipes[0]);
        acknowledged = told > acknowledged ? told : acknowledged;
        int how = 0;
        assert_int_equal(waitpid(child, &how, 0), child);
        assert_true(WIFSIGNALED(how));
        close(pipes[0]);
        check_log(s.dir, acknowledged);
    }
    assert_true(acknowledged > 0);
}

/* The calls that rotation makes: rename, fsync of the folder, unlinks. */
static void survives_being_killed_at_each_step_of_a_rotation(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    const enum io_fault kinds[] = {IO_FAULT_KILL, IO_FAULT_KILL_AFTER};
    unsigned killed = 0;
    for (uint64_t nth = 1; nth <= 16; nth++) {
        int pipes[2];
        assert_int_equal(pipe(pipes), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            io_fault_arm(kinds[nth % 2], nth, NULL);
            write_until_killed(s.dir, pipes[1], 800);
        }
        close(pipes[1]);
        uint64_t told = last_told(pipes[0]);
        int how = 0;
        assert_int_equal(waitpid(child, &how, 0), child);
        killed += WIFSIGNALED(how) ? 1 : 0;
        assert_true(WIFSIGNALED(how) || WEXITSTATUS(how) == 0);
        close(pipes[0]);
        check_log(s.dir, told);
    }
    assert_true(killed >= 10);
}

/* Several LMDB commits into a transaction that never commits. */
/* Runs a child that dies at its n-th crash point, unless it gets to its end; returns the last seq it told of.
 */
static uint64_t run_to_crash_point(const char *dir, enum io_fault kind, uint64_t nth, bool *whole)
{
    int pipes[2];
    int how = 0;
    assert_int_equal(pipe(pipes), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        io_fault_arm(kind, nth, NULL);
        write_until_killed(dir, pipes[1], 60);
    }
    close(pipes[1]);
    const uint64_t told = last_told(pipes[0]);
    close(pipes[0]);
    assert_int_equal(waitpid(child, &how, 0), child);
    *whole = WIFEXITED(how);
    assert_true(*whole ? WEXITSTATUS(how) == 0 : WTERMSIG(how) == SIGKILL);
    return told;
}

/* From an empty folder: each commit of LMDB, each rename, fsync and unlink, before it and after it. */
static void survives_every_crash_point_until_a_run_is_whole(void **state)
{
    (void)state;
    const enum io_fault kinds[] = {IO_FAULT_KILL, IO_FAULT_KILL_AFTER};
    for (unsigned k = 0; k < 2; k++) {
        bool whole = false;
        uint64_t nth = 1;
        for (; !whole; nth++) {
            OWNED(scratch) struct scratch s = scratch_make();
            const uint64_t told = run_to_crash_point(s.dir, kinds[k], nth, &whole);
            check_log(s.dir, told);
        }
        assert_true(nth > 20);
    }
}

static void a_huge_half_transaction_is_removed(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        err e = ERR_INIT;
        struct logwriter *w = writer(s.dir);
        uint32_t v = fixture_relation(w, 10, 0);
        bool ok = fixture_transaction(w, v, 1, actions_at(1), SIZE, &e).ok && logwriter_flush(w, &e).ok;
        for (unsigned n = 0; ok && n < 200000; n++)
            ok = fixture_put(w, v, 2, n, SIZE, &e).ok;
        if (ok)
            (void)kill(getpid(), SIGKILL);
        _exit(1);
    }
    int how = 0;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFSIGNALED(how));
    check_log(s.dir, actions_at(1));
    OWNED(logwriter) struct logwriter *w = writer(s.dir);
    OWNED(logreader) struct logreader *r = fixture_reader(s.dir);
    struct log_state now;
    err e = ERR_INIT;
    assert_done(logreader_state(r, &now, &e), &e);
    uint64_t before = now.bytes;
    assert_true(before > (16 << 20));
    /* the room it took is used again */
    assert_done(fixture_transaction(w, fixture_relation(w, 10, 0), 2, 60000, SIZE, &e), &e);
    assert_done(logwriter_flush(w, &e), &e);
    assert_int_equal(fixture_check(r, 1, SIZE), actions_at(1) + 60000);
    assert_done(logreader_state(r, &now, &e), &e);
    assert_true(now.bytes < before + (4 << 20));
}

/* ---- full disk ---- */

/* Writes transactions of `actions` from the position on, a flush each, until one fails. Returns the LSN of
 * that. */
static lsn write_until_full(struct logwriter *w, unsigned actions, err *e)
{
    for (lsn at = logwriter_position(w)->commit_lsn + 1;; at++) {
        if (!fixture_transaction(w, fixture_relation(w, 10, 0), at, actions, SIZE, e).ok ||
            !logwriter_flush(w, e).ok)
            return at;
        assert_int_equal(logwriter_position(w)->commit_lsn, at);
        assert_true(at < 100000);
    }
}

/* The disk is full now; `make_room` ends that. */
static void check_full(struct logwriter *w, const char *dir, unsigned actions, lsn failed,
                       void (*make_room)(void *), void *context)
{
    OWNED(logreader) struct logreader *r = fixture_reader(dir);
    err e = ERR_INIT;
    assert_int_equal(logwriter_position(w)->commit_lsn, failed - 1);
    assert_int_equal(logwriter_position(w)->last_seq, (failed - 1) * actions);
    assert_int_equal(fixture_check(r, 1, SIZE), (failed - 1) * actions);
    for (int i = 0; i < 3; i++) { /* as often as it takes */
        lsn again = write_until_full(w, actions, &e);
        assert_true(again >= failed);
        assert_true(io_is_full(&e));
        failed = again;
    }
    make_room(context);
    for (lsn at = failed; at < failed + 5; at++) {
        assert_done(fixture_transaction(w, fixture_relation(w, 10, 0), at, actions, SIZE, &e), &e);
        assert_done(logwriter_flush(w, &e), &e);
    }
    assert_int_equal(fixture_check(r, 1, SIZE), (failed + 4) * actions);
}

static void lift_limit(void *context)
{
    assert_int_equal(setrlimit(RLIMIT_FSIZE, context), 0);
}

static void a_limit_of_file_size_loses_nothing(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(logwriter) struct logwriter *w = fixture_writer(s.dir, 0);
    struct rlimit old;
    err e = ERR_INIT;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    struct rlimit small = {3 << 20, old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    lsn failed = write_until_full(w, 500, &e);
    bool full = io_is_full(&e);
    check_full(w, s.dir, 500, failed, lift_limit, &old);
    (void)signal(SIGXFSZ, handler);
    assert_true(full);
}

static void remove_filler(void *context)
{
    err e = ERR_INIT;
    assert_done(io_unlink(context, &e), &e);
}

/* In a mount namespace of its own, so that nothing stays mounted however the test ends. */
static int leave_the_mounts(void **state)
{
    (void)state;
    return unshare(CLONE_NEWNS) == 0 ? mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) : -1;
}

/* A tmpfs of this size, with a file that can be removed to make room. Only root may. */
static void on_a_small_disk(const char *size, size_t filler_bytes, unsigned actions)
{
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(text) char *log = io_join(s.dir, "log");
    OWNED(text) char *filler = io_join(s.dir, "filler");
    OWNED(buf) struct buf zeros = {0};
    err e = ERR_INIT;
    assert_int_equal(mount("tmpfs", s.dir, "tmpfs", 0, size), 0);
    memset(buf_room(&zeros, filler_bytes), 0, filler_bytes);
    zeros.len = filler_bytes;
    assert_done(io_store(filler, buf_view(&zeros), &e), &e);
    struct logwriter *w = fixture_writer(log, 0);
    lsn failed = write_until_full(w, actions, &e);
    if (!io_is_full(&e))
        fail_msg("not told as a full disk: %s", e.message);
    check_full(w, log, actions, failed, remove_filler, filler);
    logwriter_close(w);
    assert_int_equal(umount(s.dir), 0);
}

static void a_full_disk_loses_nothing(void **state)
{
    (void)state;
    on_a_small_disk("size=8m", 4 << 20, 500);
}

/* Transactions of more than one LMDB commit: there is a tail to remove before going on. */
static void a_disk_full_inside_a_huge_transaction_loses_nothing(void **state)
{
    (void)state;
    on_a_small_disk("size=96m", 64 << 20, 70000);
}

/* ---- memory ---- */

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* their shadow memory counts as ours */
static long rss_anon_kib(void)
{
    OWNED(stream) FILE *f = fopen("/proc/self/status", "r");
    char line[128];
    while (f != NULL && fgets(line, sizeof line, f) != NULL)
        if (strncmp(line, "RssAnon:", 8) == 0)
            return strtol(line + 8, NULL, 10);
    return -1;
}

static void a_huge_transaction_takes_little_memory(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(logwriter) struct logwriter *w = fixture_writer(s.dir, 0);
    err e = ERR_INIT;
    assert_done(fixture_transaction(w, fixture_relation(w, 10, 0), 200, 500000, SIZE, &e), &e);
    assert_true(rss_anon_kib() > 0);
    assert_true(rss_anon_kib() < 40 * 1024);
    assert_done(logwriter_flush(w, &e), &e);
    OWNED(logreader) struct logreader *r = fixture_reader(s.dir);
    assert_int_equal(fixture_check(r, 1, SIZE), 500000);
    assert_true(rss_anon_kib() < 40 * 1024);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
        cmocka_unit_test(a_huge_transaction_takes_little_memory),
#endif
        cmocka_unit_test(survives_being_killed_at_any_time),
        cmocka_unit_test(survives_being_killed_at_each_step_of_a_rotation),
        cmocka_unit_test(survives_every_crash_point_until_a_run_is_whole),
        cmocka_unit_test(a_huge_half_transaction_is_removed),
        cmocka_unit_test(a_limit_of_file_size_loses_nothing),
    };
    const struct CMUnitTest as_root[] = {
        cmocka_unit_test(a_full_disk_loses_nothing),
        cmocka_unit_test(a_disk_full_inside_a_huge_transaction_loses_nothing),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    if (geteuid() == 0)
        return failed + cmocka_run_group_tests(as_root, leave_the_mounts, NULL);
    (void)printf("not root: the two tests on a small tmpfs are left out\n");
    return failed;
}
