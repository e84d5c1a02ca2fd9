#include "proto/base/signing.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <sys/random.h>

static status openssl_failed(const char *what, err *e)
{
    int code = (int)ERR_get_error();
    ERR_clear_error();
    return err_from(e, ERR_STORAGE, FROM_OPENSSL, code, "OpenSSL could not %s", what);
}

status signing_key_from_secret(const uint8_t secret[static SIGNING_KEY_LEN], struct signing_key *out, err *e)
{
    struct signing_key key;
    size_t len = sizeof key.public;
    memcpy(key.secret, secret, sizeof key.secret);
    EVP_PKEY *pair = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secret, SIGNING_KEY_LEN);
    bool ok = pair != NULL && EVP_PKEY_get_raw_public_key(pair, key.public, &len) == 1;
    EVP_PKEY_free(pair);
    if (!ok)
        return openssl_failed("load an Ed25519 key", e);
    *out = key;
    return DONE;
}

status signing_key_new(struct signing_key *out, err *e)
{
    uint8_t secret[SIGNING_KEY_LEN];
    if (getrandom(secret, sizeof secret, 0) != (ssize_t)sizeof secret)
        return err_errno(e, EIO, "the kernel gave no random bytes");
    return signing_key_from_secret(secret, out, e);
}

status signing_sign(const struct signing_key *key, struct bytes message, uint8_t out[static SIGNATURE_LEN],
                    err *e)
{
    size_t len = SIGNATURE_LEN;
    EVP_PKEY *pair = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, key->secret, SIGNING_KEY_LEN);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool ok = pair != NULL && context != NULL && EVP_DigestSignInit(context, NULL, NULL, NULL, pair) == 1 &&
              EVP_DigestSign(context, out, &len, message.data, message.len) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(pair);
    return ok ? DONE : openssl_failed("sign", e);
}

status signing_verify(const uint8_t public[static SIGNING_KEY_LEN], struct bytes message,
                      const uint8_t signature[static SIGNATURE_LEN], err *e)
{
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public, SIGNING_KEY_LEN);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool ready = key != NULL && context != NULL && EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1;
    bool valid = ready && EVP_DigestVerify(context, signature, SIGNATURE_LEN, message.data, message.len) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    ERR_clear_error();
    if (!ready)
        return openssl_failed("load an Ed25519 public key", e);
    return valid ? DONE : err_set(e, ERR_STORAGE, "the signature does not match");
}
