#include "agent/restore/load/rolemap.h"

#include "tests/lib/check.h"

static const struct role_pair pairs[] = {{"old", "new"}, {"Odd \"one", "even one"}, {"new", "newer"}};

static void assert_maps(const char *from, const char *to)
{
    OWNED(buf) struct buf out = {0};
    rolemap_statement(bytes_text(from), pairs, 3, &out);
    assert_string_equal(buf_cstring(&out), to);
}

static void test_places(void **state)
{
    (void)state;
    assert_maps("ALTER TABLE public.old OWNER TO old;", "ALTER TABLE public.old OWNER TO \"new\";");
    assert_maps("ALTER TABLE public.t OWNER TO \"Odd \"\"one\";",
                "ALTER TABLE public.t OWNER TO \"even one\";");
    assert_maps("GRANT SELECT(old) ON TABLE public.old TO old WITH GRANT OPTION;",
                "GRANT SELECT(old) ON TABLE public.old TO \"new\" WITH GRANT OPTION;");
    assert_maps("REVOKE ALL ON SCHEMA old FROM old;", "REVOKE ALL ON SCHEMA old FROM \"new\";");
    assert_maps("ALTER DEFAULT PRIVILEGES FOR ROLE old IN SCHEMA old GRANT ALL ON TABLES TO old;",
                "ALTER DEFAULT PRIVILEGES FOR ROLE \"new\" IN SCHEMA old GRANT ALL ON TABLES TO \"new\";");
    assert_maps("SET SESSION AUTHORIZATION old;", "SET SESSION AUTHORIZATION \"new\";");
    assert_maps(
        "CREATE POLICY old ON public.old FOR SELECT TO other, old, PUBLIC USING ((old = 'TO old'::text));",
        "CREATE POLICY old ON public.old FOR SELECT TO other, \"new\", PUBLIC USING ((old = 'TO "
        "old'::text));");
}

static void test_all_else_stays(void **state)
{
    static const char *const same[] = {
        "CREATE FUNCTION public.f() RETURNS text LANGUAGE sql AS $$ GRANT x TO old; SELECT 'OWNER TO old' $$",
        "ALTER TABLE public.t ALTER COLUMN c SET DEFAULT 'OWNER TO old'::text;",
        "ALTER TABLE old RENAME TO old;",
        "GRANT old ON TABLE old.old TO older;",
        "COMMENT ON TABLE public.t IS 'GRANT it TO old';",
        "GRANT SELECT ON TABLE public.t TO \"old one\";",
        "ALTER TABLE public.t OWNER TO",
        "ALTER TABLE public.t OWNER TO \"old",
        "",
    };
    (void)state;
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++)
        assert_maps(same[i], same[i]);
}

static void test_parse(void **state)
{
    OWNED(text) char *from = NULL;
    OWNED(text) char *to = NULL;
    OWNED(text) char *none = NULL;
    err e = ERR_INIT;
    (void)state;
    assert_done(rolemap_parse("a b=c=d", &from, &to, &e), &e);
    assert_string_equal(from, "a b");
    assert_string_equal(to, "c=d");
    assert_false(rolemap_parse("=x", &none, &none, &e).ok);
    assert_false(rolemap_parse("x=", &none, &none, &e).ok);
    assert_false(rolemap_parse("x", &none, &none, &e).ok);
    assert_int_equal(e.class, ERR_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_all_else_stays),
        cmocka_unit_test(test_parse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
