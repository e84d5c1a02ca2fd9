#include "tests/lib/check.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/chain.h"
#include "tests/lib/scratch.h"
#include "tests/lib/snapmake.h"

static size_t files_in(const char *dir)
{
    OWNED(io_names) struct io_names names = {0};
    err e = ERR_INIT;
    assert_done(io_list(dir, &names, &e), &e);
    return names.count;
}

static void states(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(snapwriter) struct snapwriter *w = NULL;
    OWNED(snapwriter) struct snapwriter *again = NULL;
    OWNED(text) char *name = NULL;
    struct snapsection *section = NULL;
    struct snapmake m;
    uint8_t hash[SHA256_LEN], found[SHA256_LEN];
    err e = ERR_INIT;

    snapmake_init(&m);
    snapmake_begin(&m, PGSTRAND__SNAPSHOT_TYPE__FULL, 1, 0);
    assert_done(snapwriter_open(s.dir, &m.header, 3, 0, &w, &e), &e);
    assert_fails(snapwriter_section(w, TIER_TRANSIENT, PGSTRAND__SECTION_KIND__ROWS, &section, &e), &e,
                 ERR_REFUSED);
    assert_fails(snapwriter_section(w, TIER_NONE, PGSTRAND__SECTION_KIND__ROWS, &section, &e), &e,
                 ERR_VALIDATION);
    snapmake_fill(&m, w);
    assert_fails(snapwriter_section(w, TIER_BUSINESS, PGSTRAND__SECTION_KIND__ROWS, &section, &e), &e,
                 ERR_VALIDATION);
    assert_mentions(&e, "business rows");
    assert_done(snapwriter_publish(w, &m.key, hash, &name, &e), &e);
    char *none = NULL;
    assert_fails(snapwriter_publish(w, &m.key, hash, &none, &e), &e, ERR_VALIDATION);
    assert_fails(snapwriter_section(w, TIER_AUDIT, PGSTRAND__SECTION_KIND__ASSETS, &section, &e), &e,
                 ERR_VALIDATION);
    assert_fails(snapwriter_open(s.dir, &m.header, 3, 0, &again, &e), &e, ERR_REFUSED);
    assert_int_equal(files_in(s.dir), 3);

    PB_OWNED(Pgstrand__SnapshotCommit) *commit = NULL;
    assert_done(snapcommit_load(s.dir, name, &commit, found, &e), &e);
    assert_memory_equal(hash, found, sizeof hash);
    assert_true(commit->has_device_header_hash);
}

static void abandoned_leaves_nothing(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    struct snapwriter *w = NULL;
    struct snapmake m;
    err e = ERR_INIT;
    snapmake_init(&m);
    snapmake_begin(&m, PGSTRAND__SNAPSHOT_TYPE__FULL, 1, 0);
    assert_done(snapwriter_open(s.dir, &m.header, 3, 300, &w, &e), &e);
    snapmake_fill(&m, w);
    assert_true(files_in(s.dir) > 3);
    snapwriter_close(w);
    assert_int_equal(files_in(s.dir), 0);
}

/* Device sections that get no frame make no file. */
static void empty_sections(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(snapwriter) struct snapwriter *w = NULL;
    OWNED(text) char *name = NULL;
    struct snapsection *section = NULL;
    struct snapmake m;
    uint8_t hash[SHA256_LEN];
    uint64_t frames = 9;
    err e = ERR_INIT;
    snapmake_init(&m);
    snapmake_begin(&m, PGSTRAND__SNAPSHOT_TYPE__FULL, 1, 0);
    assert_done(snapwriter_open(s.dir, &m.header, 3, 0, &w, &e), &e);
    assert_done(snapwriter_section(w, TIER_DEVICE, PGSTRAND__SECTION_KIND__ROWS, &section, &e), &e);
    assert_done(snapwriter_section(w, TIER_BUSINESS, PGSTRAND__SECTION_KIND__ROWS, &section, &e), &e);
    assert_done(snapwriter_publish(w, &m.key, hash, &name, &e), &e);
    assert_int_equal(files_in(s.dir), 2);
    assert_done(snapmake_verify(s.dir, name, &frames, &e), &e);
    assert_int_equal(frames, 0);
}

