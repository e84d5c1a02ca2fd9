/* Columns of values and of integers: what comes back, what form is chosen, and what damage does. */
#include "proto/valuecolumn.h"

#include "tests/unit/proto/samples.h"

#define MOST 4000

static struct valuecolumn_draft draft;

static int set_up(void **state)
{
    (void)state;
    err e = ERR_INIT;
    assert_done(valuecolumn_draft_init(&draft, MOST, &e), &e);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    valuecolumn_draft_fini(&draft);
    return 0;
}

/* ---- integers ---- */

static size_t ints_there_and_back(const int64_t *number, size_t count)
{
    OWNED(buf) struct buf out = {0};
    struct intcolumn c;
    err e = ERR_INIT;
    intcolumn_put(&out, number, count);
    assert_done(buf_done(&out, &e), &e);
    OWNED(memory) uint8_t *exact = sample_exact(out.data, out.len);
    struct reader r = reader_over(bytes_of(exact, out.len));
    intcolumn_open(&r, count, &c);
    assert_true(reader_ok(&r));
    assert_int_equal(r.left, 0);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(intcolumn_next(&c), number[i]);
    for (size_t len = 0; len < out.len; len++) {
        r = reader_over(bytes_of(exact, len));
        intcolumn_open(&r, count, &c);
        assert_false(reader_ok(&r));
    }
    return out.len;
}

static void integers(void **state)
{
    (void)state;
    static const int64_t edges[] = {0, 1, -1, INT64_MAX, INT64_MIN, INT64_MIN + 1, 127, 128, -128};
    int64_t number[MOST];
    uint64_t seed = 1;
    ints_there_and_back(edges, sizeof edges / sizeof edges[0]);
    for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++)
        ints_there_and_back(&edges[i], 1);
    for (int round = 0; round < 200; round++) {
        const size_t count = 1 + sample_random(&seed) % 9;
        for (size_t i = 0; i < count; i++)
            number[i] = (int64_t)(sample_wide(&seed) - sample_wide(&seed));
        ints_there_and_back(number, count);
    }
    for (int64_t i = 0; i < MOST; i++)
        number[i] = 5000000000 + 8 * i;
    assert_true(ints_there_and_back(number, 1000) <= INTCOLUMN_HEAD_MAX);
    for (int64_t i = 0; i < 1000; i++)
        number[i] = 16 * (i * i % 251);
    assert_true(ints_there_and_back(number, 1000) <= 1000 + INTCOLUMN_HEAD_MAX);
}

static void integers_that_are_none(void **state)
{
    (void)state;
    static const char *const wrong[] = {"0900", "200000", "004000", "01", "0100", "0100000101"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        uint8_t raw[16];
        struct intcolumn c;
        const size_t len = from_hex(wrong[i], raw, sizeof raw);
        struct reader r = reader_over(bytes_of(raw, len));
        intcolumn_open(&r, 3, &c);
        assert_false(reader_ok(&r));
    }
}

/* ---- values ---- */

struct sample {
    const char *const *text; /* NULL in it: NULL */
    size_t count;
};

static void put(struct buf *out, const struct value *v, size_t count)
{
    for (size_t i = 0; i < count; i++)
        valuecolumn_draft_add(&draft, v[i]);
    valuecolumn_put(out, &draft);
}

/* Returns the form. */
static unsigned there_and_back(const struct value *v, size_t count)
{
    OWNED(buf) struct buf out = {0};
    OWNED(buf) struct buf wanted = {0};
    OWNED(buf) struct buf back = {0};
    struct valuecolumn c;
    size_t texts = 0;
    put(&out, v, count);
    for (size_t i = 0; i < count; i++) {
        tuple_put(&wanted, v[i]);
        texts += v[i].text.len;
    }
    OWNED(memory) uint8_t *exact = sample_exact(out.data, out.len);
    struct reader r = reader_over(bytes_of(exact, out.len));
    valuecolumn_open(&r, count, &c);
    assert_true(reader_ok(&r));
    assert_int_equal(r.left, 0);
    for (size_t i = 0; i < count; i++) {
        assert_false(valuecolumn_is_done(&c));
        assert_true(valuecolumn_next(&c, &back));
    }
    assert_true(valuecolumn_is_done(&c));
    assert_false(valuecolumn_next(&c, &back));
    assert_int_equal(back.len, wanted.len);
    assert_memory_equal(back.data, wanted.data, back.len);
    assert_true(out.len <= texts + count * VALUECOLUMN_VALUE_MAX + VALUECOLUMN_HEAD_MAX);
    return out.data[0] & 127u;
}

