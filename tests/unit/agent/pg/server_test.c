#include "agent/pg/server.h"

#include "tests/lib/check.h"

static const char *words_of(const char *reason)
{
    static struct slot_facts slot;
    slot = (struct slot_facts){.state = SLOT_LOST};
    (void)snprintf(slot.reason, sizeof slot.reason, "%s", reason);
    return slot_lost_words(&slot);
}

/* pg_replication_slots.invalidation_reason: 17 has the first three, 18 all; 16 only says conflicting, 14 and
 * 15 know no other reason than the first. */
static void every_reason_of_the_server_has_words(void **state)
{
    (void)state;
    assert_non_null(strstr(words_of("wal_removed"), "removed WAL"));
    assert_non_null(strstr(words_of("rows_removed"), "rows of the catalogue"));
    assert_non_null(strstr(words_of("wal_level_insufficient"), "wal_level was lowered"));
    assert_non_null(strstr(words_of("idle_timeout"), "idle_replication_slot_timeout"));
    assert_non_null(strstr(words_of("conflict"), "recovery of a standby"));
    assert_non_null(strstr(words_of(""), "max_slot_wal_keep_size"));
    assert_string_equal(words_of("of a later server"), "of a later server"); /* its own word at least */
}

static void near_is_four_fifths(void **state)
{
    (void)state;
    const struct slot_facts cases[] = {{.safe_wal_size = -1, .retained_bytes = 1000},
                                       {.safe_wal_size = 200, .retained_bytes = 800},
                                       {.safe_wal_size = 199, .retained_bytes = 801},
                                       {.state = SLOT_UNRESERVED, .safe_wal_size = -1}};
    assert_false(server_slot_is_near(&cases[0]) || server_slot_is_near(&cases[1]));
    assert_true(server_slot_is_near(&cases[2]) && server_slot_is_near(&cases[3]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_reason_of_the_server_has_words),
        cmocka_unit_test(near_is_four_fifths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
