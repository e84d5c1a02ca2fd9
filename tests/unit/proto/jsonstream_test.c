/* Documents in pieces of every size: what comes out does not depend on where they were cut. */
#include "proto/jsonstream.h"

#include "proto/jsonwrite.h"
#include "tests/lib/check.h"

struct pieces {
    struct bytes text;
    size_t at, piece;
};

static status read_piece(void *context, uint8_t *to, size_t room, size_t *got, err *e)
{
    struct pieces *p = context;
    (void)e;
    *got = p->text.len - p->at < p->piece ? p->text.len - p->at : p->piece;
    *got = *got < room ? *got : room;
    if (*got > 0)
        memcpy(to, p->text.data + p->at, *got);
    p->at += *got;
    return DONE;
}

static const char sample[] = " { \"a\" : [ 1 , -2.5e+3,\"x \\\" ]\" , { \"b\": null } ] ,\n\"c\\u00e4\": "
                             "\"two  spaces\",\"d\":true } ";
static const char compact[] =
    "{\"a\":[1,-2.5e+3,\"x \\\" ]\",{\"b\":null}],\"c\\u00e4\":\"two  spaces\",\"d\":true}";

static void assert_next(struct jsonstream *s, const char *wanted)
{
    err e = ERR_INIT;
    struct bytes raw;
    assert_done(jsonstream_value(s, &raw, &e), &e);
    assert_int_equal(raw.len, strlen(wanted));
    assert_memory_equal(raw.data, wanted, raw.len);
}

static void walk_sample(struct jsonstream *s)
{
    err e = ERR_INIT;
    OWNED(buf) struct buf name = {0};
    bool first = true, inner = true, any = false, there = false;
    assert_done(jsonstream_expect(s, '{', &e), &e);
    assert_done(jsonstream_member(s, &first, &name, &any, &e), &e);
    assert_true(any);
    assert_string_equal(buf_cstring(&name), "a");
    assert_done(jsonstream_at(s, '[', &there, &e), &e);
    assert_true(there);
    assert_done(jsonstream_expect(s, '[', &e), &e);
    static const char *const elements[] = {"1", "-2.5e+3", "\"x \\\" ]\"", "{ \"b\": null }"};
    for (size_t i = 0; i < 4; i++) {
        assert_done(jsonstream_element(s, &inner, &any, &e), &e);
        assert_true(any);
        assert_next(s, elements[i]);
    }
    assert_done(jsonstream_element(s, &inner, &any, &e), &e);
    assert_false(any);
    assert_done(jsonstream_member(s, &first, &name, &any, &e), &e);
    assert_string_equal(buf_cstring(&name), "c\xc3\xa4");
    assert_done(jsonstream_skip(s, &e), &e);
    assert_done(jsonstream_member(s, &first, &name, &any, &e), &e);
    assert_next(s, "true");
    assert_done(jsonstream_member(s, &first, &name, &any, &e), &e);
    assert_false(any);
    assert_done(jsonstream_end(s, &e), &e);
}

static void pieces_do_not_matter(void **state)
{
    (void)state;
    err e = ERR_INIT;
    uint8_t wanted[SHA256_LEN], got[SHA256_LEN];
    OWNED(hasher) struct hasher *h = NULL;
    assert_done(hasher_new(&h, &e), &e);
    assert_done(hasher_once(h, bytes_text(compact), wanted, &e), &e);
    for (size_t piece = 1; piece <= sizeof sample; piece++)
        for (int way = 0; way < 2; way++) {
            struct pieces p = {bytes_text(sample), 0, piece};
            const struct jsonstream_source source = {&p, read_piece};
            OWNED(jsonstream) struct jsonstream *s = NULL;
            assert_done(jsonstream_new(&source, 1024, &s, &e), &e);
            assert_done(hasher_start(h, &e), &e);
            jsonstream_hash(s, h);
            if (way == 0)
                walk_sample(s);
            else
                assert_done(jsonstream_skip(s, &e), &e);
            assert_done(hasher_end(h, got, &e), &e);
            assert_memory_equal(got, wanted, SHA256_LEN);
        }
    OWNED(buf) struct buf out = {0};
    jsonwrite_compact(&out, bytes_text(sample));
    assert_string_equal(buf_cstring(&out), compact);
}

