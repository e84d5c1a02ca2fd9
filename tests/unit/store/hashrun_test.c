/* Runs of (hash, number) pairs: what was put is found; what was changed, cut or is no run is refused. */
#include "store/hashrun.h"
#include "store/hashrunform.h"
#include "tests/lib/scratch.h"

static const struct hashrun_head head = {
    .node = {{1}}, .incarnation = {{2}}, .first = 5, .last = 90, .lsn = 7};

/* `hashes` hashes, the i-th with i % 4 + 1 numbers; one in the middle with very many. */
#define MANY 9000

static size_t numbers_of(uint64_t i, uint64_t hashes)
{
    return i == hashes / 2 ? MANY : i % 4 + 1;
}

static uint64_t hash_of(uint64_t i)
{
    return i * UINT64_C(1000003);
}

static void make(const char *path, uint64_t hashes)
{
    OWNED(hashrun_writer) struct hashrun_writer *w = NULL;
    err e = ERR_INIT;
    assert_done(hashrun_create(path, &w, &e), &e);
    for (uint64_t i = 0; i < hashes; i++)
        for (size_t n = 0; n < numbers_of(i, hashes); n++) {
            assert_done(hashrun_put(w, hash_of(i), i + 3 * n, &e), &e);
            assert_done(hashrun_put(w, hash_of(i), i + 3 * n, &e), &e); /* twice is once */
        }
    assert_done(hashrun_publish(w, &head, &e), &e);
}

static void what_was_put_is_found(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(hashrun) struct hashrun *r = NULL;
    const uint64_t hashes = 20000;
    uint64_t pairs = 0;
    err e = ERR_INIT;
    const char *path = scratch_path(&s, "a.run");
    make(path, hashes);
    assert_done(hashrun_open(path, &r, &e), &e);
    for (uint64_t i = 0; i < hashes; i++) {
        OWNED(seqlist) struct seqlist found = {0};
        pairs += numbers_of(i, hashes);
        if (i % 5 != 0 && i != hashes - 1) /* of each block some, and with MANY what it lies in */
            continue;
        assert_done(hashrun_find(r, hash_of(i), &found, &e), &e);
        assert_int_equal(found.count, numbers_of(i, hashes));
        for (size_t n = 0; n < found.count; n++)
            assert_int_equal(found.seq[n], i + 3 * n);
        found.count = 0;
        assert_done(hashrun_find(r, hash_of(i) + 1, &found, &e), &e);
        assert_int_equal(found.count, 0);
    }
    assert_int_equal(hashrun_head(r)->pairs, pairs);
    assert_int_equal(hashrun_head(r)->first, 5);
    assert_int_equal(hashrun_head(r)->last, 90);
    assert_int_equal(hashrun_head(r)->lsn, 7);
    assert_true(uuid_equal(&hashrun_head(r)->incarnation, &head.incarnation));
    assert_false(io_exists(scratch_path(&s, "a.run.part")));
}

static void all_pairs_come_in_order(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(hashrun) struct hashrun *r = NULL;
    uint64_t hash = 0, number = 0, last_hash = 0, last_number = 0, count = 0;
    bool end = false;
    err e = ERR_INIT;
    make(scratch_path(&s, "a.run"), 3000);
    assert_done(hashrun_open(scratch_path(&s, "a.run"), &r, &e), &e);
    for (;; count++) {
        assert_done(hashrun_next(r, &hash, &number, &end, &e), &e);
        if (end)
            break;
        assert_true(count == 0 || hash > last_hash || (hash == last_hash && number > last_number));
        last_hash = hash;
        last_number = number;
    }
    assert_int_equal(count, hashrun_head(r)->pairs);
}

static void an_empty_run(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(hashrun) struct hashrun *r = NULL;
    OWNED(seqlist) struct seqlist found = {0};
    uint64_t hash, number;
    bool end = false;
    err e = ERR_INIT;
    make(scratch_path(&s, "a.run"), 0);
    assert_done(hashrun_open(scratch_path(&s, "a.run"), &r, &e), &e);
    assert_done(hashrun_find(r, 0, &found, &e), &e);
    assert_int_equal(found.count, 0);
    assert_done(hashrun_next(r, &hash, &number, &end, &e), &e);
    assert_true(end);
}