static unsigned texts(const char *const *text, size_t count)
{
    struct value v[64];
    for (size_t i = 0; i < count; i++)
        v[i] = text[i] == NULL ? (struct value){VALUE_NULL, bytes_text("")}
                               : (struct value){VALUE_TEXT, bytes_text(text[i])};
    return there_and_back(v, count);
}
#define TEXTS_OF(...) \
    texts((const char *const[]){__VA_ARGS__}, sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *))

enum { NOTHING, SAME, NUMBERS, TIMES, UUIDS, EVEN, TEXTS, BYTES, EVEN2, TEXTS2 };

static void forms(void **state)
{
    (void)state;
    assert_int_equal(TEXTS_OF(NULL, NULL), NOTHING);
    assert_int_equal(TEXTS_OF("one"), SAME);
    assert_int_equal(TEXTS_OF("", NULL, ""), SAME);
    assert_int_equal(TEXTS_OF("1", "-2", "999999999999999999", NULL, "0"), NUMBERS);
    assert_int_equal(TEXTS_OF("-1", "-2", "-30"), NUMBERS);
    assert_int_equal(TEXTS_OF("1.50", "-0.05", "12345.00", "0.00"), NUMBERS);
    assert_int_equal(TEXTS_OF("0012", "9999", "0000"), NUMBERS);
    assert_int_equal(TEXTS_OF("INV-0012", "INV-9999"), NUMBERS);
    assert_int_equal(TEXTS_OF("row number 9", "row number 10"), NUMBERS);
    assert_int_equal(TEXTS_OF("2026-11-22", "2024-02-29", "0001-01-01"), TIMES);
    assert_int_equal(TEXTS_OF("2026-11-22 01:02:03", "1999-12-31 23:59:59.999999", "2000-01-01 00:00:00.5"),
                     TIMES);
    assert_int_equal(TEXTS_OF("2026-11-22 01:02:03+00", "1999-12-31 23:59:59.000001+00"), TIMES);
    assert_int_equal(TEXTS_OF("0044-03-15 BC", "0100-01-01 BC"), TIMES);
    assert_int_equal(TEXTS_OF("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "00000000-0000-0000-0000-000000000000"),
                     UUIDS);
    assert_int_equal(TEXTS_OF("t", "f", "t"), EVEN);
    assert_int_equal(TEXTS_OF("pear", "apple", "", NULL), TEXTS);
    assert_int_equal(TEXTS_OF("a pear", "a plum"), EVEN2);
    assert_int_equal(TEXTS_OF("a pear", "an apple", "a"), TEXTS2);
}

/* What looks like a number, a time or a UUID, and would not come back the same. */
static void look_alikes(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"-0", "1"},
        {"-0.0", "1.5"},
        {"01", "1"},
        {"1.5", "1.25"},
        {"1.", "2."},
        {".5", "1.5"},
        {"1e5", "2"},
        {"+1", "2"},
        {"1 ", "2"},
        {"9999999999999999999", "1"},
        {"-01", "-10"},
        {"00.5", "01.5"},
        {"1", "x"},
        {"", "1"},
        {"-", "1"},
        {"1.2.3", "4.5.6"},
        {"2026-02-29", "2026-02-28"},
        {"2026-13-01", "2026-12-01"},
        {"2026-11-22", "infinity"},
        {"2026-11-22 24:00:00", "2026-11-22 23:00:00"},
        {"2026-11-22 01:02:60", "2026-11-22 01:02:03"},
        {"2026-11-22 01:02:03.10", "2026-11-22 01:02:03.1"},
        {"2026-11-22 01:02:03.", "2026-11-22 01:02:03"},
        {"2026-11-22 01:02:03.1234567", "2026-11-22 01:02:03.1234568"},
        {"2026-11-22 01:02:03+00", "2026-11-22 01:02:03+01"},
        {"2026-11-22T01:02:03", "2026-11-22T01:02:04"},
        {"12026-11-22", "12026-11-23"},
        {"2026-11-22 ", "2026-11-221"},
        {"A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12"},
        {"a0eebc9909c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12"},
        {"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1g", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        (void)texts(pairs[i], 2);
        (void)TEXTS_OF(pairs[i][1], pairs[i][0]);
    }
}