static void malformed_documents_are_refused(void **state)
{
    (void)state;
    static const char *const samples[] = {"",       "{", "[1",    "{\"a\":1", "\"abc", "\"a\nb\"",
                                          "[1}",    "]", "{]",    "nul(",     "@",     "[\"a\\\"]",
                                          "{\"a\"", ",", "[1 @]", "1\"a\""};
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++)
        for (size_t piece = 1; piece < 4; piece++) {
            err e = ERR_INIT;
            struct pieces p = {bytes_text(samples[i]), 0, piece};
            const struct jsonstream_source source = {&p, read_piece};
            OWNED(jsonstream) struct jsonstream *s = NULL;
            assert_done(jsonstream_new(&source, 1024, &s, &e), &e);
            if (jsonstream_skip(s, &e).ok)
                fail_msg("%s was taken", samples[i]);
            assert_int_equal(e.class, ERR_VALIDATION);
            assert_mentions(&e, "byte");
        }
}

static void large_and_deep_values_are_refused(void **state)
{
    (void)state;
    err e = ERR_INIT;
    static char text[200000], deep[200];
    struct bytes raw;
    memset(text, 'a', sizeof text);
    text[0] = text[sizeof text - 1] = '"';
    struct pieces p = {bytes_of(text, sizeof text), 0, 4096};
    const struct jsonstream_source source = {&p, read_piece};
    OWNED(jsonstream) struct jsonstream *s = NULL;
    assert_done(jsonstream_new(&source, 100000, &s, &e), &e);
    assert_fails(jsonstream_value(s, &raw, &e), &e, ERR_VALIDATION);
    assert_mentions(&e, "larger than 100000");
    /* Stepping over it needs no memory. */
    p.at = 0;
    OWNED(jsonstream) struct jsonstream *again = NULL;
    assert_done(jsonstream_new(&source, 100000, &again, &e), &e);
    assert_done(jsonstream_skip(again, &e), &e);
    memset(deep, '[', sizeof deep);
    p = (struct pieces){bytes_of(deep, sizeof deep), 0, 64};
    OWNED(jsonstream) struct jsonstream *nested = NULL;
    assert_done(jsonstream_new(&source, 100000, &nested, &e), &e);
    assert_fails(jsonstream_skip(nested, &e), &e, ERR_VALIDATION);
}

static void text_becomes_strings(void **state)
{
    (void)state;
    static const struct {
        const char *text, *json;
        bool valid;
    } samples[] = {{"", "\"\"", true},
                   {"a\"b\\c\n\t\x01", "\"a\\\"b\\\\c\\n\\t\\u0001\"", true},
                   {"\xf0\x9f\x92\xbe\xc3\xa4", "\"\xf0\x9f\x92\xbe\xc3\xa4\"", true},
                   {"\xff", "\"\"", false},
                   {"a\xc0\x80", "\"a\"", false},
                   {"\xed\xa0\x80", "\"\"", false},
                   {"\xf4\x90\x80\x80", "\"\"", false},
                   {"\xe2\x82", "\"\"", false}};
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        OWNED(buf) struct buf out = {0};
        assert_int_equal(jsonwrite_string(&out, bytes_text(samples[i].text)), samples[i].valid);
        assert_string_equal(buf_cstring(&out), samples[i].json);
    }
    OWNED(buf) struct buf out = {0};
    jsonwrite_text(&out, "a\xff"
                         "b");
    jsonwrite_text(&out, NULL);
    assert_string_equal(buf_cstring(&out), "\"a\xef\xbf\xbd"
                                           "b\"null");
}

static void numbers_are_told(void **state)
{
    (void)state;
    static const char *const yes[] = {"0", "-0", "12", "1.5", "-1e-05", "1E+10", "0.001"};
    static const char *const no[] = {"", "-", "NaN", "01", "1.", ".5", "1e", "+1", "Infinity", "1 ", "0x1"};
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++)
        assert_true(jsonwrite_is_number(bytes_text(yes[i])));
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
        assert_false(jsonwrite_is_number(bytes_text(no[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_do_not_matter),
        cmocka_unit_test(malformed_documents_are_refused),
        cmocka_unit_test(large_and_deep_values_are_refused),
        cmocka_unit_test(text_becomes_strings),
        cmocka_unit_test(numbers_are_told),
    };
    return cmocka_run_group_tests_name("jsonstream", tests, NULL, NULL);
}
