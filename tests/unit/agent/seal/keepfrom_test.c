#include "agent/seal/keepfrom.h"

#include "tests/lib/check.h"

struct id {
    uint8_t raw[KEEPFROM_ID];
};

static struct id id_of(uint64_t number)
{
    struct id id = {{0}};
    uint64_t scattered = number * UINT64_C(0x9e3779b97f4a7c15);
    memcpy(id.raw, &scattered, sizeof scattered);
    memcpy(id.raw + 8, &number, sizeof number);
    return id;
}

static void the_last_seq_counts(void **state)
{
    (void)state;
    err e = ERR_INIT;
    OWNED(keepfrom) struct keepfrom *k = NULL;
    struct id a = id_of(1), zero = {{0}};
    assert_done(keepfrom_new(1 << 20, &k, &e), &e);
    assert_int_equal(keepfrom_seq(k, a.raw), 0);
    assert_done(keepfrom_raise(k, a.raw, 5, &e), &e);
    assert_done(keepfrom_raise(k, a.raw, 9, &e), &e);
    assert_done(keepfrom_raise(k, zero.raw, 7, &e), &e);
    assert_int_equal(keepfrom_seq(k, a.raw), 9);
    assert_int_equal(keepfrom_seq(k, zero.raw), 7);
}

static void pinned_stays(void **state)
{
    (void)state;
    err e = ERR_INIT;
    OWNED(keepfrom) struct keepfrom *k = NULL;
    struct id a = id_of(1), fresh = id_of(2);
    assert_done(keepfrom_new(1 << 20, &k, &e), &e);
    assert_done(keepfrom_raise(k, a.raw, 5, &e), &e);
    assert_done(keepfrom_pin(k, a.raw, &e), &e);
    assert_done(keepfrom_pin(k, fresh.raw, &e), &e);
    assert_done(keepfrom_raise(k, a.raw, 9, &e), &e);
    assert_done(keepfrom_raise(k, fresh.raw, 9, &e), &e);
    assert_int_equal(keepfrom_seq(k, a.raw), 5);
    assert_int_equal(keepfrom_seq(k, fresh.raw), 0);
}

/* Ids that differ in one half only are two. */
static void both_halves_count(void **state)
{
    (void)state;
    err e = ERR_INIT;
    OWNED(keepfrom) struct keepfrom *k = NULL;
    struct id a = id_of(1), b = a;
    b.raw[15] ^= 1;
    assert_done(keepfrom_new(1 << 20, &k, &e), &e);
    assert_done(keepfrom_raise(k, a.raw, 5, &e), &e);
    assert_int_equal(keepfrom_seq(k, b.raw), 0);
    assert_done(keepfrom_raise(k, b.raw, 6, &e), &e);
    assert_int_equal(keepfrom_seq(k, a.raw), 5);
}

static void latecomers_are_turned_away_for_good(void **state)
{
    (void)state;
    const size_t memory = 256 << 10;
    err e = ERR_INIT;
    OWNED(keepfrom) struct keepfrom *k = NULL;
    uint64_t known = 0;
    assert_done(keepfrom_new(memory, &k, &e), &e);
    for (; !keepfrom_is_full(k); known++) {
        struct id id = id_of(known);
        assert_done(keepfrom_raise(k, id.raw, known + 1, &e), &e);
    }
    known--; /* the one that found no place */
    assert_true(known > memory / 24 / 4 && known < memory / 24);
    struct id late = id_of(known + 1), old = id_of(3);
    assert_done(keepfrom_pin(k, late.raw, &e), &e);
    assert_done(keepfrom_raise(k, late.raw, 77, &e), &e);
    assert_int_equal(keepfrom_seq(k, late.raw), 0);
    for (uint64_t i = 0; i < known; i++) {
        struct id id = id_of(i);
        assert_int_equal(keepfrom_seq(k, id.raw), i + 1);
    }
    assert_done(keepfrom_raise(k, old.raw, 1000, &e), &e); /* who is known goes on */
    assert_int_equal(keepfrom_seq(k, old.raw), 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_seq_counts),
        cmocka_unit_test(pinned_stays),
        cmocka_unit_test(both_halves_count),
        cmocka_unit_test(latecomers_are_turned_away_for_good),
    };
    return cmocka_run_group_tests_name("keepfrom", tests, NULL, NULL);
}