static void pairs_must_ascend(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(hashrun_writer) struct hashrun_writer *w = NULL;
    err e = ERR_INIT;
    assert_done(hashrun_create(scratch_path(&s, "a.run"), &w, &e), &e);
    assert_done(hashrun_put(w, 5, 5, &e), &e);
    assert_fails(hashrun_put(w, 4, 9, &e), &e, ERR_VALIDATION);
    assert_fails(hashrun_put(w, 5, 4, &e), &e, ERR_VALIDATION);
    assert_fails(hashrun_put(w, UINT64_C(1) << HASHRUN_BITS, 4, &e), &e, ERR_VALIDATION);
}

static void what_is_not_published_is_not_there(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    struct hashrun_writer *w = NULL;
    struct hashrun *r = NULL;
    err e = ERR_INIT;
    assert_done(hashrun_create(scratch_path(&s, "a.run"), &w, &e), &e);
    assert_done(hashrun_put(w, 5, 5, &e), &e);
    hashrun_writer_close(w);
    assert_false(io_exists(scratch_path(&s, "a.run.part")));
    assert_fails(hashrun_open(scratch_path(&s, "a.run"), &r, &e), &e, ERR_STORAGE);
}

/* Reads everything that can be read of it. */
static bool reads(const char *path)
{
    OWNED(hashrun) struct hashrun *r = NULL;
    uint64_t hash, number;
    bool end = false;
    err e = ERR_INIT;
    if (!hashrun_open(path, &r, &e).ok) {
        assert_int_equal(e.class, ERR_STORAGE);
        return false;
    }
    while (!end)
        if (!hashrun_next(r, &hash, &number, &end, &e).ok) {
            assert_int_equal(e.class, ERR_STORAGE);
            return false;
        }
    return true;
}

static void every_flipped_byte_is_seen(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    err e = ERR_INIT;
    uint8_t *raw = NULL;
    size_t len = 0;
    make(scratch_path(&s, "a.run"), 40);
    assert_done(io_load(scratch_path(&s, "a.run"), 1 << 20, &raw, &len, &e), &e);
    const size_t step = len > 4000 ? len / 2000 : 1;
    for (size_t i = 0; i < len; i += i < HASHRUN_HEAD ? 1 : step) {
        raw[i] ^= 0x10;
        assert_done(io_store(scratch_path(&s, "b.run"), bytes_of(raw, len), &e), &e);
        raw[i] ^= 0x10;
        if (reads(scratch_path(&s, "b.run")))
            fail_msg("byte %zu of %zu was flipped and nobody saw it", i, len);
    }
    for (size_t cut = 0; cut < len; cut += step * 7 + 1) {
        assert_done(io_store(scratch_path(&s, "b.run"), bytes_of(raw, cut), &e), &e);
        assert_false(reads(scratch_path(&s, "b.run")));
    }
    assert_done(io_store(scratch_path(&s, "b.run"), bytes_of(raw, len), &e), &e);
    assert_true(reads(scratch_path(&s, "b.run")));
    free(raw);
}

static void a_full_disk_leaves_nothing(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    err e = ERR_INIT;
    for (uint64_t n = 1; n < 6; n++) {
        OWNED(hashrun_writer) struct hashrun_writer *w = NULL;
        io_fault_arm(IO_FAULT_FULL, n, "a.run");
        bool done = hashrun_create(scratch_path(&s, "a.run"), &w, &e).ok;
        for (uint64_t i = 0; done && i < 100; i++)
            done = hashrun_put(w, i, i, &e).ok;
        done = done && hashrun_publish(w, &head, &e).ok;
        io_fault_arm(IO_FAULT_NONE, 0, NULL);
        assert_false(done);
        assert_true(io_is_full(&e));
        assert_false(io_exists(scratch_path(&s, "a.run")));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_is_found),
        cmocka_unit_test(all_pairs_come_in_order),
        cmocka_unit_test(an_empty_run),
        cmocka_unit_test(pairs_must_ascend),
        cmocka_unit_test(what_is_not_published_is_not_there),
        cmocka_unit_test(every_flipped_byte_is_seen),
        cmocka_unit_test(a_full_disk_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
