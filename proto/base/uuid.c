#include "proto/base/uuid.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>

static void set_version(uuid *u, unsigned version)
{
    u->b[6] = (uint8_t)((u->b[6] & 0x0f) | version << 4);
    u->b[8] = (uint8_t)((u->b[8] & 0x3f) | 0x80);
}

const char *uuid_format(const uuid *u, char out[static UUID_TEXT])
{
    static const char digits[] = "0123456789abcdef";
    char *p = out;
    for (size_t i = 0; i < sizeof u->b; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *p++ = '-';
        *p++ = digits[u->b[i] >> 4];
        *p++ = digits[u->b[i] & 0x0f];
    }
    *p = '\0';
    return out;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool parse(const char *text, uuid *out)
{
    const char *p = text;
    for (size_t i = 0; i < sizeof out->b; i++) {
        if ((i == 4 || i == 6 || i == 8 || i == 10) && *p++ != '-')
            return false;
        int high = hex_value(p[0]);
        int low = high < 0 ? -1 : hex_value(p[1]);
        if (low < 0)
            return false;
        out->b[i] = (uint8_t)(high << 4 | low);
        p += 2;
    }
    return *p == '\0';
}

status uuid_parse(const char *text, uuid *out, err *e)
{
    if (!parse(text, out))
        return err_set(e, ERR_VALIDATION, "'%s' is not a UUID", text);
    return DONE;
}

status uuid_from_bytes(struct bytes raw, const char *what, uuid *out, err *e)
{
    if (raw.len != sizeof out->b)
        return err_set(e, ERR_STORAGE, "%s has %zu bytes where a UUID has 16", what, raw.len);
    memcpy(out->b, raw.data, sizeof out->b);
    return DONE;
}

status uuid_random(uuid *out, err *e)
{
    ssize_t got = getrandom(out->b, sizeof out->b, 0);
    if (got != (ssize_t)sizeof out->b)
        return err_errno(e, got < 0 ? errno : EIO, "the kernel gave no random bytes");
    set_version(out, 4);
    return DONE;
}

uuid uuid_v5_of_hash(const uint8_t hash[static SHA1_LEN])
{
    uuid u;
    memcpy(u.b, hash, sizeof u.b);
    set_version(&u, 5);
    return u;
}

status uuid_v5(const uuid *namespace, struct bytes name, uuid *out, err *e)
{
    uint8_t hash[SHA1_LEN];
    TRY(sha1_pair(bytes_of(namespace->b, sizeof namespace->b), name, hash, e));
    *out = uuid_v5_of_hash(hash);
    return DONE;
}

static void put_be64(uint8_t *at, uint64_t value)
{
    for (int i = 7; i >= 0; i--, value >>= 8)
        at[i] = (uint8_t)value;
}

uuid uuid_v8_floor(uint64_t seq)
{
    uuid u = UUID_NIL;
    put_be64(u.b, (seq >> 12) << 16 | (seq & 0xfff));
    set_version(&u, 8);
    return u;
}

uint64_t uuid_v8_seq(const uuid *u)
{
    uint64_t high = 0;
    for (size_t i = 0; i < 6; i++)
        high = high << 8 | u->b[i];
    return high << 12 | (uint64_t)(u->b[6] & 0x0f) << 8 | u->b[7];
}

status uuid_v8_action(struct hasher *h, const uuid *node, const uuid *incarnation, lsn commit_lsn,
                      uint64_t ordinal, uint64_t seq, uuid *out, err *e)
{
    if (seq > SEQ_MAX)
        return err_set(e, ERR_VALIDATION, "seq %llu is beyond 60 bits", (unsigned long long)seq);
    uint8_t source[48];
    uint8_t hash[SHA256_LEN];
    memcpy(source, node->b, 16);
    memcpy(source + 16, incarnation->b, 16);
    put_be64(source + 32, commit_lsn);
    put_be64(source + 40, ordinal);
    TRY(hasher_once(h, bytes_of(source, sizeof source), hash, e));
    *out = uuid_v8_floor(seq);
    memcpy(out->b + 8, hash, 8);
    set_version(out, 8);
    return DONE;
}