static void rows_need_a_digest(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(snapwriter) struct snapwriter *w = NULL;
    OWNED(framecoder) struct framecoder *coder = NULL;
    struct snapsection *rows = NULL;
    struct snapmake m;
    uint8_t hash[SHA256_LEN];
    char *name = NULL;
    err e = ERR_INIT;
    snapmake_init(&m);
    snapmake_begin(&m, PGSTRAND__SNAPSHOT_TYPE__FULL, 1, 0);
    assert_done(framecoder_new(3, &coder, &e), &e);
    assert_done(snapwriter_open(s.dir, &m.header, 3, 0, &w, &e), &e);
    assert_done(snapwriter_section(w, TIER_BUSINESS, PGSTRAND__SECTION_KIND__ROWS, &rows, &e), &e);
    assert_done(snapsection_frame(rows, coder, 7, 0, 0,
                                  bytes_text("\x0a\x02"
                                             "1\n"),
                                  &e),
                &e);
    assert_fails(snapwriter_publish(w, &m.key, hash, &name, &e), &e, ERR_VALIDATION);
    assert_mentions(&e, "table 7");
}

static void roll_over(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(io_names) struct io_names names = {0};
    struct snapmake m;
    uint64_t frames = 0;
    err e = ERR_INIT;
    snapmake_init(&m);
    m.rollover = 900;
    OWNED(text) char *name = snapmake_full(&m, s.dir);
    assert_done(snapmake_verify(s.dir, name, &frames, &e), &e);
    assert_int_equal(frames, 6);
    assert_done(io_list(s.dir, &names, &e), &e);
    assert_true(names.count >= 5);
    for (size_t i = 0; i < names.count; i++) {
        OWNED(io_file) struct io_file *f = NULL;
        uint64_t size = 0;
        assert_done(io_open(scratch_path(&s, names.name[i]), IO_READ, &f, &e), &e);
        assert_done(io_size(f, &size, &e), &e);
        assert_true(strstr(names.name[i], ".commit") != NULL || size <= 900);
    }
}

/* ---- threads ---- */

#define THREADS 4
#define FRAMES 16

struct worker {
    pthread_t thread;
    struct snapsection *section;
    uint32_t id;
    bool ok;
};

static void *work(void *context)
{
    struct worker *worker = context;
    OWNED(framecoder) struct framecoder *coder = NULL;
    OWNED(buf) struct buf payload = {0};
    err e = ERR_INIT;
    if (!framecoder_new(1, &coder, &e).ok)
        return NULL;
    for (uint32_t i = 0; i < FRAMES; i++) {
        buf_reset(&payload);
        buf_printf(&payload, "%u %u ", worker->id, i);
        while (payload.len < (i % 8 == 0 ? FRAME_RAW_MAX + 1000 : 30000)) /* some span two frames */
            buf_printf(&payload, "%zu,", payload.len * worker->id);
        if (!snapsection_frame(worker->section, coder, worker->id, i, i, buf_view(&payload), &e).ok)
            return NULL;
    }
    worker->ok = true;
    return NULL;
}

static void read_worker(struct snapreader *r, uint32_t id)
{
    struct snap_payload p;
    bool end = false;
    err e = ERR_INIT;
    for (uint32_t i = 0;; i++) {
        char wanted[40];
        assert_done(snapreader_next(r, id, &p, &end, &e), &e);
        if (end) {
            assert_int_equal(i, FRAMES);
            return;
        }
        (void)snprintf(wanted, sizeof wanted, "%u %u ", id, i);
        assert_int_equal(p.first_seq, i);
        assert_memory_equal(p.payload.data, wanted, strlen(wanted));
        assert_int_equal(p.payload.len > FRAME_RAW_MAX, i % 8 == 0);
    }
}

