#include "tests/lib/check.h"

#include "agent/daemon/schedule.h"

static void nothing_new_is_not_due(void **state)
{
    (void)state;
    struct schedule s = {.interval_ms = 1000, .actions = 10, .bytes = 100, .sealed_seq = 5};
    assert_int_equal(schedule_due(&s, 1000000, 5, 1000000), DUE_NOTHING);
}

static void each_limit_is_enough(void **state)
{
    (void)state;
    struct schedule s = {.interval_ms = 1000, .actions = 10, .bytes = 100, .sealed_seq = 5};
    assert_int_equal(schedule_due(&s, 999, 6, 99), DUE_NOTHING);
    assert_int_equal(schedule_due(&s, 1000, 6, 99), DUE_INCREMENTAL);
    assert_int_equal(schedule_due(&s, 0, 15, 0), DUE_INCREMENTAL);
    assert_int_equal(schedule_due(&s, 0, 6, 100), DUE_INCREMENTAL);
    schedule_sealed(&s, 1000, 15, 100, true);
    assert_int_equal(schedule_due(&s, 1999, 16, 199), DUE_NOTHING);
    assert_int_equal(schedule_due(&s, 2000, 16, 199), DUE_INCREMENTAL);
}

static void zero_means_never(void **state)
{
    (void)state;
    struct schedule s = {.sealed_seq = 0};
    assert_int_equal(schedule_due(&s, INT64_MAX / 2, UINT64_MAX, UINT64_MAX), DUE_NOTHING);
}

static void an_old_full_gets_a_new_one(void **state)
{
    (void)state;
    struct schedule s = {.full_ms = 1000, .full_at = 500, .full_seq = 7, .sealed_seq = 9};
    assert_int_equal(schedule_due(&s, 1499, 9, 0), DUE_NOTHING);
    assert_int_equal(schedule_due(&s, 1500, 9, 0), DUE_NEW_FULL);
    schedule_full(&s, 1500, 9);
    assert_int_equal(schedule_due(&s, 9000, 9, 0), DUE_NOTHING); /* it would say the same */
    assert_int_equal(schedule_due(&s, 9000, 10, 0), DUE_NEW_FULL);
}

static void ddl_is_answered_when_it_is_quiet(void **state)
{
    (void)state;
    struct schedule s = {0};
    int64_t now = 5000;
    schedule_broken(&s, now, true);
    assert_int_equal(schedule_due(&s, now + SCHEDULE_QUIET_MS - 1, 0, 0), DUE_NOTHING);
    assert_int_equal(schedule_due(&s, now + SCHEDULE_QUIET_MS, 0, 0), DUE_FULL);
    /* One statement a second for ever must not put it off for ever. */
    for (; now < 5000 + SCHEDULE_QUIET_MAX_MS; now += 1000) {
        assert_int_equal(schedule_due(&s, now, 0, 0), DUE_NOTHING);
        schedule_broken(&s, now, true);
    }
    assert_int_equal(schedule_due(&s, now, 0, 0), DUE_FULL);
    schedule_sealed(&s, now, 7, 0, true);
    assert_int_equal(schedule_due(&s, now + 1000000, 7, 0), DUE_NOTHING);
}

/* Until it is there its table is refused. */
static void bases_of_single_tables_come_sooner(void **state)
{
    (void)state;
    struct schedule s = {0};
    int64_t now = 5000;
    schedule_broken(&s, now, false);
    assert_int_equal(schedule_due(&s, now + SCHEDULE_TABLES_QUIET_MS - 1, 0, 0), DUE_NOTHING);
    assert_int_equal(schedule_due(&s, now + SCHEDULE_TABLES_QUIET_MS, 0, 0), DUE_FULL);
    for (; now < 5000 + SCHEDULE_TABLES_QUIET_MAX_MS; now += 100)
        schedule_broken(&s, now, false);
    assert_int_equal(schedule_due(&s, now, 0, 0), DUE_FULL);
    schedule_broken(&s, now, true); /* a FULL has more to wait for */
    assert_int_equal(schedule_due(&s, now + SCHEDULE_TABLES_QUIET_MS, 0, 0), DUE_NOTHING);
}

