#include "agent/tiers.h"
#include "proto/tuple.h"
#include "tests/lib/check.h"

static struct tier_rules *rules(enum tier fallback)
{
    err e = ERR_INIT;
    struct tier_rules *r = NULL;
    assert_done(tier_rules_new(fallback, &r, &e), &e);
    return r;
}

static void add(struct tier_rules *r, enum tier tier, const char *list)
{
    err e = ERR_INIT;
    assert_done(tier_rules_add(r, tier, list, &e), &e);
}

static struct table_tier match(const struct tier_rules *r, const char *schema, const char *table)
{
    err e = ERR_INIT;
    struct table_tier t;
    assert_done(tier_rules_match(r, schema, table, &t, &e), &e);
    return t;
}

static void names_globs_and_schemas(void **state)
{
    (void)state;
    OWNED(tier_rules) struct tier_rules *r = rules(TIER_BUSINESS);
    add(r, TIER_DEVICE, "syncNodes, ops.*,  print?obs");
    add(r, TIER_AUDIT, "*_log");

    assert_int_equal(match(r, "public", "syncNodes").tier, TIER_DEVICE);
    assert_int_equal(match(r, "shop", "syncNodes").tier, TIER_DEVICE);
    assert_int_equal(match(r, "public", "syncnodes").tier, TIER_BUSINESS); /* case is kept */
    assert_int_equal(match(r, "ops", "anything").tier, TIER_DEVICE);
    assert_int_equal(match(r, "public", "ops").tier, TIER_BUSINESS);
    assert_int_equal(match(r, "public", "printJobs").tier, TIER_DEVICE);
    assert_int_equal(match(r, "public", "order_log").tier, TIER_AUDIT);
    assert_string_equal(match(r, "public", "order_log").rule, "*_log");
    assert_string_equal(match(r, "public", "orders").rule, "default");
    assert_null(match(r, "public", "orders").column);
}

static void the_order_of_tiers_decides(void **state)
{
    (void)state;
    OWNED(tier_rules) struct tier_rules *r = rules(TIER_TRANSIENT);
    add(r, TIER_TRANSIENT, "both");
    add(r, TIER_AUDIT, "both, a*");
    add(r, TIER_DEVICE, "ab*");
    assert_int_equal(match(r, "public", "both").tier, TIER_AUDIT);
    assert_int_equal(match(r, "public", "abc").tier, TIER_AUDIT);
    assert_int_equal(match(r, "public", "z").tier, TIER_TRANSIENT);
    add(r, TIER_BUSINESS, "abc");
    assert_int_equal(match(r, "public", "abc").tier, TIER_BUSINESS);
}

static void the_first_of_a_list_is_named(void **state)
{
    (void)state;
    OWNED(tier_rules) struct tier_rules *r = rules(TIER_BUSINESS);
    add(r, TIER_DEVICE, "x*, xy, *");
    assert_string_equal(match(r, "public", "xy").rule, "x*");
}

static void a_column_splits_a_table(void **state)
{
    (void)state;
    OWNED(tier_rules) struct tier_rules *r = rules(TIER_BUSINESS);
    add(r, TIER_TRANSIENT, "print*");
    add(r, TIER_DEVICE, "printJobs WHERE status = 'it''s, done', other");

    struct table_tier t = match(r, "public", "printJobs");
    assert_int_equal(t.tier, TIER_DEVICE);
    assert_int_equal(t.other, TIER_TRANSIENT);
    assert_string_equal(t.column, "status");
    assert_string_equal(t.value, "it's, done");
    assert_string_equal(t.rule, "printJobs WHERE status = 'it''s, done'");
    assert_int_equal(match(r, "public", "other").tier, TIER_DEVICE);
    assert_int_equal(match(r, "public", "printers").tier, TIER_TRANSIENT);
}

static void two_column_rules_are_refused(void **state)
{
    (void)state;
    OWNED(tier_rules) struct tier_rules *r = rules(TIER_BUSINESS);
    err e = ERR_INIT;
    struct table_tier t;
    add(r, TIER_DEVICE, "jobs where a = '1'");
    add(r, TIER_AUDIT, "j* where b = '2'");
    assert_fails(tier_rules_match(r, "public", "jobs", &t, &e), &e, ERR_VALIDATION);
    assert_mentions(&e, "public.jobs");
    assert_mentions(&e, "j* where b = '2'");
}

static void a_rest_that_is_kept_is_refused(void **state)
{
    (void)state;
    OWNED(tier_rules) struct tier_rules *r = rules(TIER_BUSINESS);
    err e = ERR_INIT;
    struct table_tier t;
    add(r, TIER_DEVICE, "jobs where a = '1'");
    assert_fails(tier_rules_match(r, "public", "jobs", &t, &e), &e, ERR_VALIDATION);
    add(r, TIER_TRANSIENT, "queue where a = '1'");
    assert_fails(tier_rules_match(r, "public", "queue", &t, &e), &e, ERR_VALIDATION);
}

