#include "proto/rowsum.h"

#include "tests/lib/check.h"

/* What PostgreSQL 15 answered: hashtextextended(w COLLATE "C", 0) and (..., 7). */
static void test_text_as_the_server(void **state)
{
    static const struct {
        const char *word;
        int64_t plain, seeded;
    } known[] = {
        {"", -6939563903564495251, 2755504096093790112},
        {"a", 3591986179850072241, 6761863715122467050},
        {"abcd", -1038429303365892052, -1805611576705526402},
        {"abcdefgh", -8882191227074733005, -657836470619280130},
        {"abcdefghijk", 3112909444737856467, -4615438900308943748},
        {"abcdefghijkl", -7556637188122330412, -9039814575907250350},
        {"abcdefghijklm", 8871624171452417744, 1223120994160335261},
        {"Käse und Brot, 12345678901234567890", -4601845805672613501, 537951052242989815},
    };
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        assert_true((int64_t)rowsum_hash_bytes(bytes_text(known[i].word), 0) == known[i].plain);
        assert_true((int64_t)rowsum_hash_bytes(bytes_text(known[i].word), 7) == known[i].seeded);
    }
}

/* hashint4extended and hashint8extended. */
static void test_words_as_the_server(void **state)
{
    (void)state;
    assert_true((int64_t)rowsum_hash_word(5, 0) == -9138765687874534020);
    assert_true((int64_t)rowsum_hash_word((uint32_t)-5, 9) == -3820828750903227583);
    assert_true((int64_t)rowsum_hash_int8(-5000000000, 9) == 1204006465263993294);
    assert_true((int64_t)rowsum_hash_int8(5000000000, 0) == -5263616605311196344);
    assert_true((int64_t)rowsum_hash_word(0, (uint64_t)-123456789012345) == -3624508382652324524);
    assert_true(rowsum_hash_int8(-7, 3) == rowsum_hash_word((uint32_t)-7, 3));
}

static const enum copybinary_form two[] = {COPYBINARY_INT4, COPYBINARY_TEXT};

static void take(struct rowsum *s, const char *line)
{
    OWNED(buf) struct buf out = {0};
    OWNED(buf) struct buf scratch = {0};
    err e = ERR_INIT;
    assert_done(copybinary_line(&out, two, 2, bytes_text(line), &scratch, s, &e), &e);
}

static struct rowsum sum_of(const char *first, const char *second)
{
    struct rowsum s = {0};
    take(&s, first);
    take(&s, second);
    assert_int_equal(s.rows, 2);
    return s;
}

static bool same(const char *a, const char *b, const char *c, const char *d)
{
    struct rowsum x = sum_of(a, b), y = sum_of(c, d);
    return rowsum_equal(&x, &y);
}

static void test_rows(void **state)
{
    (void)state;
    assert_true(same("1\ta", "2\tb", "2\tb", "1\ta"));  /* in any order */
    assert_false(same("1\ta", "2\tb", "1\tb", "2\ta")); /* values of one row belong together */
    assert_false(same("1\ta", "2\tb", "1\ta", "1\ta"));
    assert_false(same("1\t\\N", "2\tb", "1\t", "2\tb")); /* NULL is no empty text */
    assert_false(same("\\N\ta", "2\tb", "0\ta", "2\tb"));
    assert_true(same("1\ta\\tb", "2\tb", "2\tb", "1\ta\\tb"));
    assert_false(same("1\ta\\tb", "2\tb", "1\tatb", "2\tb"));
}

