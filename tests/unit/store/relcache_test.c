#include "tests/lib/check.h"

#include "store/relcache.h"

static struct relcache_entry *add(struct relcache *c, uint32_t version, uint32_t oid, enum tier tier)
{
    err e = ERR_INIT;
    struct relation *copy = NULL;
    struct relcache_entry *entry = NULL;
    struct relation r = {
        .version = version, .oid = oid, .schema = "s", .name = "n", .replica_identity = 'd', .tier = tier};
    assert_done(relation_copy(&r, &copy, &e), &e);
    assert_done(relcache_add(c, copy, &entry, &e), &e);
    assert_int_equal(entry->relation->version, version);
    return entry;
}

static uint32_t latest(struct relcache *c, uint32_t oid)
{
    struct relcache_entry *entry = relcache_latest_of_all(c, oid);
    return entry == NULL ? 0 : entry->relation->version;
}

static void finds_by_version_and_the_newest_by_oid(void **state)
{
    (void)state;
    OWNED(relcache) struct relcache *c = NULL;
    err e = ERR_INIT;
    assert_done(relcache_new(&c, &e), &e);
    assert_null(relcache_find(c, 1));
    assert_null(relcache_latest(c, 7, TIER_BUSINESS));
    for (uint32_t version = 1; version <= 5000; version++)
        (void)add(c, version, version % 1000, TIER_BUSINESS);
    for (uint32_t version = 1; version <= 5000; version++)
        assert_int_equal(relcache_find(c, version)->relation->oid, version % 1000);
    for (uint32_t oid = 0; oid < 1000; oid++)
        assert_int_equal(latest(c, oid), oid == 0 ? 5000 : 4000 + oid);
    assert_null(relcache_find(c, 5001));
    assert_null(relcache_latest_of_all(c, 1000));
}

static void versions_may_come_in_any_order(void **state)
{
    (void)state;
    OWNED(relcache) struct relcache *c = NULL;
    err e = ERR_INIT;
    assert_done(relcache_new(&c, &e), &e);
    const uint32_t order[] = {5, 1, 9, 3, 7};
    for (size_t i = 0; i < 5; i++)
        (void)add(c, order[i], 1, TIER_BUSINESS);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(relcache_find(c, order[i])->relation->version, order[i]);
    assert_null(relcache_find(c, 4));
    assert_int_equal(latest(c, 1), 9);

    struct relation *copy = NULL;
    struct relcache_entry *entry = NULL;
    assert_done(relation_copy(relcache_find(c, 3)->relation, &copy, &e), &e);
    assert_fails(relcache_add(c, copy, &entry, &e), &e, ERR_STORAGE); /* one version twice */
}

static void tiers_of_a_table_are_apart(void **state)
{
    (void)state;
    OWNED(relcache) struct relcache *c = NULL;
    err e = ERR_INIT;
    assert_done(relcache_new(&c, &e), &e);
    (void)add(c, 1, 1, TIER_BUSINESS);
    (void)add(c, 2, 1, TIER_DEVICE);
    assert_int_equal(relcache_latest(c, 1, TIER_BUSINESS)->relation->version, 1);
    assert_int_equal(relcache_latest(c, 1, TIER_DEVICE)->relation->version, 2);
    assert_null(relcache_latest(c, 1, TIER_AUDIT));
    assert_int_equal(latest(c, 1), 2);
}

static void rolls_back(void **state)
{
    (void)state;
    OWNED(relcache) struct relcache *c = NULL;
    err e = ERR_INIT;
    assert_done(relcache_new(&c, &e), &e);
    for (uint32_t version = 1; version <= 10; version++)
        add(c, version, version % 2, TIER_BUSINESS)->stored = version;
    assert_done(relcache_rollback(c, 8, 6, &e), &e);
    assert_null(relcache_find(c, 8));
    assert_int_equal(latest(c, 1), 7);
    assert_int_equal(latest(c, 0), 6);
    assert_int_equal(relcache_find(c, 5)->stored, 5);
    assert_int_equal(relcache_find(c, 6)->stored, 0);
    (void)add(c, 8, 1, TIER_BUSINESS);
    assert_int_equal(latest(c, 1), 8);
}

static void keeps_the_newest_that_were_used_last(void **state)
{
    (void)state;
    OWNED(relcache) struct relcache *c = NULL;
    err e = ERR_INIT;
    size_t count = 0;
    assert_done(relcache_new(&c, &e), &e);
    for (uint32_t version = 1; version <= 200; version++)
        add(c, version, version % 100, TIER_BUSINESS)->used = version % 100 < 10 ? 1000 + version : version;
    assert_done(relcache_trim(c, 1000, &e), &e);
    struct relcache_entry *entry = relcache_entries(c, &count);
    assert_int_equal(count, 100);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(entry[i].relation->version, 101 + i);
    assert_done(relcache_trim(c, 10, &e), &e);
    (void)relcache_entries(c, &count);
    assert_int_equal(count, 10);
    for (uint32_t oid = 0; oid < 100; oid++)
        assert_int_equal(latest(c, oid), oid >= 10 ? 0 : oid == 0 ? 200 : 100 + oid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_by_version_and_the_newest_by_oid),
        cmocka_unit_test(versions_may_come_in_any_order),
        cmocka_unit_test(tiers_of_a_table_are_apart),
        cmocka_unit_test(rolls_back),
        cmocka_unit_test(keeps_the_newest_that_were_used_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
