#include "agent/ddlobjects.h"

#include "tests/lib/check.h"

struct parsed {
    struct arena arena;
    struct ddl_object *object;
    size_t count;
    bool sound;
};

static void parsed_fini(struct parsed *p)
{
    arena_fini(&p->arena);
}
OWN_VALUE(parsed, parsed_fini);

static void parse(const char *text, struct parsed *out)
{
    err e = ERR_INIT;
    assert_done(ddlobjects_parse(bytes_text(text), &out->arena, &out->object, &out->count, &out->sound, &e),
                &e);
}

/* As the trigger writes it; what is not known is passed over. */
static void what_the_trigger_writes(void **state)
{
    (void)state;
    OWNED(parsed) struct parsed p = {0};
    parse("[{\"oid\": 17, \"sub\": 0, \"kind\": \"r\", \"type\": \"table\", \"class\": 1259, \"stale\": true,"
          " \"later\": {\"a\": [1, {\"b\": null}]}, \"identity\": \"app.\\\"t \\u00fc\\\"\", \"columns\":"
          " [{\"n\": 1, \"name\": \"id\", \"type\": 23, \"typmod\": -1, \"missing\": null, \"generated\": "
          "\"\"},"
          "  {\"n\": 4, \"name\": \"v\", \"type\": 1043, \"typmod\": 14, \"missing\": \"{\\\"a b\\\"}\", "
          "\"generated\": \"s\"}]},"
          " {\"class\": 1259, \"oid\": 18, \"type\": \"table\", \"identity\": \"t\", \"reason\": 4, "
          "\"empty\": false,"
          "  \"plain\": true, \"retold\": true}]",
          &p);
    assert_true(p.sound);
    assert_int_equal(p.count, 2);
    const struct ddl_object *o = &p.object[0];
    assert_int_equal(o->class, DDLOBJECTS_CLASS_RELATION);
    assert_int_equal(o->oid, 17);
    assert_string_equal(o->identity, "app.\"t \xc3\xbc\"");
    assert_true(o->stale && o->has_columns && o->count == 2 && !o->plain);
    assert_int_equal(o->column[0].attnum, 1);
    assert_int_equal(o->column[0].typmod, -1);
    assert_null(o->column[0].missing);
    assert_false(o->column[0].generated);
    assert_int_equal(o->column[1].attnum, 4);
    assert_int_equal(o->column[1].typmod, 14);
    assert_string_equal(o->column[1].missing, "a b");
    assert_true(o->column[1].generated);
    assert_int_equal(p.object[1].reason, DDLOBJECTS_TYPE);
    assert_true(p.object[1].retold && !o->retold);
    assert_true(p.object[1].plain && !p.object[1].empty && !p.object[1].has_columns);
}

/* Somebody else's row, or a damaged one: nothing is known, and nothing fails. */
static void anything_else_is_unsound(void **state)
{
    static const char *const bad[] = {
        "",
        "{}",
        "[",
        "[{]",
        "[{}",
        "[{}] x",
        "[{\"oid\": -1}]",
        "[{\"oid\": 4294967296}]",
        "[{\"oid\": \"17\"}]",
        "[{\"columns\": [{\"n\": 0, \"name\": \"a\"}]}]",
        "[{\"columns\": [{\"n\": 65536, \"name\": \"a\"}]}]",
        "[{\"columns\": [{\"n\": 1}]}]",
        "[{\"columns\": [{\"n\": 1, \"name\": \"a\", \"typmod\": 3000000000}]}]",
        "[{\"columns\": [{\"n\": 1, \"name\": \"a\"}",
        "[{\"plain\": null}]",
        "[{\"empty\": 1}]",
        "[{\"identity\": \"\\ud800\"}]",
        "[[[[[[[[[[[[[[[[",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        OWNED(parsed) struct parsed p = {0};
        parse(bad[i], &p);
        if (p.sound || p.count != 0)
            fail_msg("taken for sound: %s", bad[i]);
    }
    OWNED(parsed) struct parsed empty = {0};
    parse("[]", &empty);
    assert_true(empty.sound && empty.count == 0);
}

static void assert_element(const char *array, const char *wanted)
{
    OWNED(arena) struct arena arena = {0};
    const char *got = ddlobjects_element(array, &arena);
    if (wanted == NULL)
        assert_null(got);
    else
        assert_string_equal(got, wanted);
}

static void elements_of_arrays(void **state)
{
    (void)state;
    assert_element("{7}", "7");
    assert_element("{\"\"}", "");
    assert_element("{\"it's \\\"new\\\", {so} it\\\\is\"}", "it's \"new\", {so} it\\is");
    assert_element("{\"a\\\"}", "a\\");
    assert_element("{\"}", "\"");
    assert_element("{}", "");
    assert_element("7", NULL);
    assert_element("{", NULL);
    assert_element("", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_trigger_writes),
        cmocka_unit_test(anything_else_is_unsound),
        cmocka_unit_test(elements_of_arrays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