/* The same sum without the binary row. */
static void test_without_rows(void **state)
{
    static const enum copybinary_form forms[] = {COPYBINARY_INT4, COPYBINARY_TEXT, COPYBINARY_NUMERIC,
                                                 COPYBINARY_UUID, COPYBINARY_BOOL};
    static const char *const lines[] = {
        "-5\ta\\tb\t1.50\t0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9\tt",
        "\\N\t\\N\t\\N\t\\N\t\\N",
        "7\t\t0\tffffffff-ffff-ffff-ffff-ffffffffffff\tf",
    };
    static const char *const wrong[] = {"1", "x\ta\t1\t\\N\tt", "\\061\ta\t1\t\\N\tt", "1\ta\t1\t\\N\tt\t",
                                        "1\ta\t1\t0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8fG\tt"};
    OWNED(buf) struct buf out = {0};
    OWNED(buf) struct buf scratch = {0};
    struct rowsum rows = {0}, none = {0};
    err e = ERR_INIT;
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        assert_done(copybinary_line(&out, forms, 5, bytes_text(lines[i]), &scratch, &rows, &e), &e);
        assert_done(copybinary_sum(forms, 5, bytes_text(lines[i]), &scratch, &none, &e), &e);
    }
    assert_true(rowsum_equal(&rows, &none));
    assert_int_equal(none.rows, 3);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_fails(copybinary_sum(forms, 5, bytes_text(wrong[i]), &scratch, &none, &e), &e, ERR_STORAGE);
}

/* char(n) is as long as it was declared, whatever its spaces; of text they are part. */
static void test_spaces(void **state)
{
    static const enum copybinary_form fixed[] = {COPYBINARY_BPCHAR}, text[] = {COPYBINARY_TEXT};
    OWNED(buf) struct buf scratch = {0};
    struct rowsum a = {0}, b = {0}, c = {0}, d = {0};
    err e = ERR_INIT;
    (void)state;
    assert_true(copybinary_form_of(1042, 13, false) == COPYBINARY_BPCHAR);
    assert_true(copybinary_form_of(1042, -1, false) == COPYBINARY_TEXT);
    assert_done(copybinary_sum(fixed, 1, bytes_text(" x  "), &scratch, &a, &e), &e);
    assert_done(copybinary_sum(text, 1, bytes_text(" x"), &scratch, &b, &e), &e);
    assert_done(copybinary_sum(text, 1, bytes_text(" x  "), &scratch, &c, &e), &e);
    assert_done(copybinary_sum(fixed, 1, bytes_text("x"), &scratch, &d, &e), &e);
    assert_true(rowsum_equal(&a, &b));
    assert_false(rowsum_equal(&a, &c));
    assert_false(rowsum_equal(&a, &d));
}

/* The server's own hash of these is the same for both. */
static void test_folded(void **state)
{
    static const enum copybinary_form form[] = {COPYBINARY_INT8};
    static const char *const pairs[][2] = {{"-1", "4294967295"}, {"5", "21474836480"}};
    OWNED(buf) struct buf scratch = {0};
    err e = ERR_INIT;
    (void)state;
    assert_true(rowsum_hash_int8(-1, 1) == rowsum_hash_int8(4294967295, 1));
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        struct rowsum a = {0}, b = {0};
        assert_done(copybinary_sum(form, 1, bytes_text(pairs[i][0]), &scratch, &a, &e), &e);
        assert_done(copybinary_sum(form, 1, bytes_text(pairs[i][1]), &scratch, &b, &e), &e);
        assert_false(rowsum_equal(&a, &b));
    }
}

static void test_sums(void **state)
{
    struct rowsum all = sum_of("-1\tx", "2\t"), first = {0}, second = {0}, parsed;
    (void)state;
    take(&first, "-1\tx");
    take(&second, "2\t");
    rowsum_merge(&first, &second);
    assert_true(rowsum_equal(&all, &first));
    assert_true(rowsum_parse("-1", 3, &parsed));
    assert_true(parsed.low == UINT64_MAX && parsed.high == UINT64_MAX && parsed.rows == 3);
    assert_true(rowsum_parse("18446744073709551617", 0, &parsed));
    assert_true(parsed.low == 1 && parsed.high == 1);
    assert_true(rowsum_parse("0", 0, &parsed) && parsed.low == 0 && parsed.high == 0);
    assert_false(rowsum_parse("", 0, &parsed));
    assert_false(rowsum_parse("-", 0, &parsed));
    assert_false(rowsum_parse("1.5", 0, &parsed));
    assert_false(rowsum_parse("1000000000000000000000000000000000000000", 0, &parsed));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_as_the_server),
        cmocka_unit_test(test_words_as_the_server),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_without_rows),
        cmocka_unit_test(test_spaces),
        cmocka_unit_test(test_folded),
        cmocka_unit_test(test_sums),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
