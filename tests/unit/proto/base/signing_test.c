#include "proto/base/signing.h"
#include "tests/lib/check.h"

struct vector {
    const char *secret;
    const char *public;
    const char *message;
    const char *signature;
};

/* RFC 8032, section 7.1, TEST 1 to TEST 3. */
static const struct vector vectors[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
     "d25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
     "387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
     "4a7c15e9716ed28dc027beceea1ec40a"},
};

static void rfc_8032_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        err e = ERR_INIT;
        struct signing_key key;
        uint8_t secret[SIGNING_KEY_LEN], public[SIGNING_KEY_LEN];
        uint8_t message[8], wanted[SIGNATURE_LEN], made[SIGNATURE_LEN];
        from_hex(vectors[i].secret, secret, sizeof secret);
        from_hex(vectors[i].public, public, sizeof public);
        from_hex(vectors[i].signature, wanted, sizeof wanted);
        struct bytes text = bytes_of(message, from_hex(vectors[i].message, message, sizeof message));
        assert_done(signing_key_from_secret(secret, &key, &e), &e);
        assert_memory_equal(key.public, public, sizeof public);
        assert_memory_equal(key.secret, secret, sizeof secret);
        assert_done(signing_sign(&key, text, made, &e), &e);
        assert_memory_equal(made, wanted, sizeof made);
        assert_done(signing_verify(public, text, made, &e), &e);
    }
}

static void another_message_key_or_signature_fails(void **state)
{
    (void)state;
    err e = ERR_INIT;
    struct signing_key mine, other;
    uint8_t signature[SIGNATURE_LEN];
    struct bytes text = bytes_text("commit 7");
    assert_done(signing_key_new(&mine, &e), &e);
    assert_done(signing_key_new(&other, &e), &e);
    assert_memory_not_equal(mine.secret, other.secret, SIGNING_KEY_LEN);
    assert_done(signing_sign(&mine, text, signature, &e), &e);
    assert_done(signing_verify(mine.public, text, signature, &e), &e);
    assert_fails(signing_verify(mine.public, bytes_text("commit 8"), signature, &e), &e, ERR_STORAGE);
    assert_fails(signing_verify(other.public, text, signature, &e), &e, ERR_STORAGE);
    for (size_t i = 0; i < sizeof signature; i++) {
        signature[i] ^= 1;
        assert_fails(signing_verify(mine.public, text, signature, &e), &e, ERR_STORAGE);
        signature[i] ^= 1;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc_8032_vectors),
        cmocka_unit_test(another_message_key_or_signature_fails),
    };
    return cmocka_run_group_tests_name("signing", tests, NULL, NULL);
}
