#include "agent/workflow/retry.h"

#include <errno.h>

#include "tests/lib/check.h"

static const struct retry_policy policy = {4, 100, 1000};

static err of_class(enum err_class class)
{
    err e = ERR_INIT;
    (void)err_set(&e, class, "why").ok;
    return e;
}

static void pauses_double_up_to_the_longest(void **state)
{
    (void)state;
    const err why = of_class(ERR_NETWORK);
    assert_int_equal(retry_pause_ms(&policy, &why, 0), 100);
    assert_int_equal(retry_pause_ms(&policy, &why, 1), 200);
    assert_int_equal(retry_pause_ms(&policy, &why, 2), 400);
    assert_int_equal(retry_pause_ms(&policy, &why, 3), 800);
    assert_int_equal(retry_pause_ms(&policy, &why, 4), -1);
    const struct retry_policy patient = {UINT32_MAX, UINT64_MAX / 2, 5000};
    assert_int_equal(retry_pause_ms(&patient, &why, 1000000), 5000);
}

static void by_class_never_by_text(void **state)
{
    (void)state;
    err why = of_class(ERR_TIMEOUT);
    assert_int_equal(retry_pause_ms(&policy, &why, 0), 200);
    const enum err_class hopeless[] = {ERR_VALIDATION, ERR_SCHEMA,      ERR_STORAGE,
                                       ERR_REFUSED,    ERR_INTERRUPTED, ERR_USAGE};
    for (size_t i = 0; i < sizeof hopeless / sizeof hopeless[0]; i++) {
        why = of_class(hopeless[i]);
        (void)snprintf(why.message, sizeof why.message, "network timeout");
        assert_int_equal(retry_pause_ms(&policy, &why, 0), -1);
    }
}

/* Room may be made; damage stays. */
static void a_full_disk_is_waited_for(void **state)
{
    (void)state;
    err why = ERR_INIT;
    (void)err_errno(&why, ENOSPC, "cannot write").ok;
    assert_int_equal(why.class, ERR_STORAGE);
    assert_int_equal(retry_pause_ms(&policy, &why, 0), 500);
    assert_int_equal(retry_pause_ms(&policy, &why, 1), 1000);
    (void)err_errno(&why, EIO, "cannot write").ok;
    assert_int_equal(retry_pause_ms(&policy, &why, 0), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pauses_double_up_to_the_longest),
        cmocka_unit_test(by_class_never_by_text),
        cmocka_unit_test(a_full_disk_is_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
