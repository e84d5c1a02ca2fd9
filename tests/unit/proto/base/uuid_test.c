#include "proto/base/uuid.h"
#include "tests/lib/check.h"

/* RFC 9562, section 6.6: the namespace for names of hosts. */
static const char namespace_dns[] = "6ba7b810-9dad-11d1-80b4-00c04fd430c8";

static uuid parsed(const char *text)
{
    err e = ERR_INIT;
    uuid u = UUID_NIL;
    assert_done(uuid_parse(text, &u, &e), &e);
    return u;
}

static void text_and_back(void **state)
{
    (void)state;
    char text[UUID_TEXT];
    uuid u = parsed("F81D4FAE-7dec-41d0-A765-00a0c91e6bf6");
    assert_int_equal(u.b[0], 0xf8);
    assert_int_equal(u.b[15], 0xf6);
    assert_string_equal(uuid_format(&u, text), "f81d4fae-7dec-41d0-a765-00a0c91e6bf6");
    uuid nil = parsed("00000000-0000-0000-0000-000000000000");
    assert_true(uuid_is_nil(&nil));
    assert_false(uuid_is_nil(&u));
    assert_false(uuid_equal(&nil, &u));
}

static void what_is_not_a_uuid(void **state)
{
    (void)state;
    const char *wrong[] = {"",
                           "f81d4fae",
                           "f81d4fae-7dec-41d0-a765-00a0c91e6bf",
                           "f81d4fae-7dec-41d0-a765-00a0c91e6bf67",
                           "f81d4fae7dec41d0a76500a0c91e6bf6",
                           "f81d4fae-7dec-41d0-a765-00a0c91e6bg6",
                           "f81d4fa-e7dec-41d0-a765-00a0c91e6bf6",
                           "{f81d4fae-7dec-41d0-a765-00a0c91e6bf6}",
                           " 81d4fae-7dec-41d0-a765-00a0c91e6bf6"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        err e = ERR_INIT;
        uuid u;
        assert_fails(uuid_parse(wrong[i], &u, &e), &e, ERR_VALIDATION);
    }
}

static void stored_bytes_must_be_sixteen(void **state)
{
    (void)state;
    uint8_t raw[17];
    memset(raw, 0xab, sizeof raw);
    for (size_t len = 0; len <= sizeof raw; len++) {
        err e = ERR_INIT;
        uuid u = UUID_NIL;
        if (len == 16) {
            assert_done(uuid_from_bytes(bytes_of(raw, len), "parent", &u, &e), &e);
            assert_memory_equal(u.b, raw, 16);
        } else {
            assert_fails(uuid_from_bytes(bytes_of(raw, len), "parent", &u, &e), &e, ERR_STORAGE);
            assert_mentions(&e, "parent");
        }
    }
}

/* RFC 9562, appendix A.4. */
static void v5_vector(void **state)
{
    (void)state;
    err e = ERR_INIT;
    char text[UUID_TEXT];
    uuid u, namespace = parsed(namespace_dns);
    assert_done(uuid_v5(&namespace, bytes_text("www.example.com"), &u, &e), &e);
    assert_string_equal(uuid_format(&u, text), "2ed6657d-e927-568b-95e1-2665a8aea6a2");
}

static void v4_has_its_bits_and_differs(void **state)
{
    (void)state;
    uuid before = UUID_NIL;
    for (int i = 0; i < 100; i++) {
        err e = ERR_INIT;
        uuid u;
        assert_done(uuid_random(&u, &e), &e);
        assert_int_equal(u.b[6] >> 4, 4);
        assert_int_equal(u.b[8] >> 6, 2);
        assert_false(uuid_equal(&u, &before));
        before = u;
    }
}

struct v8_world {
    struct hasher *h;
    uuid node;
    uuid incarnation;
};

static void v8_open(struct v8_world *w)
{
    err e = ERR_INIT;
    assert_done(hasher_new(&w->h, &e), &e);
    w->node = parsed("00112233-4455-6677-8899-aabbccddeeff");
    w->incarnation = parsed("f81d4fae-7dec-41d0-a765-00a0c91e6bf6");
}

static uuid v8(const struct v8_world *w, lsn commit_lsn, uint64_t ordinal, uint64_t seq)
{
    err e = ERR_INIT;
    uuid u;
    assert_done(uuid_v8_action(w->h, &w->node, &w->incarnation, commit_lsn, ordinal, seq, &u, &e), &e);
    return u;
}

/* Computed apart from this code (Python's hashlib and uuid): seq 0x123456789abcdef is readable around the
 * version. */
static void v8_layout(void **state)
{
    (void)state;
    struct v8_world w;
    char text[UUID_TEXT];
    v8_open(&w);
    uuid u = v8(&w, UINT64_C(0x16B374D848), 3, UINT64_C(0x123456789abcdef));
    assert_string_equal(uuid_format(&u, text), "12345678-9abc-8def-ac48-de5057eaf308");
    assert_true(uuid_v8_seq(&u) == UINT64_C(0x123456789abcdef));
    uuid again = v8(&w, UINT64_C(0x16B374D848), 3, UINT64_C(0x123456789abcdef));
    assert_true(uuid_equal(&u, &again));
    uuid sibling = v8(&w, UINT64_C(0x16B374D848), 4, UINT64_C(0x123456789abcdef));
    assert_false(uuid_equal(&u, &sibling));
    hasher_free(w.h);
}

static void v8_order_is_seq_order(void **state)
{
    (void)state;
    struct v8_world w;
    v8_open(&w);
    const uint64_t seqs[] = {
        0, 1, 255, 256, 4095, 4096, 4097, 65535, 1 << 20, UINT64_C(1) << 40, SEQ_MAX - 1, SEQ_MAX};
    for (size_t i = 0; i < sizeof seqs / sizeof seqs[0]; i++) {
        uuid u = v8(&w, 1, i, seqs[i]);
        uuid least = uuid_v8_floor(seqs[i]);
        assert_true(uuid_v8_seq(&u) == seqs[i]);
        assert_true(uuid_v8_seq(&least) == seqs[i]);
        assert_true(memcmp(least.b, u.b, 16) <= 0);
        assert_int_equal(u.b[6] >> 4, 8);
        assert_int_equal(u.b[8] >> 6, 2);
        if (i + 1 < sizeof seqs / sizeof seqs[0]) {
            uuid next = uuid_v8_floor(seqs[i + 1]);
            assert_true(memcmp(u.b, next.b, 16) < 0);
        }
    }
    hasher_free(w.h);
}

static void v8_refuses_a_seq_beyond_60_bits(void **state)
{
    (void)state;
    struct v8_world w;
    err e = ERR_INIT;
    uuid u;
    v8_open(&w);
    assert_fails(uuid_v8_action(w.h, &w.node, &w.incarnation, 1, 1, SEQ_MAX + 1, &u, &e), &e, ERR_VALIDATION);
    hasher_free(w.h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_and_back),
        cmocka_unit_test(what_is_not_a_uuid),
        cmocka_unit_test(stored_bytes_must_be_sixteen),
        cmocka_unit_test(v5_vector),
        cmocka_unit_test(v4_has_its_bits_and_differs),
        cmocka_unit_test(v8_layout),
        cmocka_unit_test(v8_order_is_seq_order),
        cmocka_unit_test(v8_refuses_a_seq_beyond_60_bits),
    };
    return cmocka_run_group_tests_name("uuid", tests, NULL, NULL);
}
