#include "agent/ship/retention.h"

#include "tests/lib/check.h"

#define FULL PGSTRAND__SNAPSHOT_TYPE__FULL
#define INC PGSTRAND__SNAPSHOT_TYPE__INCREMENTAL
#define DAY ((pgtime)86400 * 1000000)

/* One link a day, the first on day 0. */
struct fixture {
    struct chain chain;
    struct chain_link link[9];
    Pgstrand__SnapshotCommit commit[9];
    Pgstrand__SnapshotHeader header[9];
};

static struct chain *daily(struct fixture *f)
{
    static const Pgstrand__SnapshotType type[9] = {FULL, INC, INC, FULL, INC, INC, FULL, INC, INC};
    for (size_t i = 0; i < 9; i++) {
        pgstrand__snapshot_header__init(&f->header[i]);
        pgstrand__snapshot_commit__init(&f->commit[i]);
        f->header[i].type = type[i];
        f->header[i].last_time = f->header[i].created = (int64_t)i * DAY;
        f->commit[i].header = &f->header[i];
        f->link[i] = (struct chain_link){.commit = &f->commit[i]};
    }
    f->chain = (struct chain){.link = f->link, .count = 9};
    return &f->chain;
}

static size_t chooses(uint64_t fulls, uint64_t days, size_t shipped)
{
    struct fixture f;
    const struct retention_rule rule = {fulls, days * 86400};
    return retention_choose(daily(&f), &rule, 9 * DAY, shipped);
}

static void test_by_number(void **state)
{
    (void)state;
    assert_int_equal(chooses(1, 0, 9), 6);
    assert_int_equal(chooses(2, 0, 9), 3);
    assert_int_equal(chooses(3, 0, 9), 0);
    assert_int_equal(chooses(4, 0, 9), 0);
}

/* A moment is restorable when a FULL no later than it stays. */
static void test_by_age(void **state)
{
    (void)state;
    assert_int_equal(chooses(0, 1, 9), 6); /* from day 7 on: day 6 is the FULL itself */
    assert_int_equal(chooses(0, 2, 9), 3);
    assert_int_equal(chooses(0, 4, 9), 3);
    assert_int_equal(chooses(0, 5, 9), 0);
    assert_int_equal(chooses(0, 700, 9), 0);
}

static void test_both_must_agree(void **state)
{
    (void)state;
    assert_int_equal(chooses(2, 1, 9), 3);
    assert_int_equal(chooses(1, 2, 9), 3);
    assert_int_equal(chooses(3, 1, 9), 0);
}

static void test_nothing_goes_without_a_rule(void **state)
{
    struct chain none = {0};
    const struct retention_rule rule = {1, 0};
    (void)state;
    assert_int_equal(chooses(0, 0, 9), 0);
    assert_int_equal(retention_choose(&none, &rule, 0, 0), 0);
}

static void test_what_no_vault_has_stays(void **state)
{
    (void)state;
    assert_int_equal(chooses(1, 0, 6), 6);
    assert_int_equal(chooses(1, 0, 5), 3);
    assert_int_equal(chooses(1, 0, 2), 0);
    assert_int_equal(chooses(1, 0, 0), 0);
}

/* The age is that at the last snapshot but one. */
static void test_a_clock_that_jumps_ahead(void **state)
{
    struct fixture f;
    const struct retention_rule rule = {0, 3 * 86400};
    struct chain *c = daily(&f);
    (void)state;
    assert_int_equal(retention_choose(c, &rule, 3650 * DAY, 9), 3);
    f.header[8].created = f.header[8].last_time = 3650 * DAY;
    assert_int_equal(retention_choose(c, &rule, 3650 * DAY, 9), 3);
    f.header[7].created = 3649 * DAY; /* twice: it is so */
    assert_int_equal(retention_choose(c, &rule, 3650 * DAY, 9), 6);
}

/* A clock that was set back does not make a younger link count as older. */
static void test_times_that_go_back(void **state)
{
    struct fixture f;
    const struct retention_rule rule = {0, 2 * 86400};
    struct chain *c = daily(&f);
    (void)state;
    f.header[4].last_time = 20 * DAY;
    assert_int_equal(retention_choose(c, &rule, 9 * DAY, 9), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_number),
        cmocka_unit_test(test_by_age),
        cmocka_unit_test(test_both_must_agree),
        cmocka_unit_test(test_nothing_goes_without_a_rule),
        cmocka_unit_test(test_what_no_vault_has_stays),
        cmocka_unit_test(test_a_clock_that_jumps_ahead),
        cmocka_unit_test(test_times_that_go_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
