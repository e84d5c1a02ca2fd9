#include "agent/restore/load/agenda.h"

#include "tests/lib/check.h"

enum {
    LOAD = AGENDA_LOAD,
    PROVE = AGENDA_PROVE,
    INDEX = AGENDA_INDEX,
    CONSTRAINT = AGENDA_CONSTRAINT,
    STATISTICS = AGENDA_STATISTICS,
    KEY = AGENDA_KEY
};

static void adds(struct agenda *a, enum agenda_kind kind, size_t table, size_t what)
{
    err e = ERR_INIT;
    assert_done(agenda_add(a, kind, table, what, &e), &e);
}

/* Two tables: 0 has two proofs, a key and two indexes, 1 a key; one index concerns no table. */
static struct agenda two_tables(void)
{
    struct agenda a;
    err e = ERR_INIT;
    assert_done(agenda_init(&a, 2, &e), &e);
    adds(&a, AGENDA_INDEX, AGENDA_NO_TABLE, 9);
    adds(&a, AGENDA_CONSTRAINT, 1, 4);
    adds(&a, AGENDA_CONSTRAINT, 0, 1);
    adds(&a, AGENDA_INDEX, 0, 2);
    adds(&a, AGENDA_INDEX, 0, 3);
    adds(&a, AGENDA_PROVE, 0, 0);
    adds(&a, AGENDA_PROVE, 0, 1);
    adds(&a, AGENDA_LOAD, 0, 0);
    adds(&a, AGENDA_LOAD, 1, 1);
    agenda_ready(&a);
    return a;
}

/* The next one is this. */
static size_t takes(struct agenda *a, int kind, size_t table, size_t what)
{
    size_t number = SIZE_MAX;
    assert_true(agenda_take(a, &number));
    assert_int_equal(a->item[number].kind, kind);
    assert_int_equal(a->item[number].table, table);
    assert_int_equal(a->item[number].what, what);
    return number;
}

static void takes_none(struct agenda *a)
{
    size_t number;
    assert_false(agenda_take(a, &number));
}

static void test_one_connection_goes_table_by_table(void **state)
{
    struct agenda a = two_tables();
    (void)state;
    agenda_ended(&a, takes(&a, LOAD, 0, 0));
    agenda_ended(&a, takes(&a, INDEX, 0, 2));
    agenda_ended(&a, takes(&a, INDEX, 0, 3));
    agenda_ended(&a, takes(&a, PROVE, 0, 0));
    agenda_ended(&a, takes(&a, PROVE, 0, 1));
    agenda_ended(&a, takes(&a, CONSTRAINT, 0, 1));
    agenda_ended(&a, takes(&a, LOAD, 1, 1));
    agenda_ended(&a, takes(&a, CONSTRAINT, 1, 4));
    agenda_ended(&a, takes(&a, INDEX, AGENDA_NO_TABLE, 9));
    takes_none(&a);
    agenda_fini(&a);
}

static void test_another_table_comes_before_a_busy_one(void **state)
{
    struct agenda a = two_tables();
    (void)state;
    size_t large = takes(&a, LOAD, 0, 0);
    size_t small = takes(&a, LOAD, 1, 1);
    takes_none(&a);
    agenda_ended(&a, small);
    agenda_ended(&a, takes(&a, CONSTRAINT, 1, 4));
    takes_none(&a); /* what concerns no table waits for all */
    agenda_ended(&a, large);
    size_t index = takes(&a, INDEX, 0, 2);
    agenda_ended(&a, takes(&a, INDEX, AGENDA_NO_TABLE, 9)); /* indexes wait for rows, not for proofs */
    agenda_ended(&a, takes(&a, INDEX, 0, 3));               /* nothing else is left: together */
    size_t proof = takes(&a, PROVE, 0, 0);
    agenda_ended(&a, takes(&a, PROVE, 0, 1));
    takes_none(&a);
    agenda_ended(&a, proof);
    takes_none(&a); /* the key would lock out who makes the index */
    agenda_ended(&a, index);
    agenda_ended(&a, takes(&a, CONSTRAINT, 0, 1));
    takes_none(&a);
    agenda_fini(&a);
}

/* What locks its table does not start while anything runs there, and nothing starts meanwhile. */
static void test_a_lock_waits(void **state)
{
    struct agenda a;
    err e = ERR_INIT;
    (void)state;
    assert_done(agenda_init(&a, 1, &e), &e);
    adds(&a, AGENDA_CONSTRAINT, 0, 0);
    adds(&a, AGENDA_CONSTRAINT, 0, 1);
    adds(&a, AGENDA_STATISTICS, 0, 0);
    agenda_ready(&a);
    size_t first = takes(&a, CONSTRAINT, 0, 0);
    takes_none(&a);
    agenda_ended(&a, first);
    agenda_ended(&a, takes(&a, CONSTRAINT, 0, 1));
    agenda_ended(&a, takes(&a, STATISTICS, 0, 0));
    agenda_fini(&a);
}

/* A foreign key waits for both tables, and keeps others out of both. */
static void test_a_key_waits_for_two_tables(void **state)
{
    struct agenda a;
    err e = ERR_INIT;
    (void)state;
    assert_done(agenda_init(&a, 3, &e), &e);
    for (size_t table = 0; table < 3; table++)
        adds(&a, AGENDA_LOAD, table, table);
    assert_done(agenda_add_key(&a, 1, 2, 0, &e), &e);
    assert_done(agenda_add_key(&a, 2, 2, 1, &e), &e);
    assert_done(agenda_add_key(&a, 0, AGENDA_NO_TABLE, 2, &e), &e);
    adds(&a, AGENDA_STATISTICS, 2, 2);
    adds(&a, AGENDA_CONSTRAINT, 2, 0);
    agenda_ready(&a);
    size_t large = takes(&a, LOAD, 0, 0);
    agenda_ended(&a, takes(&a, LOAD, 1, 1));
    agenda_ended(&a, takes(&a, LOAD, 2, 2));
    agenda_ended(&a, takes(&a, CONSTRAINT, 2, 0));
    size_t statistics = takes(&a, STATISTICS, 2, 2);
    takes_none(&a); /* the key of 1 into 2 would lock it */
    agenda_ended(&a, statistics);
    size_t key = takes(&a, KEY, 1, 0);
    takes_none(&a); /* 2 is locked, too */
    agenda_ended(&a, key);
    agenda_ended(&a, takes(&a, KEY, 2, 1));
    takes_none(&a); /* a key into no known table waits for all */
    agenda_ended(&a, large);
    agenda_ended(&a, takes(&a, KEY, 0, 2));
    takes_none(&a);
    agenda_fini(&a);
}

static void test_nothing_to_do(void **state)
{
    struct agenda a;
    err e = ERR_INIT;
    (void)state;
    assert_done(agenda_init(&a, 0, &e), &e);
    agenda_ready(&a);
    takes_none(&a);
    agenda_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_connection_goes_table_by_table),
        cmocka_unit_test(test_another_table_comes_before_a_busy_one),
        cmocka_unit_test(test_a_lock_waits),
        cmocka_unit_test(test_a_key_waits_for_two_tables),
        cmocka_unit_test(test_nothing_to_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
