#include "tests/lib/check.h"
#include "tools/jsonout.h"
#include "tools/output.h"
#include "tools/report.h"

static void sizes(void **state)
{
    (void)state;
    const struct {
        uint64_t bytes;
        const char *text;
    } known[] = {{0, "0 B"},
                 {1023, "1023 B"},
                 {1024, "1.0 KiB"},
                 {1536, "1.5 KiB"},
                 {10 << 10, "10 KiB"},
                 {1023 << 10, "1.0 MiB"},
                 {999 << 10, "999 KiB"},
                 {1 << 20, "1.0 MiB"},
                 {UINT64_C(5) << 30, "5.0 GiB"},
                 {UINT64_MAX, "16 EiB"}};
    char text[OUTPUT_TEXT];
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        assert_string_equal(output_size(known[i].bytes, text), known[i].text);
}

static void counts(void **state)
{
    (void)state;
    char text[OUTPUT_TEXT];
    assert_string_equal(output_count(0, text), "0");
    assert_string_equal(output_count(999, text), "999");
    assert_string_equal(output_count(1000, text), "1,000");
    assert_string_equal(output_count(1234567, text), "1,234,567");
    assert_string_equal(output_count(UINT64_MAX, text), "18,446,744,073,709,551,615");
}

static void durations(void **state)
{
    (void)state;
    char text[OUTPUT_TEXT];
    assert_string_equal(output_duration(-1, text), "0.0 s");
    assert_string_equal(output_duration(0.34, text), "0.3 s");
    assert_string_equal(output_duration(12.4, text), "12 s");
    assert_string_equal(output_duration(59.6, text), "1 min 0 s");
    assert_string_equal(output_duration(200, text), "3 min 20 s");
    assert_string_equal(output_duration(7500, text), "2 h 5 min");
    assert_string_equal(output_duration(273600, text), "3 d 4 h");
}

static void clean_text(void **state)
{
    (void)state;
    const struct {
        const char *raw, *clean;
    } known[] = {{"plain", "plain"},
                 {"a\x1B[31mred\n", "a?[31mred?"},
                 {"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80", "\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80"},
                 {"\xC2\x9Bx", "?x"},                    /* CSI as one character */
                 {"\xFF\xC3", "??"},                     /* no UTF-8, cut UTF-8 */
                 {"\xE0\x80\x80\xED\xA0\x80", "??????"}, /* overlong, surrogate */
                 {"\x7F", "?"}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        OWNED(buf) struct buf out = {0};
        output_clean(&out, bytes_text(known[i].raw));
        assert_string_equal(buf_cstring(&out), known[i].clean);
    }
}

static void aligned_tables(void **state)
{
    (void)state;
    static const struct output_column columns[] = {
        {"Table", OUTPUT_LEFT}, {"Rows", OUTPUT_RIGHT}, {"Why", OUTPUT_LEFT}};
    OWNED(output_table) struct output_table t = {.column = columns, .columns = 3};
    OWNED(text) char *text = NULL;
    size_t len = 0;
    err e = ERR_INIT;

    output_cell(&t, "%s", "M\xC3\xBCnzen");
    output_cell(&t, "%d", 12345);
    output_cell(&t, "default");
    output_cell(&t, "x\ny");
    output_cell(&t, "%d", 7);
    output_cell(&t, "%s", "");
    FILE *to = open_memstream(&text, &len);
    assert_done(output_table_print(&t, to, &e), &e);
    fclose(to);
    assert_string_equal(text, "Table    Rows  Why\n"
                              "M\xC3\xBCnzen  12345  default\n"
                              "x?y         7  \n");
}

static void an_empty_table_prints_nothing(void **state)
{
    (void)state;
    static const struct output_column columns[] = {{"Table", OUTPUT_LEFT}};
    OWNED(output_table) struct output_table t = {.column = columns, .columns = 1};
    OWNED(text) char *text = NULL;
    size_t len = 0;
    err e = ERR_INIT;
    FILE *to = open_memstream(&text, &len);
    assert_done(output_table_print(&t, to, &e), &e);
    fclose(to);
    assert_string_equal(text, "");
}

static void bars(void **state)
{
    (void)state;
    OWNED(buf) struct buf line = {0};
    report_bar("base", 500, 1000, 50, &line);
    assert_string_equal(buf_cstring(&line), "base                 [#####.....]  50%  500 of 1,000");
    buf_reset(&line);
    report_bar("base", 1500, 1000, 50, &line); /* estimates are passed at times */
    assert_string_equal(buf_cstring(&line), "base                 [##########] 100%  1,000 of 1,000");
    buf_reset(&line);
    report_bar("fold", 12, 0, 50, &line);
    assert_string_equal(buf_cstring(&line), "fold  12");
}

static char *dumped(json_t *value)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    json_decref(value);
    assert_non_null(text);
    return text;
}

static void json_values(void **state)
{
    (void)state;
    const uuid nil = UUID_NIL;
    uuid id = {{0x12, 0x34}};
    OWNED(text) char *none = dumped(jsonout_uuid(&nil));
    OWNED(text) char *some = dumped(jsonout_uuid(&id));
    OWNED(text) char *at = dumped(jsonout_lsn(UINT64_C(0x16B374D848)));
    OWNED(text) char *nowhere = dumped(jsonout_lsn(LSN_NONE));
    OWNED(text) char *broken = dumped(jsonout_bytes(bytes_text("a\xFFz\xC3")));
    OWNED(text) char *empty = dumped(jsonout_bytes(bytes_of(NULL, 0)));
    OWNED(text) char *hex = dumped(jsonout_hex(bytes_of(id.b, 3)));
    assert_string_equal(none, "null");
    assert_string_equal(some, "\"12340000-0000-0000-0000-000000000000\"");
    assert_string_equal(at, "\"16/B374D848\"");
    assert_string_equal(nowhere, "null");
    assert_string_equal(broken, "\"a\xEF\xBF\xBDz\xEF\xBF\xBD\"");
    assert_string_equal(empty, "\"\"");
    assert_string_equal(hex, "\"123400\"");
}

static void a_missing_value_spoils_the_whole(void **state)
{
    (void)state;
    json_t *object = json_object();
    err e = ERR_INIT;
    jsonout_set(&object, "a", jsonout_count(1));
    jsonout_set(&object, "b", NULL);
    jsonout_set(&object, "c", jsonout_count(2));
    assert_null(object);
    assert_fails(jsonout_print(object, JSONOUT_LINE, &e), &e, ERR_STORAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes),
        cmocka_unit_test(counts),
        cmocka_unit_test(durations),
        cmocka_unit_test(clean_text),
        cmocka_unit_test(aligned_tables),
        cmocka_unit_test(an_empty_table_prints_nothing),
        cmocka_unit_test(bars),
        cmocka_unit_test(json_values),
        cmocka_unit_test(a_missing_value_spoils_the_whole),
    };
    return cmocka_run_group_tests_name("output", tests, NULL, NULL);
}
