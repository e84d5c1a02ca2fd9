/* Pairs sorted by bytes are what comparing them gives; runs merged have all pairs of their parts. */
#include "agent/history/pairsort.h"

#include "tests/lib/scratch.h"

static uint64_t next_random(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

static void fill(struct pairsort *s, uint64_t seed, size_t count, uint64_t hashes, bool rising)
{
    err e = ERR_INIT;
    for (uint64_t i = 0; i < count; i++) {
        const uint64_t hash =
            next_random(&seed) % hashes * UINT64_C(0x9e3779b97f4a7c15) >> (64 - HASHRUN_BITS);
        assert_done(pairsort_add(s, hash, rising ? 1000 + i / 2 : next_random(&seed) % 5000, &e), &e);
    }
}

static void is_sorted(const struct pairsort *s)
{
    for (size_t i = 1; i < s->count; i++) {
        const struct pair *a = &s->pair[i - 1], *b = &s->pair[i];
        assert_true(a->hash < b->hash || (a->hash == b->hash && a->number <= b->number));
    }
}

static uint64_t sum_of(const struct pairsort *s)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < s->count; i++)
        sum += (s->pair[i].hash ^ 0x55) * (s->pair[i].number + 7);
    return sum;
}

static void sorted_whatever_came(void **state)
{
    (void)state;
    static const size_t counts[] = {0, 1, 2, 100, 2047, 2048, 2049, 70000};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        for (int kind = 0; kind < 4; kind++) {
            OWNED(pairsort) struct pairsort s = {0};
            fill(&s, 7 + i, counts[i], kind < 2 ? 50 : UINT64_C(1) << 40, kind % 2 == 0);
            const uint64_t sum = sum_of(&s);
            pairsort_sort(&s);
            assert_int_equal(s.count, counts[i]);
            assert_true(sum_of(&s) == sum);
            is_sorted(&s);
        }
}

static void merged_runs_have_all_pairs(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    const struct hashrun_head head = {.first = 1, .last = 9};
    struct hashrun *run[9] = {NULL};
    OWNED(hashrun) struct hashrun *all = NULL;
    OWNED(pairsort) struct pairsort whole = {0};
    err e = ERR_INIT;
    for (size_t i = 0; i < 9; i++) {
        OWNED(pairsort) struct pairsort part = {0};
        char name[16];
        (void)snprintf(name, sizeof name, "%zu.run", i);
        fill(&part, 100 + i, 3000 * i, 5000, true);
        fill(&whole, 100 + i, 3000 * i, 5000, true);
        assert_done(pairsort_write(&part, scratch_path(&s, name), &head, &e), &e);
        assert_int_equal(part.count, 0);
        assert_done(hashrun_open(scratch_path(&s, name), &run[i], &e), &e);
    }
    assert_done(pairsort_merge(run, 9, scratch_path(&s, "all.run"), &head, &e), &e);
    assert_done(hashrun_open(scratch_path(&s, "all.run"), &all, &e), &e);
    pairsort_sort(&whole);
    for (size_t i = 0; i < whole.count; i++) {
        uint64_t hash = 0, number = 0;
        bool end = false;
        if (i > 0 && memcmp(&whole.pair[i], &whole.pair[i - 1], sizeof whole.pair[i]) == 0)
            continue; /* once */
        assert_done(hashrun_next(all, &hash, &number, &end, &e), &e);
        assert_false(end);
        assert_int_equal(hash, whole.pair[i].hash);
        assert_int_equal(number, whole.pair[i].number);
    }
    for (size_t i = 0; i < 9; i++)
        hashrun_close(run[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sorted_whatever_came),
        cmocka_unit_test(merged_runs_have_all_pairs),
    };
    return cmocka_run_group_tests_name("pairsort", tests, NULL, NULL);
}