static void many_threads_write_one_section(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(snapwriter) struct snapwriter *w = NULL;
    OWNED(snapreader) struct snapreader *r = NULL;
    OWNED(text) char *name = NULL;
    struct worker workers[THREADS] = {0};
    struct snapsection *section[2] = {0};
    struct snapmake m;
    uint8_t hash[SHA256_LEN];
    uint64_t frames = 0;
    err e = ERR_INIT;
    snapmake_init(&m);
    snapmake_begin(&m, PGSTRAND__SNAPSHOT_TYPE__FULL, 1, 0);
    assert_done(snapwriter_open(s.dir, &m.header, 1, (uint64_t)2 << 20, &w, &e), &e);
    assert_done(snapwriter_section(w, TIER_BUSINESS, PGSTRAND__SECTION_KIND__ASSETS, &section[0], &e), &e);
    assert_done(snapwriter_section(w, TIER_DEVICE, PGSTRAND__SECTION_KIND__ASSETS, &section[1], &e), &e);
    for (uint32_t i = 0; i < THREADS; i++) {
        workers[i].section = section[i == 3];
        workers[i].id = i + 1;
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
        assert_true(workers[i].ok);
    }
    assert_done(snapwriter_publish(w, &m.key, hash, &name, &e), &e);
    assert_done(snapreader_open(s.dir, name, &r, &e), &e);
    assert_done(snapreader_verify(r, &frames, &e), &e);
    assert_int_equal(frames, THREADS * (FRAMES + FRAMES / 8));
    for (uint32_t i = 0; i < THREADS; i++) {
        bool found = false;
        assert_done(snapreader_section(r, i == 3 ? TIER_DEVICE : TIER_BUSINESS,
                                       PGSTRAND__SECTION_KIND__ASSETS, &found, &e),
                    &e);
        read_worker(r, i + 1);
    }
}

/* Bytes that do not compress, so that there is enough stored for several threads to read back. */
static void put_noise(struct snapsection *section, uint32_t frames, size_t len)
{
    OWNED(framecoder) struct framecoder *coder = NULL;
    OWNED(buf) struct buf payload = {0};
    uint64_t x = 88172645463325252u;
    err e = ERR_INIT;
    assert_done(framecoder_new(1, &coder, &e), &e);
    for (uint32_t i = 0; i < frames; i++) {
        buf_reset(&payload);
        while (payload.len < len) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17; /* xorshift64 */
            buf_bytes(&payload, &x, sizeof x);
        }
        assert_done(snapsection_frame(section, coder, 1, i, i, buf_view(&payload), &e), &e);
    }
}

static void flip(const char *dir, size_t at)
{
    OWNED(io_names) struct io_names names = {0};
    char path[400];
    uint8_t byte = 0;
    err e = ERR_INIT;
    assert_done(io_list(dir, &names, &e), &e);
    assert_int_equal(names.count, 1);
    (void)snprintf(path, sizeof path, "%s/%s", dir, names.name[0]);
    FILE *f = fopen(path, "r+");
    assert_non_null(f);
    assert_int_equal(fseek(f, (long)at, SEEK_SET), 0);
    assert_int_equal(fread(&byte, 1, 1, f), 1);
    byte ^= 16;
    assert_int_equal(fseek(f, (long)at, SEEK_SET), 0);
    assert_int_equal(fwrite(&byte, 1, 1, f), 1);
    assert_int_equal(fclose(f), 0);
}