static void a_version_comes_before_anything_else(void **state)
{
    (void)state;
    struct schedule s = {.actions = 1};
    schedule_changed(&s, 1000);
    assert_int_equal(schedule_due(&s, 1000 + SCHEDULE_VERSION_QUIET_MS - 1, 5, 0), DUE_INCREMENTAL);
    assert_int_equal(schedule_due(&s, 1000 + SCHEDULE_VERSION_QUIET_MS, 5, 0), DUE_VERSION);
    /* One that cannot be taken now does not stand in the way of sealing. */
    schedule_versioned(&s, 2000, false);
    assert_int_equal(schedule_due(&s, 2001, 5, 0), DUE_INCREMENTAL);
    assert_int_equal(schedule_due(&s, 2000 + SCHEDULE_RETRY_MIN_MS, 5, 0), DUE_VERSION);
    schedule_versioned(&s, 5000, true);
    assert_int_equal(schedule_due(&s, 1000000, 0, 0), DUE_NOTHING);
    /* DDL that never pauses does not put it off for ever. */
    for (int64_t now = 0; now < SCHEDULE_VERSION_QUIET_MAX_MS; now += 100) {
        assert_int_equal(schedule_due(&s, now, 0, 0), DUE_NOTHING);
        schedule_changed(&s, now);
    }
    assert_int_equal(schedule_due(&s, SCHEDULE_VERSION_QUIET_MAX_MS, 0, 0), DUE_VERSION);
}

static void failures_wait_longer_each_time(void **state)
{
    (void)state;
    struct schedule s = {0};
    int64_t now = 0;
    int64_t before = 0;
    schedule_broken(&s, 0, true);
    now = SCHEDULE_QUIET_MS;
    for (int i = 0; i < 20; i++) {
        assert_int_equal(schedule_due(&s, now, 0, 0), DUE_FULL);
        schedule_failed(&s, now, true);
        assert_int_equal(schedule_due(&s, now + s.base_retry_ms - 1, 0, 0), DUE_NOTHING);
        assert_true(s.base_retry_ms >= before && s.base_retry_ms <= SCHEDULE_RETRY_MAX_MS);
        before = s.base_retry_ms;
        now += s.base_retry_ms;
    }
    assert_int_equal(before, SCHEDULE_RETRY_MAX_MS);
    schedule_sealed(&s, now, 1, 0, true);
    assert_int_equal(s.base_retry_ms, 0);
}

static void actions_are_sealed_while_a_base_cannot_be_made(void **state)
{
    (void)state;
    struct schedule s = {.actions = 10};
    schedule_broken(&s, 0, true);
    assert_int_equal(schedule_due(&s, SCHEDULE_QUIET_MS, 20, 0), DUE_FULL);
    schedule_failed(&s, SCHEDULE_QUIET_MS, true);
    assert_int_equal(schedule_due(&s, SCHEDULE_QUIET_MS + 1, 20, 0), DUE_INCREMENTAL);
    schedule_sealed(&s, SCHEDULE_QUIET_MS + 1, 20, 0, false);
    assert_int_equal(schedule_due(&s, SCHEDULE_QUIET_MS + 2, 25, 0), DUE_NOTHING); /* the base still waits */
    assert_int_equal(schedule_due(&s, SCHEDULE_QUIET_MS + SCHEDULE_RETRY_MIN_MS, 25, 0), DUE_FULL);
    schedule_failed(&s, SCHEDULE_QUIET_MS + SCHEDULE_RETRY_MIN_MS, false);
    assert_int_equal(schedule_due(&s, SCHEDULE_QUIET_MS + SCHEDULE_RETRY_MIN_MS, 25, 0), DUE_FULL);
}

static void pruning_is_tried_again_only_where_it_failed(void **state)
{
    (void)state;
    struct schedule s = {0};
    assert_false(schedule_prune_due(&s, 1000000));
    schedule_pruned(&s, 1000, false);
    assert_false(schedule_prune_due(&s, 1000 + SCHEDULE_RETRY_MIN_MS - 1));
    assert_true(schedule_prune_due(&s, 1000 + SCHEDULE_RETRY_MIN_MS));
    schedule_pruned(&s, 1000 + SCHEDULE_RETRY_MIN_MS, false);
    assert_false(schedule_prune_due(&s, 1000 + 3 * SCHEDULE_RETRY_MIN_MS - 1));
    assert_true(schedule_prune_due(&s, 1000 + 3 * SCHEDULE_RETRY_MIN_MS));
    schedule_pruned(&s, 10000, true);
    assert_false(schedule_prune_due(&s, 1000000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_new_is_not_due),
        cmocka_unit_test(each_limit_is_enough),
        cmocka_unit_test(zero_means_never),
        cmocka_unit_test(an_old_full_gets_a_new_one),
        cmocka_unit_test(ddl_is_answered_when_it_is_quiet),
        cmocka_unit_test(bases_of_single_tables_come_sooner),
        cmocka_unit_test(a_version_comes_before_anything_else),
        cmocka_unit_test(failures_wait_longer_each_time),
        cmocka_unit_test(actions_are_sealed_while_a_base_cannot_be_made),
        cmocka_unit_test(pruning_is_tried_again_only_where_it_failed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
