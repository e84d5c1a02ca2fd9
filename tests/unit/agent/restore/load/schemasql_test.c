/* Commands that cannot share a transaction with the rows are found in the schema's text before anything
 * happens. */
#include "agent/restore/load/schemasql.h"

#include "tests/lib/check.h"

static void refused(const char *text, const char *piece)
{
    Pgstrand__Schema schema = PGSTRAND__SCHEMA__INIT;
    char before[] = "CREATE TABLE public.t (id integer);\n\n";
    OWNED(text) char *whole = NULL;
    err e = ERR_INIT;
    assert_true(asprintf(&whole, "SET row_security = off;\n\n%s;\n", text) > 0);
    schema.pre_data = before;
    schema.post_data = whole;
    assert_fails(schemasql_check(&schema, &e), &e, ERR_SCHEMA);
    assert_mentions(&e, piece);
    schema.post_data = before;
    schema.pre_data = whole;
    e = ERR_INIT;
    assert_fails(schemasql_check(&schema, &e), &e, ERR_SCHEMA);
}

static void commands_that_stand_alone(void **state)
{
    (void)state;
    refused("CREATE INDEX CONCURRENTLY i ON public.t USING btree (id)", "CREATE INDEX CONCURRENTLY i");
    refused("CREATE UNIQUE INDEX CONCURRENTLY i ON public.t USING btree (id)", "CONCURRENTLY");
    refused("ALTER TYPE public.mood ADD VALUE 'sad'", "ALTER TYPE public.mood");
    refused("CREATE SUBSCRIPTION s CONNECTION 'host=a' PUBLICATION p", "CREATE SUBSCRIPTION s");
    refused("ALTER TABLE public.t DETACH PARTITION public.u CONCURRENTLY", "DETACH PARTITION");
    refused("REINDEX TABLE public.t", "REINDEX");
    refused("VACUUM public.t", "VACUUM");
    refused("CREATE DATABASE d", "CREATE DATABASE");
    refused("ALTER SYSTEM SET work_mem = '1GB'", "ALTER SYSTEM");
}

static void what_pg_dump_writes(void **state)
{
    (void)state;
    Pgstrand__Schema schema = PGSTRAND__SCHEMA__INIT;
    char text[] =
        "CREATE TYPE public.mood AS ENUM (\n    'glad',\n    'ADD VALUE '\n);\n\n"
        "CREATE FUNCTION public.f() RETURNS void LANGUAGE sql AS 'CREATE INDEX CONCURRENTLY i ON t (id)';\n\n"
        "CREATE INDEX \"CONCURRENTLY\" ON public.t USING btree (id);\n\n"
        "CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p WITH (connect = false, slot_name = NONE);\n";
    err e = ERR_INIT;
    schema.pre_data = text;
    assert_done(schemasql_check(&schema, &e), &e);
    assert_int_equal(schemasql_phase_of(bytes_text("CREATE SUBSCRIPTION s CONNECTION ''")),
                     SCHEMASQL_SUBSCRIPTION);
}

static bool owns(const char *statement, const char *owner)
{
    return schemasql_owns_already(bytes_text(statement), owner);
}

static void what_is_made_belongs_to_who_made_it(void **state)
{
    (void)state;
    assert_true(owns("ALTER TABLE public.t OWNER TO kim;", "kim"));
    assert_true(owns("ALTER FUNCTION public.f(a integer) OWNER TO \"Kim\";", "\"Kim\""));
    assert_false(owns("ALTER TABLE public.t OWNER TO kimberly;", "kim"));
    assert_false(owns("ALTER TABLE public.t OWNER TO kim;", "im"));
    assert_false(owns("ALTER SCHEMA public OWNER TO kim;", "kim")); /* template0's */
    assert_false(owns("ALTER TABLE public.t ADD CONSTRAINT a CHECK ((x <> ' OWNER TO kim'));", "kim"));
    assert_false(owns("ALTER TABLE ;", "kim"));
}

static bool of_public(const char *statement)
{
    return schemasql_is_of_public(bytes_text(statement));
}

static void what_is_said_of_the_schema_public(void **state)
{
    (void)state;
    assert_true(of_public("ALTER SCHEMA public OWNER TO kim;"));
    assert_true(of_public("COMMENT ON SCHEMA public IS 'the shop';"));
    assert_true(of_public("COMMENT ON SCHEMA public IS NULL;"));
    assert_true(of_public("GRANT ALL ON SCHEMA public TO kim WITH GRANT OPTION;"));
    assert_true(of_public("REVOKE USAGE ON SCHEMA public FROM PUBLIC;"));

    assert_false(of_public("GRANT SELECT ON TABLE public.t TO kim;"));
    assert_false(of_public("GRANT USAGE ON SCHEMA publicity TO kim;"));
    assert_false(of_public("REVOKE ALL ON SCHEMA app FROM public;"));
    assert_false(of_public("ALTER SCHEMA publicity OWNER TO kim;"));
    assert_false(of_public("COMMENT ON SCHEMA app IS 'GRANT ALL ON SCHEMA public TO kim';"));
    assert_false(of_public("ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO kim;"));
    assert_false(of_public("CREATE TABLE public.t (id integer);"));
    assert_false(of_public(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_that_stand_alone),
        cmocka_unit_test(what_pg_dump_writes),
        cmocka_unit_test(what_is_made_belongs_to_who_made_it),
        cmocka_unit_test(what_is_said_of_the_schema_public),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
