#include "proto/base/digest.h"

/*
 * SHA-256 by the low-level functions, which OpenSSL 3 calls deprecated and keeps: a row is about 100 bytes,
 * and the EVP interface costs 195 ns for one, mallocs included, where these cost 130 (OpenSSL 3.0 with SHA
 * extensions). Every row of a base and of a restore is hashed. SHA-1 likewise: the index of rows takes the
 * UUID of every action's entity.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/err.h>
#include <openssl/sha.h>

struct hasher {
    SHA256_CTX sha256;
};

static status openssl_failed(const char *what, err *e)
{
    int code = (int)ERR_get_error();
    ERR_clear_error();
    return err_from(e, ERR_STORAGE, FROM_OPENSSL, code, "OpenSSL could not %s", what);
}

status hasher_new(struct hasher **out, err *e)
{
    OWNED(hasher) struct hasher *h = calloc(1, sizeof *h);
    if (h == NULL)
        return err_no_memory(e);
    TRY(hasher_start(h, e));
    *out = h;
    h = NULL;
    return DONE;
}

void hasher_free(struct hasher *h)
{
    free(h);
}

status hasher_start(struct hasher *h, err *e)
{
    return SHA256_Init(&h->sha256) == 1 ? DONE : openssl_failed("start a hash", e);
}

status hasher_add(struct hasher *h, struct bytes piece, err *e)
{
    return SHA256_Update(&h->sha256, piece.data, piece.len) == 1 ? DONE : openssl_failed("hash", e);
}

status hasher_end(struct hasher *h, uint8_t out[static SHA256_LEN], err *e)
{
    return SHA256_Final(out, &h->sha256) == 1 ? DONE : openssl_failed("end a hash", e);
}

status hasher_once(struct hasher *h, struct bytes piece, uint8_t out[static SHA256_LEN], err *e)
{
    TRY(hasher_start(h, e));
    TRY(hasher_add(h, piece, e));
    return hasher_end(h, out, e);
}

status sha1_pair(struct bytes first, struct bytes second, uint8_t out[static SHA1_LEN], err *e)
{
    SHA_CTX context;
    const bool ok = SHA1_Init(&context) == 1 && SHA1_Update(&context, first.data, first.len) == 1 &&
                    SHA1_Update(&context, second.data, second.len) == 1 && SHA1_Final(out, &context) == 1;
    return ok ? DONE : openssl_failed("compute SHA-1", e);
}

void table_digest_merge(struct table_digest *d, const struct table_digest *other)
{
    uint64_t carry = 0;
    for (size_t i = 0; i < 4; i++) {
        uint64_t sum = d->word[i] + carry;
        carry = sum < carry;
        d->word[i] = sum + other->word[i];
        carry += d->word[i] < sum;
    }
    d->rows += other->rows;
}

void table_digest_load(struct table_digest *d, const uint8_t raw[static SHA256_LEN], uint64_t rows)
{
    for (size_t i = 0; i < 4; i++) {
        uint64_t word = 0;
        for (size_t k = 0; k < 8; k++)
            word = word << 8 | raw[(3 - i) * 8 + k];
        d->word[i] = word;
    }
    d->rows = rows;
}

void table_digest_bytes(const struct table_digest *d, uint8_t out[static SHA256_LEN])
{
    for (size_t i = 0; i < 4; i++)
        for (size_t k = 0; k < 8; k++)
            out[(3 - i) * 8 + k] = (uint8_t)(d->word[i] >> (56 - 8 * k));
}

/*
 * The SHA-256 of a row as the words of a digest, its end as whole blocks: for short pieces SHA256_Update and
 * SHA256_Final take as long as the hash itself (they copy the row, clear what they copied, and write bytes
 * that would be put together to words again).
 */
static status hash_row(struct hasher *h, struct bytes row, struct table_digest *out, err *e)
{
    SHA256_CTX *c = &h->sha256;
    uint8_t end[2 * SHA256_CBLOCK] = {0};
    const size_t left = row.len % SHA256_CBLOCK, whole = row.len - left;
    const size_t padded = left + 9 <= SHA256_CBLOCK ? SHA256_CBLOCK : 2 * SHA256_CBLOCK;
    TRY(hasher_start(h, e));
    if (whole > 0)
        TRY(hasher_add(h, bytes_of(row.data, whole), e));
    if (left > 0)
        memcpy(end, row.data + whole, left);
    end[left] = 0x80; /* FIPS 180-4, 5.1.1: a bit, zeros, and the length in bits in the last 8 bytes */
    for (size_t i = 0; i < 8; i++)
        end[padded - 1 - i] = (uint8_t)((uint64_t)row.len * 8 >> (8 * i));
    for (size_t at = 0; at < padded; at += SHA256_CBLOCK)
        SHA256_Transform(c, end + at);
    for (size_t i = 0; i < 4; i++)
        out->word[3 - i] = (uint64_t)c->h[2 * i] << 32 | c->h[2 * i + 1];
    out->rows = 1;
    return DONE;
}

status table_digest_add(struct table_digest *d, struct hasher *h, struct bytes row, err *e)
{
    struct table_digest one;
    TRY(hash_row(h, row, &one, e));
    table_digest_merge(d, &one);
    return DONE;
}

status table_digest_remove(struct table_digest *d, struct hasher *h, struct bytes row, err *e)
{
    struct table_digest inverse;
    const struct table_digest one = {.word = {1}};
    TRY(hash_row(h, row, &inverse, e));
    /* Modulo 2^256, minus x is plus (not x) plus 1. */
    for (size_t i = 0; i < 4; i++)
        inverse.word[i] = ~inverse.word[i];
    inverse.rows = 0;
    table_digest_merge(&inverse, &one);
    table_digest_merge(d, &inverse);
    d->rows--;
    return DONE;
}

bool table_digest_equal(const struct table_digest *a, const struct table_digest *b)
{
    return a->rows == b->rows && memcmp(a->word, b->word, sizeof a->word) == 0;
}

const char *sha256_format(const uint8_t hash[static SHA256_LEN], char out[static SHA256_TEXT])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < SHA256_LEN; i++) {
        out[2 * i] = digits[hash[i] >> 4];
        out[2 * i + 1] = digits[hash[i] & 0x0f];
    }
    out[SHA256_TEXT - 1] = '\0';
    return out;
}
