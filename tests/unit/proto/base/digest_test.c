#include "proto/base/digest.h"
#include "tests/lib/check.h"

#define SHA256_ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define SHA256_EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static int make_hasher(void **state)
{
    err e = ERR_INIT;
    struct hasher *h = NULL;
    if (!hasher_new(&h, &e).ok)
        return -1;
    *state = h;
    return 0;
}

static int free_hasher(void **state)
{
    hasher_free(*state);
    hasher_free(NULL);
    return 0;
}

/* FIPS 180-4 examples; the hasher is used again and again. */
static void sha256_vectors(void **state)
{
    struct hasher *h = *state;
    err e = ERR_INIT;
    uint8_t hash[SHA256_LEN];
    char text[SHA256_TEXT];
    for (int round = 0; round < 3; round++) {
        assert_done(hasher_once(h, bytes_text("abc"), hash, &e), &e);
        assert_string_equal(sha256_format(hash, text), SHA256_ABC);
        assert_done(hasher_once(h, bytes_text(""), hash, &e), &e);
        assert_string_equal(sha256_format(hash, text), SHA256_EMPTY);
        assert_done(hasher_start(h, &e), &e);
        assert_done(hasher_add(h, bytes_text("a"), &e), &e);
        assert_done(hasher_add(h, bytes_text(""), &e), &e);
        assert_done(hasher_add(h, bytes_text("bc"), &e), &e);
        assert_done(hasher_end(h, hash, &e), &e);
        assert_string_equal(sha256_format(hash, text), SHA256_ABC);
    }
}

static void sha1_vector(void **state)
{
    (void)state;
    err e = ERR_INIT;
    uint8_t hash[SHA1_LEN], wanted[SHA1_LEN];
    from_hex("a9993e364706816aba3e25717850c26c9cd0d89d", wanted, sizeof wanted);
    assert_done(sha1_pair(bytes_text("a"), bytes_text("bc"), hash, &e), &e);
    assert_memory_equal(hash, wanted, sizeof hash);
}

static void add(struct table_digest *d, struct hasher *h, const char *row)
{
    err e = ERR_INIT;
    assert_done(table_digest_add(d, h, bytes_text(row), &e), &e);
}

/* Lengths around those of the hash's blocks and its padding. */
static void a_row_is_hashed_as_a_piece(void **state)
{
    struct hasher *h = *state;
    uint8_t row[300];
    for (size_t i = 0; i < sizeof row; i++)
        row[i] = (uint8_t)(i * 7 + 1);
    for (size_t len = 0; len <= sizeof row; len++) {
        struct table_digest d = {0};
        uint8_t wanted[SHA256_LEN], got[SHA256_LEN];
        err e = ERR_INIT;
        assert_done(hasher_once(h, bytes_of(row, len), wanted, &e), &e);
        assert_done(table_digest_add(&d, h, bytes_of(row, len), &e), &e);
        table_digest_bytes(&d, got);
        assert_memory_equal(got, wanted, sizeof got);
        assert_int_equal(d.rows, 1);
        assert_done(table_digest_remove(&d, h, bytes_of(row, len), &e), &e);
        assert_true(table_digest_equal(&d, &(struct table_digest){0}));
    }
}

static void one_row_is_its_hash(void **state)
{
    struct table_digest d = {0};
    uint8_t raw[SHA256_LEN];
    char text[SHA256_TEXT];
    add(&d, *state, "abc");
    table_digest_bytes(&d, raw);
    assert_string_equal(sha256_format(raw, text), SHA256_ABC);
    assert_int_equal(d.rows, 1);
}