/* Several threads share the reading of a large file, every second frame each: all frames are read. */
static void what_reads_back_otherwise_is_not_published(void **state)
{
    (void)state;
    enum { frames = 32, len = 128 << 10, none = frames };
    for (uint32_t wrong = 12; wrong <= none; wrong += wrong < 15 ? 1 : none - 15) {
        OWNED(scratch) struct scratch s = scratch_make();
        OWNED(snapwriter) struct snapwriter *w = NULL;
        OWNED(text) char *name = NULL;
        struct snapsection *section = NULL;
        struct snapmake m;
        uint8_t hash[SHA256_LEN];
        err e = ERR_INIT;
        snapmake_init(&m);
        snapmake_begin(&m, PGSTRAND__SNAPSHOT_TYPE__FULL, 1, 0);
        assert_done(snapwriter_open(s.dir, &m.header, 1, 0, &w, &e), &e);
        assert_done(snapwriter_section(w, TIER_BUSINESS, PGSTRAND__SECTION_KIND__ASSETS, &section, &e), &e);
        put_noise(section, frames, len);
        if (wrong < none)
            flip(s.dir, (size_t)wrong * len + len / 2);
        if (wrong == none) {
            assert_done(snapwriter_publish(w, &m.key, hash, &name, &e), &e);
            continue;
        }
        assert_fails(snapwriter_publish(w, &m.key, hash, &name, &e), &e, ERR_STORAGE);
        assert_mentions(&e, "cannot publish snapshot");
        snapwriter_close(w);
        w = NULL;
        assert_int_equal(files_in(s.dir), 0);
    }
}

/* ---- faults ---- */

/* In a child: the n-th call that changes something kills it, before or after it is done. True: it lived. */
static bool publish_until_killed(struct snapmake *m, const char *dir, enum io_fault fault, uint64_t n)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        err e = ERR_INIT;
        char *name = NULL;
        io_fault_arm(fault, n, dir);
        _exit(snapmake_try(m, dir, &name, &e).ok ? 0 : 1);
    }
    int how = 0;
    assert_int_equal(waitpid(child, &how, 0), child);
    if (WIFEXITED(how)) {
        assert_int_equal(WEXITSTATUS(how), 0);
        return true;
    }
    assert_int_equal(WTERMSIG(how), SIGKILL);
    return false;
}

static void killed_at_every_call(enum io_fault fault)
{
    bool lived = false;
    uint64_t n = 1, whole = 0;
    for (; !lived; n++) {
        OWNED(scratch) struct scratch s = scratch_make();
        OWNED(chain) struct chain *c = NULL;
        struct snapmake m;
        uint64_t frames = 0;
        err e = ERR_INIT;
        snapmake_init(&m);
        m.rollover = 900; /* several parts */
        snapmake_begin(&m, PGSTRAND__SNAPSHOT_TYPE__FULL, 1, 0);
        lived = publish_until_killed(&m, s.dir, fault, n);
        assert_done(chain_tidy(s.dir, &e), &e);
        assert_done(chain_load(s.dir, &c, &e), &e);
        assert_true(c->count <= 1);
        assert_true(!lived || c->count == 1);
        if (c->count == 1)
            assert_done(snapmake_verify(s.dir, c->link[0].name, &frames, &e), &e);
        else
            assert_int_equal(files_in(s.dir), 0);
        whole += c->count;
        if (c->count == 0) { /* and it can be done again */
            char *name = NULL;
            assert_done(snapmake_try(&m, s.dir, &name, &e), &e);
            free(name);
        }
    }
    assert_true(n > 30);
    assert_true(whole >= 1 && whole <= 4); /* the sync of the folder after the last rename */
}

static void killed_before_every_call(void **state)
{
    (void)state;
    killed_at_every_call(IO_FAULT_KILL);
}

static void killed_after_every_call(void **state)
{
    (void)state;
    killed_at_every_call(IO_FAULT_KILL_AFTER);
}

