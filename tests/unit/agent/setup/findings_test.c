#include "agent/setup/findings.h"

#include "agent/setup/setuprecord.h"
#include "tests/lib/check.h"

static struct preflight *empty(void)
{
    struct preflight *p = calloc(1, sizeof *p);
    assert_non_null(p);
    return p;
}

static void notes_and_warnings_are_no_verdict(void **state)
{
    (void)state;
    OWNED(preflight) struct preflight *p = empty();
    err e = ERR_INIT;
    assert_done(preflight_verdict(p, &e), &e);
    assert_done(findings_add(p, &e, FINDING_NOTE, ERR_NONE, "note %d", 1), &e);
    assert_done(findings_add(p, &e, FINDING_WARNING, ERR_NONE, "warning"), &e);
    assert_done(preflight_verdict(p, &e), &e);
    assert_int_equal(p->finding_count, 2);
    assert_string_equal(p->finding[0].text, "note 1");
}

static void the_first_error_is_the_verdict(void **state)
{
    (void)state;
    OWNED(preflight) struct preflight *p = empty();
    err e = ERR_INIT;
    assert_done(findings_add(p, &e, FINDING_WARNING, ERR_NONE, "warning"), &e);
    assert_done(findings_add(p, &e, FINDING_ERROR, ERR_SCHEMA, "table %s: %%", "t"), &e);
    assert_done(findings_add(p, &e, FINDING_ERROR, ERR_VALIDATION, "second"), &e);
    assert_fails(preflight_verdict(p, &e), &e, ERR_SCHEMA);
    assert_string_equal(e.message, "table t: %");
    preflight_free(NULL);
}

static void names_are_kept_once(void **state)
{
    (void)state;
    Pgstrand__SetupRecord *record = malloc(sizeof *record);
    assert_non_null(record);
    pgstrand__setup_record__init(record);
    err e = ERR_INIT;
    assert_done(setuprecord_add_full(record, "\"a\".\"b\"", &e), &e);
    assert_done(setuprecord_add_full(record, "\"a\".\"c\"", &e), &e);
    assert_done(setuprecord_add_full(record, "\"a\".\"b\"", &e), &e);
    assert_int_equal(record->n_identity_full, 2);
    assert_string_equal(record->identity_full[1], "\"a\".\"c\"");
    pbmem_free(&record->base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(notes_and_warnings_are_no_verdict),
        cmocka_unit_test(the_first_error_is_the_verdict),
        cmocka_unit_test(names_are_kept_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