/* Rows may come in any order; twice counts twice; another row shows. */
static void order_does_not_matter_and_count_does(void **state)
{
    struct table_digest forward = {0}, backward = {0}, twice = {0}, other = {0};
    add(&forward, *state, "1\tbread");
    add(&forward, *state, "2\tmilk");
    add(&backward, *state, "2\tmilk");
    add(&backward, *state, "1\tbread");
    assert_true(table_digest_equal(&forward, &backward));
    add(&twice, *state, "1\tbread");
    add(&twice, *state, "1\tbread");
    assert_false(table_digest_equal(&forward, &twice));
    add(&other, *state, "1\tbread");
    add(&other, *state, "2\tMilk");
    assert_false(table_digest_equal(&forward, &other));
}

static void merging_is_adding(void **state)
{
    struct table_digest whole = {0}, left = {0}, right = {0};
    for (int i = 0; i < 200; i++) {
        char row[32];
        (void)snprintf(row, sizeof row, "%d\trow", i);
        add(&whole, *state, row);
        add(i % 3 == 0 ? &left : &right, *state, row);
    }
    table_digest_merge(&left, &right);
    assert_true(table_digest_equal(&whole, &left));
    assert_int_equal(left.rows, 200);
}

/* The sum is modulo 2^256: a carry goes through all words and falls out at the top. */
static void carries_ripple_and_wrap(void **state)
{
    (void)state;
    uint8_t ones[SHA256_LEN], one[SHA256_LEN] = {0}, sum[SHA256_LEN], zero[SHA256_LEN] = {0};
    struct table_digest a = {0}, b = {0};
    memset(ones, 0xff, sizeof ones);
    one[SHA256_LEN - 1] = 1;
    table_digest_load(&a, ones, 5);
    table_digest_load(&b, one, 1);
    table_digest_merge(&a, &b);
    table_digest_bytes(&a, sum);
    assert_memory_equal(sum, zero, sizeof sum);
    assert_int_equal(a.rows, 6);
    table_digest_load(&a, ones, 0);
    table_digest_load(&b, ones, 0);
    table_digest_merge(&a, &b); /* 2 * (2^256 - 1) = 2^256 - 2 */
    table_digest_bytes(&a, sum);
    ones[SHA256_LEN - 1] = 0xfe;
    assert_memory_equal(sum, ones, sizeof sum);
}

static void removing_undoes_adding(void **state)
{
    struct hasher *h = *state;
    err e = ERR_INIT;
    struct table_digest all = {0}, most = {0};
    static const char *const rows[] = {"1\ta", "2\tb", "2\tb", "3\t\\N"};
    for (size_t i = 0; i < 4; i++)
        assert_done(table_digest_add(&all, h, bytes_text(rows[i]), &e), &e);
    for (size_t i = 1; i < 3; i++)
        assert_done(table_digest_add(&most, h, bytes_text(rows[i]), &e), &e);
    assert_done(table_digest_remove(&all, h, bytes_text(rows[0]), &e), &e);
    assert_false(table_digest_equal(&all, &most));
    assert_done(table_digest_remove(&all, h, bytes_text(rows[3]), &e), &e);
    assert_true(table_digest_equal(&all, &most));
}

static void bytes_and_back(void **state)
{
    (void)state;
    uint8_t raw[SHA256_LEN], again[SHA256_LEN];
    struct table_digest d;
    for (size_t i = 0; i < sizeof raw; i++)
        raw[i] = (uint8_t)(i * 37 + 1);
    table_digest_load(&d, raw, 9);
    table_digest_bytes(&d, again);
    assert_memory_equal(raw, again, sizeof raw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_is_hashed_as_a_piece),
        cmocka_unit_test(sha256_vectors),
        cmocka_unit_test(sha1_vector),
        cmocka_unit_test(one_row_is_its_hash),
        cmocka_unit_test(order_does_not_matter_and_count_does),
        cmocka_unit_test(merging_is_adding),
        cmocka_unit_test(carries_ripple_and_wrap),
        cmocka_unit_test(bytes_and_back),
        cmocka_unit_test(removing_undoes_adding),
    };
    return cmocka_run_group_tests_name("digest", tests, make_hasher, free_hasher);
}