static void pgstrands_own_tables(void **state)
{
    (void)state;
    OWNED(tier_rules) struct tier_rules *r = rules(TIER_TRANSIENT);
    add(r, TIER_TRANSIENT, "*, pgstrand.*");
    assert_int_equal(match(r, "pgstrand", "ddl").tier, TIER_AUDIT);
}

static void what_cannot_be_read_is_named(void **state)
{
    (void)state;
    const char *wrong[] = {"jobs where",
                           "jobs where status",
                           "jobs where status = done",
                           "jobs where = 'x'",
                           "jobs where status = 'x",
                           "where a = 'x'",
                           "jobs where a = 'x'y",
                           "jobs where a = 'x'y'",
                           "\"jobs\"",
                           "ops.",
                           ".jobs",
                           " where a = 'x'",
                           "jobs where a = '",
                           "jobs where a = '''"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        OWNED(tier_rules) struct tier_rules *r = rules(TIER_BUSINESS);
        err e = ERR_INIT;
        assert_fails(tier_rules_add(r, TIER_DEVICE, wrong[i], &e), &e, ERR_VALIDATION);
        assert_mentions(&e, wrong[i] + strspn(wrong[i], " "));
    }
}

static void lists_are_kept_as_text(void **state)
{
    (void)state;
    OWNED(tier_rules) struct tier_rules *r = rules(TIER_AUDIT);
    assert_string_equal(tier_rules_list(r, TIER_DEVICE), "");
    add(r, TIER_DEVICE, " a ,, b where c = 'd, e' ,");
    add(r, TIER_DEVICE, "f");
    assert_string_equal(tier_rules_list(r, TIER_DEVICE), "a, b where c = 'd, e', f");
    assert_int_equal(tier_rules_default(r), TIER_AUDIT);
}

static void tier_names(void **state)
{
    (void)state;
    err e = ERR_INIT;
    enum tier t = TIER_NONE;
    assert_done(tier_parse("device", &t, &e), &e);
    assert_int_equal(t, TIER_DEVICE);
    assert_fails(tier_parse("bussines", &t, &e), &e, ERR_VALIDATION);
    assert_mentions(&e, "did you mean \"business\"");
    assert_fails(tier_parse("", &t, &e), &e, ERR_VALIDATION);
    assert_fails(tier_parse("none", &t, &e), &e, ERR_VALIDATION);
}

static enum tier row_tier(const struct table_tier *t, const struct relation *rel, struct value second)
{
    OWNED(buf) struct buf row = {0};
    tuple_begin(&row, 2);
    tuple_put(&row, (struct value){VALUE_TEXT, bytes_text("7")});
    tuple_put(&row, second);
    return table_tier_of_row(t, rel, buf_view(&row));
}

static void the_tier_of_a_row(void **state)
{
    (void)state;
    struct column columns[] = {{.name = "id"}, {.name = "status"}};
    struct relation rel = {.schema = "public", .name = "jobs", .column_count = 2, .columns = columns};
    struct table_tier t = {
        .tier = TIER_DEVICE, .other = TIER_TRANSIENT, .column = "status", .value = "DONE", .rule = "r"};

    assert_int_equal(row_tier(&t, &rel, (struct value){VALUE_TEXT, bytes_text("DONE")}), TIER_DEVICE);
    assert_int_equal(row_tier(&t, &rel, (struct value){VALUE_TEXT, bytes_text("DONE ")}), TIER_TRANSIENT);
    assert_int_equal(row_tier(&t, &rel, (struct value){.kind = VALUE_NULL}), TIER_TRANSIENT);
    assert_int_equal(row_tier(&t, &rel, (struct value){.kind = VALUE_UNCHANGED}), TIER_TRANSIENT);
    assert_int_equal(table_tier_of_row(&t, &rel, bytes_of(NULL, 0)), TIER_TRANSIENT);
    columns[1].name = "state"; /* no such column */
    assert_int_equal(row_tier(&t, &rel, (struct value){VALUE_TEXT, bytes_text("DONE")}), TIER_TRANSIENT);
    t.column = NULL;
    assert_int_equal(row_tier(&t, &rel, (struct value){.kind = VALUE_NULL}), TIER_DEVICE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_globs_and_schemas),
        cmocka_unit_test(the_order_of_tiers_decides),
        cmocka_unit_test(the_first_of_a_list_is_named),
        cmocka_unit_test(a_column_splits_a_table),
        cmocka_unit_test(two_column_rules_are_refused),
        cmocka_unit_test(a_rest_that_is_kept_is_refused),
        cmocka_unit_test(pgstrands_own_tables),
        cmocka_unit_test(what_cannot_be_read_is_named),
        cmocka_unit_test(lists_are_kept_as_text),
        cmocka_unit_test(tier_names),
        cmocka_unit_test(the_tier_of_a_row),
    };
    return cmocka_run_group_tests_name("tiers", tests, NULL, NULL);
}
