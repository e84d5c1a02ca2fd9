#include "tests/lib/check.h"

#include <fcntl.h>
#include <unistd.h>

#include "store/snaplayout.h"
#include "tests/lib/scratch.h"
#include "tests/lib/snapmake.h"

struct target {
    struct scratch s;
    char *name;
    char path[400];
    uint8_t *data;
    size_t len;
};

static void target_make(struct target *t, const char *suffix)
{
    struct snapmake m;
    err e = ERR_INIT;
    t->s = scratch_make();
    snapmake_init(&m);
    t->name = snapmake_full(&m, t->s.dir);
    (void)snprintf(t->path, sizeof t->path, "%s/%s%s", t->s.dir, t->name, suffix);
    assert_done(io_load(t->path, 1 << 20, &t->data, &t->len, &e), &e);
}

static void target_end(struct target *t)
{
    free(t->name);
    free(t->data);
    scratch_remove(&t->s);
}

/* Without fsync: it is done some thousand times. */
static void put(const struct target *t, const void *data, size_t len)
{
    int fd = open(t->path, O_WRONLY | O_TRUNC | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, len), len);
    close(fd);
}

static void must_be_noticed(const struct target *t, const char *what, size_t at)
{
    uint64_t frames;
    err e = ERR_INIT;
    if (snapmake_verify(t->s.dir, t->name, &frames, &e).ok)
        fail_msg("%s: byte %zu %s, and nothing was noticed", t->path, at, what);
    assert_true(e.class == ERR_STORAGE || e.class == ERR_REFUSED);
}

static void flip_and_cut(const char *suffix)
{
    struct target t = {0};
    uint64_t frames;
    err e = ERR_INIT;
    target_make(&t, suffix);
    for (size_t i = 0; i < t.len; i++) {
        t.data[i] ^= (uint8_t)(1u << i % 8);
        put(&t, t.data, t.len);
        t.data[i] ^= (uint8_t)(1u << i % 8);
        must_be_noticed(&t, "flipped", i);
        put(&t, t.data, i);
        must_be_noticed(&t, "cut off", i);
    }
    OWNED(memory) uint8_t *longer = calloc(1, t.len + 100);
    assert_non_null(longer);
    memcpy(longer, t.data, t.len);
    for (size_t more = 1; more <= 100; more += 33) {
        put(&t, longer, t.len + more);
        must_be_noticed(&t, "and more added", t.len);
    }
    put(&t, t.data, t.len);
    assert_done(snapmake_verify(t.s.dir, t.name, &frames, &e), &e);
    target_end(&t);
}

static void every_byte_of_the_snap_file(void **state)
{
    (void)state;
    flip_and_cut(".snap");
}

static void every_byte_of_the_device_file(void **state)
{
    (void)state;
    flip_and_cut(".device");
}

static void every_byte_of_the_commit(void **state)
{
    (void)state;
    flip_and_cut(".commit");
}

/* Any four bytes replaced by a huge number: no crash, no huge allocation (the sanitizers and RLIMIT would
 * tell), and always an error. */
static void oversized_lengths(void **state)
{
    (void)state;
    static const uint8_t huge[][4] = {{0xff, 0xff, 0xff, 0xff}, {0xff, 0xff, 0xff, 0x7f}, {0, 0, 0, 0x40}};
    struct target t = {0};
    target_make(&t, ".snap");
    OWNED(memory) uint8_t *copy = malloc(t.len);
    assert_non_null(copy);
    for (size_t i = 0; i + 4 <= t.len; i += 2) {
        memcpy(copy, t.data, t.len);
        memcpy(copy + i, huge[i / 2 % 3], 4);
        put(&t, copy, t.len);
        must_be_noticed(&t, "made huge", i);
    }
    target_end(&t);
}

/* Junk between the frames is hidden from every hash; verify accounts for each byte. */
static void parts_hold_nothing_else(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    struct snapmake m;
    uint64_t frames;
    err e = ERR_INIT;
    snapmake_init(&m);
    m.rollover = 700; /* each frame its own part */
    OWNED(text) char *name = snapmake_full(&m, s.dir);
    assert_done(snapmake_verify(s.dir, name, &frames, &e), &e);
    char path[400];
    (void)snprintf(path, sizeof path, "%s/%s.snap.1", s.dir, name);
    int fd = open(path, O_WRONLY | O_APPEND);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "junk", 4), 4);
    close(fd);
    assert_fails(snapmake_verify(s.dir, name, &frames, &e), &e, ERR_STORAGE);
    assert_mentions(&e, "belong");
}

/* The commit says what was there: a device file that it does not know of came from elsewhere. */
static void a_stray_device_file(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    struct snapmake m;
    uint64_t frames;
    err e = ERR_INIT;
    snapmake_init(&m);
    m.device_rows = false;
    OWNED(text) char *name = snapmake_full(&m, s.dir);
    char path[400];
    (void)snprintf(path, sizeof path, "%s/%s.device", s.dir, name);
    assert_false(io_exists(path));
    assert_done(snapmake_verify(s.dir, name, &frames, &e), &e);
    assert_done(io_store(path, bytes_text("x"), &e), &e);
    assert_fails(snapmake_verify(s.dir, name, &frames, &e), &e, ERR_STORAGE);
    assert_mentions(&e, ".device");
}

/* Rows that are not those of the digest: written wrong, all hashes right. */
static void wrong_digest(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(snapwriter) struct snapwriter *w = NULL;
    OWNED(framecoder) struct framecoder *coder = NULL;
    OWNED(buf) struct buf payload = {0};
    OWNED(text) char *name = NULL;
    struct table_digest digest = {.rows = 2};
    struct snapsection *rows = NULL;
    struct snapmake m;
    uint8_t hash[SHA256_LEN];
    uint64_t frames;
    err e = ERR_INIT;
    snapmake_init(&m);
    snapmake_begin(&m, PGSTRAND__SNAPSHOT_TYPE__FULL, 1, 0);
    assert_done(framecoder_new(3, &coder, &e), &e);
    assert_done(snapwriter_open(s.dir, &m.header, 3, 0, &w, &e), &e);
    assert_done(snapwriter_section(w, TIER_BUSINESS, PGSTRAND__SECTION_KIND__ROWS, &rows, &e), &e);
    wire_bytes(&payload, 1, bytes_text("1\n2\n"));
    assert_done(snapsection_frame(rows, coder, 4, 0, 0, buf_view(&payload), &e), &e);
    assert_done(snapsection_digest(rows, 4, &digest, &e), &e);
    assert_done(snapwriter_publish(w, &m.key, hash, &name, &e), &e);
    assert_fails(snapmake_verify(s.dir, name, &frames, &e), &e, ERR_STORAGE);
    assert_mentions(&e, "table 4");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_of_the_snap_file),
        cmocka_unit_test(every_byte_of_the_device_file),
        cmocka_unit_test(every_byte_of_the_commit),
        cmocka_unit_test(oversized_lengths),
        cmocka_unit_test(parts_hold_nothing_else),
        cmocka_unit_test(a_stray_device_file),
        cmocka_unit_test(wrong_digest),
    };
    return cmocka_run_group_tests_name("snapverify", tests, NULL, NULL);
}