/* The process lives on: nothing is published, nothing is left, not even when each later call fails too. */
static void fails_at_every_call(enum io_fault fault)
{
    for (uint64_t n = 1;; n++) {
        OWNED(scratch) struct scratch s = scratch_make();
        struct snapmake m;
        char *name = NULL;
        uint64_t frames = 0;
        err e = ERR_INIT;
        snapmake_init(&m);
        snapmake_begin(&m, PGSTRAND__SNAPSHOT_TYPE__FULL, 1, 0);
        OWNED(snapwriter) struct snapwriter *w = NULL;
        assert_done(snapwriter_open(s.dir, &m.header, 3, 0, &w, &e), &e);
        snapmake_fill(&m, w);
        io_fault_arm(fault, n, s.dir);
        uint8_t hash[SHA256_LEN];
        bool ok = snapwriter_publish(w, &m.key, hash, &name, &e).ok;
        bool reached = io_fault_calls() >= n;
        io_fault_arm(IO_FAULT_NONE, 0, NULL);
        snapwriter_close(w);
        w = NULL;
        if (!reached) {
            assert_true(ok);
            assert_done(snapmake_verify(s.dir, name, &frames, &e), &e);
            free(name);
            assert_true(n > 15);
            return;
        }
        assert_false(ok);
        assert_int_equal(e.class, ERR_STORAGE);
        assert_true(fault != IO_FAULT_FULL || io_is_full(&e));
        assert_int_equal(files_in(s.dir), 0);
    }
}

static void a_full_disk_publishes_nothing(void **state)
{
    (void)state;
    fails_at_every_call(IO_FAULT_FULL);
}

static void a_failing_disk_publishes_nothing(void **state)
{
    (void)state;
    fails_at_every_call(IO_FAULT_FAIL);
    fails_at_every_call(IO_FAULT_SHORT);
}

static void a_frame_that_fails_spoils_the_snapshot(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(snapwriter) struct snapwriter *w = NULL;
    OWNED(framecoder) struct framecoder *coder = NULL;
    struct snapsection *section = NULL;
    struct snapmake m;
    uint8_t hash[SHA256_LEN];
    char *name = NULL;
    err e = ERR_INIT;
    snapmake_init(&m);
    snapmake_begin(&m, PGSTRAND__SNAPSHOT_TYPE__FULL, 1, 0);
    assert_done(framecoder_new(3, &coder, &e), &e);
    assert_done(snapwriter_open(s.dir, &m.header, 3, 0, &w, &e), &e);
    assert_done(snapwriter_section(w, TIER_BUSINESS, PGSTRAND__SECTION_KIND__ASSETS, &section, &e), &e);
    io_fault_arm(IO_FAULT_FULL, 2, s.dir);
    assert_fails(snapsection_frame(section, coder, 0, 0, 0, bytes_text("x"), &e), &e, ERR_STORAGE);
    io_fault_arm(IO_FAULT_NONE, 0, NULL);
    assert_fails(snapsection_frame(section, coder, 0, 0, 0, bytes_text("x"), &e), &e, ERR_VALIDATION);
    assert_fails(snapwriter_publish(w, &m.key, hash, &name, &e), &e, ERR_VALIDATION);
    snapwriter_close(w);
    w = NULL;
    assert_int_equal(files_in(s.dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states),
        cmocka_unit_test(abandoned_leaves_nothing),
        cmocka_unit_test(empty_sections),
        cmocka_unit_test(rows_need_a_digest),
        cmocka_unit_test(roll_over),
        cmocka_unit_test(many_threads_write_one_section),
        cmocka_unit_test(what_reads_back_otherwise_is_not_published),
        cmocka_unit_test(killed_before_every_call),
        cmocka_unit_test(killed_after_every_call),
        cmocka_unit_test(a_full_disk_publishes_nothing),
        cmocka_unit_test(a_failing_disk_publishes_nothing),
        cmocka_unit_test(a_frame_that_fails_spoils_the_snapshot),
    };
    return cmocka_run_group_tests_name("snapwriter", tests, NULL, NULL);
}
