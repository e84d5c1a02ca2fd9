#include "agent/pg/pgdump.h"

#include "tests/lib/check.h"

static void strip(const char *given, const char *wanted)
{
    OWNED(buf) struct buf text = {0};
    buf_text(&text, given);
    pgdump_strip_meta(&text);
    assert_string_equal(buf_cstring(&text), wanted);
}

static void meta_commands_go(void **state)
{
    (void)state;
    strip("--\n-- dump\n--\n\n\\restrict abc\n\nSET x = 1;\nSELECT 1;\n\n\\unrestrict abc\n\n",
          "--\n-- dump\n--\n\n\nSET x = 1;\nSELECT 1;\n\n\n");
    strip("\\restrict abc\nSELECT 1;\n\\unrestrict abc", "SELECT 1;");
}

static void text_without_them_stays(void **state)
{
    (void)state;
    strip("", "");
    strip("--\n", "--\n");
    strip("-- no newline", "-- no newline");
    strip("SELECT 1;\n", "SELECT 1;\n");
}

/* A line in a function's body is data, also when it looks like a meta-command. */
static void bodies_stay(void **state)
{
    (void)state;
    const char *body = "SET x = 1;\nCREATE FUNCTION f() AS $$\n\\restrict abc\n\\unrestrict abc\n$$;\n";
    strip(body, body);
    strip("\\restrict k\nCREATE $$\n\\unrestrict k\n$$;\n\\unrestrict k\n",
          "CREATE $$\n\\unrestrict k\n$$;\n");
}

static void restrict_without_end(void **state)
{
    (void)state;
    strip("\\restrict abc", "");
    strip("\\restrict abc\nSELECT 1;\n", "SELECT 1;\n");
}

static void filter(const char *list, const char *excluded, const char *wanted)
{
    OWNED(buf) struct buf out = {0};
    pgdump_filter_list(bytes_text(list), excluded, &out);
    assert_string_equal(buf_cstring(&out), wanted);
}

static void own_objects_go(void **state)
{
    (void)state;
    filter(";\n; Archive created\n;\n215; 1259 16385 TABLE public t owner\n3300; 6104 17000 PUBLICATION - "
           "pgstrand_x owner\n"
           "3301; 3466 17001 EVENT TRIGGER - pgstrand_y owner\n",
           "3466 17001\n6104 17000\n", "215; 1259 16385 TABLE public t owner\n");
}

/* The pair must be whole: 6104 1700 is not 6104 17000, and a table's OID may equal a publication's. */
static void pairs_match_whole(void **state)
{
    (void)state;
    const char *list = "1; 6104 17000 PUBLICATION - mine owner\n2; 1259 1700 TABLE public t owner\n";
    filter(list, "6104 1700\n", list);
    filter(list, "", list);
}

static void what_holds_passwords_goes(void **state)
{
    (void)state;
    filter("1; 1418 16400 USER MAPPING - USER MAPPING bob SERVER far bob\n2; 6100 16401 SUBSCRIPTION - sub "
           "owner\n"
           "3; 0 0 COMMENT - SUBSCRIPTION sub owner\n",
           "", "3; 0 0 COMMENT - SUBSCRIPTION sub owner\n");
}

static void odd_lines_are_no_entries(void **state)
{
    (void)state;
    filter("", "", "");
    filter("\n\nno entry\n12;\n12; \n12; 3\n12; 3 4\n", "", "");
    filter("1; 2 3 TABLE public last owner", "", "1; 2 3 TABLE public last owner\n");
}

static void a_server_of_the_future_has_no_pg_dump(void **state)
{
    (void)state;
    OWNED(text) char *folder = NULL;
    err e = ERR_INIT;
    assert_fails(pgdump_find(990000, &folder, &e), &e, ERR_SCHEMA);
    assert_mentions(&e, "postgresql-client-99");
    assert_null(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(meta_commands_go),
        cmocka_unit_test(text_without_them_stays),
        cmocka_unit_test(bodies_stay),
        cmocka_unit_test(restrict_without_end),
        cmocka_unit_test(own_objects_go),
        cmocka_unit_test(pairs_match_whole),
        cmocka_unit_test(what_holds_passwords_goes),
        cmocka_unit_test(odd_lines_are_no_entries),
        cmocka_unit_test(a_server_of_the_future_has_no_pg_dump),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
