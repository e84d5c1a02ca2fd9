/* Rows as JSON and back, and what other programs write. */
#include "agent/document/docvalue.h"

#include "agent/document/docrow.h"
#include "proto/jsonread.h"
#include "tests/lib/check.h"

struct sample {
    enum docvalue_kind kind;
    const char *json;
    const char *text; /* NULL: SQL NULL */
};

static void values_become_text(void **state)
{
    (void)state;
    static const struct sample samples[] = {
        {DOCVALUE_TEXT, "null", NULL},
        {DOCVALUE_TEXT, "\"a\\nb\"", "a\nb"},
        {DOCVALUE_TEXT, "12.50", "12.50"},
        {DOCVALUE_TEXT, "true", "true"},
        {DOCVALUE_JSON, "null", NULL},
        {DOCVALUE_JSON, "{\"a\": 1.10}", "{\"a\": 1.10}"},
        {DOCVALUE_JSON, "\"x\"", "\"x\""},
        {DOCVALUE_JSON, "{\"$json\":\"null\"}", "null"},
        {DOCVALUE_JSON, "{\"$json\":\"x\", \"b\":1}", "{\"$json\":\"x\", \"b\":1}"},
        {DOCVALUE_JSON, "{\"$json\":1}", "{\"$json\":1}"},
        {DOCVALUE_ARRAY, "[]", "{}"},
        {DOCVALUE_ARRAY, "[1, null, \"a\\\"\\\\\", [2]]", "{\"1\",NULL,\"a\\\"\\\\\",{\"2\"}}"},
        {DOCVALUE_ARRAY, "[{\"k\": \"v\"}]", "{\"{\\\"k\\\": \\\"v\\\"}\"}"},
        {DOCVALUE_ARRAY, "\"{1,2}\"", "{1,2}"},
        {DOCVALUE_BYTES, "{\"type\":\"Buffer\",\"data\":[0, 255]}", "\\x00ff"},
        {DOCVALUE_BYTES, "{\"type\":\"Buffer\",\"data\":[]}", "\\x"},
        {DOCVALUE_BYTES, "\"\\\\x01\"", "\\x01"},
    };
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        err e = ERR_INIT;
        OWNED(buf) struct buf out = {0};
        bool null = false;
        assert_done(docvalue_text(samples[i].kind, bytes_text(samples[i].json), &out, &null, &e), &e);
        assert_int_equal(null, samples[i].text == NULL);
        if (!null)
            assert_string_equal(buf_cstring(&out), samples[i].text);
    }
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    static const struct sample samples[] = {
        {DOCVALUE_TEXT, "{}", NULL},
        {DOCVALUE_TEXT, "[1]", NULL},
        {DOCVALUE_TEXT, "", NULL},
        {DOCVALUE_TEXT, "\"\\u0000\"", NULL},
        {DOCVALUE_TEXT, "\"\\ud800\"", NULL},
        {DOCVALUE_JSON, "{\"a\"", NULL},
        {DOCVALUE_ARRAY, "[1", NULL},
        {DOCVALUE_ARRAY, "[[[[[[[1]]]]]]]", NULL},
        {DOCVALUE_ARRAY, "{\"0\": 1}", NULL},
        {DOCVALUE_BYTES, "{\"type\":\"Buffer\",\"data\":[256]}", NULL},
        {DOCVALUE_BYTES, "{\"type\":\"Other\",\"data\":[]}", NULL},
    };
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        err e = ERR_INIT;
        OWNED(buf) struct buf out = {0};
        bool null = false;
        if (docvalue_text(samples[i].kind, bytes_text(samples[i].json), &out, &null, &e).ok)
            fail_msg("%s was taken", samples[i].json);
        assert_int_equal(e.class, ERR_VALIDATION);
    }
}

/* One column of this type; the line's text and the object. */
static void assert_object(uint32_t type, const char *line, const char *wanted)
{
    err e = ERR_INIT;
    char name[] = "v", space[] = "public", table[] = "t";
    Pgstrand__Column column = PGSTRAND__COLUMN__INIT, *columns[] = {&column};
    Pgstrand__Table t = PGSTRAND__TABLE__INIT;
    OWNED(docrow) struct docrow r = {0};
    OWNED(buf) struct buf out = {0};
    column.name = name;
    column.type = type;
    t.schema = space;
    t.name = table;
    t.column = columns;
    t.n_column = 1;
    assert_done(docrow_init(&r, &t, &e), &e);
    assert_done(docrow_put(&r, bytes_text(line), &out, &e), &e);
    assert_string_equal(buf_cstring(&out), wanted);
}

static void lines_become_objects(void **state)
{
    (void)state;
    assert_object(23, "5", "{\"v\":5}");
    assert_object(23, "\\N", "{\"v\":null}");
    assert_object(20, "123456789012345", "{\"v\":123456789012345}");
    assert_object(20, "1234567890123456", "{\"v\":\"1234567890123456\"}");
    assert_object(1700, "1.50", "{\"v\":\"1.50\"}");
    assert_object(701, "1e-05", "{\"v\":1e-05}");
    assert_object(701, "NaN", "{\"v\":\"NaN\"}");
    assert_object(16, "t", "{\"v\":true}");
    assert_object(25, "a\\tb\\\\N", "{\"v\":\"a\\tb\\\\N\"}");
    assert_object(3802, "{\"a\": 1}", "{\"v\":{\"a\": 1}}");
    assert_object(3802, "null", "{\"v\":{\"$json\":\"null\"}}");
    assert_object(3802, "{\"$json\": 1}", "{\"v\":{\"$json\":\"{\\\"$json\\\": 1}\"}}");
    assert_object(1184, "2026-01-01 12:00:00.5+00", "{\"v\":\"2026-01-01T12:00:00.5Z\"}");
    assert_object(1114, "2026-01-01 12:00:00", "{\"v\":\"2026-01-01T12:00:00\"}");
    assert_object(1184, "infinity", "{\"v\":\"infinity\"}");
    assert_object(1184, "0044-03-15 12:00:00+00 BC", "{\"v\":\"0044-03-15 12:00:00+00 BC\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_become_text),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(lines_become_objects),
    };
    return cmocka_run_group_tests_name("docvalue", tests, NULL, NULL);
}