static void binary_and_unchanged(void **state)
{
    (void)state;
    const struct value v[] = {{VALUE_BINARY, {(const uint8_t *)"a\0b", 3}},
                              {VALUE_UNCHANGED, {(const uint8_t *)"", 0}},
                              {VALUE_TEXT, {(const uint8_t *)"text", 4}},
                              {VALUE_NULL, {(const uint8_t *)"", 0}},
                              {VALUE_BINARY, {(const uint8_t *)"\0", 1}}};
    assert_int_equal(there_and_back(v, 5), BYTES);
}

static void random_texts(void **state)
{
    (void)state;
    static const char letters[] = "0123456789-.:  ab";
    static uint8_t memory[64][24];
    struct value v[64];
    uint64_t seed = 7;
    for (unsigned round = 0; round < 3000; round++) {
        const size_t count = 1 + sample_random(&seed) % 6, kinds = 1 + sample_random(&seed) % 16;
        for (size_t i = 0; i < count; i++) {
            const size_t len = sample_random(&seed) % (round % 20 + 1);
            for (size_t k = 0; k < len; k++)
                memory[i][k] = (uint8_t)letters[sample_random(&seed) % kinds];
            v[i] = (struct value){VALUE_TEXT, bytes_of(memory[i], len)};
        }
        (void)there_and_back(v, count);
    }
}

/* Every prefix is refused or runs out of values; every changed byte gives a failure or other values, and
 * never a read beyond the end (the sanitizers would see it). */
static void damaged(void **state)
{
    (void)state;
    static const char *const samples[][3] = {
        {"1", "22", "-333"},
        {"2026-11-22 01:02:03+00", "1999-12-31 23:59:59.5+00", "2001-01-01 00:00:00+00"},
        {"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12",
         "10eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
        {"pear", "apple", ""},
        {"t", "f", "t"},
        {"one", "one", "one"},
        {"a pear", "an apple", "a"},
        {"a pear", "a plum", "a kiwi"},
    };
    for (size_t s = 0; s < sizeof samples / sizeof samples[0]; s++) {
        OWNED(buf) struct buf out = {0};
        struct value v[3];
        for (size_t i = 0; i < 3; i++)
            v[i] = (struct value){VALUE_TEXT, bytes_text(samples[s][i])};
        put(&out, v, 3);
        for (size_t len = 0; len < out.len; len++) {
            OWNED(memory) uint8_t *exact = sample_exact(out.data, len);
            struct reader r = reader_over(bytes_of(exact, len));
            struct valuecolumn c;
            valuecolumn_open(&r, 3, &c);
            assert_false(reader_ok(&r));
        }
        for (size_t at = 0; at < out.len * 8; at++) {
            OWNED(memory) uint8_t *exact = sample_exact(out.data, out.len);
            OWNED(buf) struct buf back = {0};
            struct valuecolumn c;
            exact[at / 8] ^= (uint8_t)(1u << at % 8);
            struct reader r = reader_over(bytes_of(exact, out.len));
            valuecolumn_open(&r, 3, &c);
            while (valuecolumn_next(&c, &back))
                continue;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers),
        cmocka_unit_test(integers_that_are_none),
        cmocka_unit_test_setup_teardown(forms, set_up, tear_down),
        cmocka_unit_test_setup_teardown(look_alikes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(binary_and_unchanged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(random_texts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damaged, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("valuecolumn", tests, NULL, NULL);
}
