#include "agent/restore/fold/foldline.h"

/* GCC and clang have it on every 64-bit Linux; C11 does not know it. */
__extension__ typedef unsigned __int128 wide;

static uint64_t mix(uint64_t a, uint64_t b)
{
    wide product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t word(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

/* Multiply and fold, 16 bytes a round, as in wyhash; the constants are its (odd, half of the bits set). */
uint64_t foldline_hash(struct bytes key)
{
    const uint64_t first = UINT64_C(0xa0761d6478bd642f);
    const uint64_t second = UINT64_C(0xe7037ed1a0b428db);
    uint64_t seed = mix(first ^ key.len, second);
    const uint8_t *at = key.data;
    size_t left = key.len;
    for (; left >= 16; at += 16, left -= 16)
        seed = mix(word(at) ^ first, word(at + 8) ^ seed);
    uint8_t tail[16] = {0};
    if (left > 0)
        memcpy(tail, at, left);
    seed = mix(word(tail) ^ second, word(tail + 8) ^ seed);
    return mix(seed ^ first, second);
}

/* The end of the column that begins at `at`. */
static const uint8_t *column_end(const uint8_t *at, const uint8_t *end)
{
    const uint8_t *tab = at == end ? NULL : memchr(at, '\t', (size_t)(end - at));
    return tab == NULL ? end : tab;
}

static status too_few(const struct fold_shape *s, err *e)
{
    return err_set(e, ERR_STORAGE, "a row of %s has fewer columns than the table; run pgstrand verify",
                   s->label);
}

/* Skips `count` columns; false when the line ends before. */
static bool skip(const uint8_t **at, const uint8_t *end, unsigned count)
{
    for (; count > 0; count--) {
        const uint8_t *stop = column_end(*at, end);
        if (stop == end)
            return false;
        *at = stop + 1;
    }
    return true;
}

/* The usual keys are columns that lie side by side: then the key is a piece of the line. */
static status adjoining_key(const struct fold_shape *s, struct bytes line, struct bytes *key, err *e)
{
    const uint8_t *at = line.data;
    const uint8_t *end = line.data + line.len;
    if (!skip(&at, end, s->key[0]))
        return too_few(s, e);
    const uint8_t *last = at;
    if (!skip(&last, end, s->key_count - 1u))
        return too_few(s, e);
    *key = bytes_of(at, (size_t)(column_end(last, end) - at));
    return DONE;
}

status foldline_key(const struct fold_shape *s, struct bytes line, struct buf *scratch, struct bytes *key,
                    err *e)
{
    if (s->key_count == 0) {
        *key = line;
        return DONE;
    }
    if (s->key[s->key_count - 1] - s->key[0] == s->key_count - 1)
        return adjoining_key(s, line, key, e);
    const uint8_t *at = line.data;
    const uint8_t *end = line.data + line.len;
    unsigned column = 0;
    buf_reset(scratch);
    for (uint16_t i = 0; i < s->key_count; i++) {
        if (!skip(&at, end, s->key[i] - column))
            return too_few(s, e);
        column = s->key[i];
        if (i > 0)
            buf_u8(scratch, '\t');
        buf_bytes(scratch, at, (size_t)(column_end(at, end) - at));
    }
    *key = buf_view(scratch);
    return buf_done(scratch, e);
}

static bool is_unknown(const uint8_t *at, const uint8_t *stop)
{
    return stop - at == 1 && *at == '\v';
}

status foldline_fill(const struct fold_shape *s, struct bytes line, struct bytes from, struct buf *out,
                     err *e)
{
    const uint8_t *at = line.data, *end = line.data + line.len;
    const uint8_t *other = from.data, *other_end = from.data + from.len;
    for (;;) {
        const uint8_t *stop = column_end(at, end);
        const uint8_t *other_stop = column_end(other, other_end);
        if (is_unknown(at, stop))
            buf_bytes(out, other, (size_t)(other_stop - other));
        else
            buf_bytes(out, at, (size_t)(stop - at));
        if ((stop == end) != (other_stop == other_end))
            return too_few(s, e);
        if (stop == end)
            return buf_done(out, e);
        buf_u8(out, '\t');
        at = stop + 1;
        other = other_stop + 1;
    }
}

status foldline_blank(const struct fold_shape *s, struct bytes key_line, struct buf *out, err *e)
{
    const uint8_t *at = key_line.data;
    const uint8_t *end = key_line.data == NULL ? NULL : key_line.data + key_line.len;
    unsigned key = 0;
    for (unsigned column = 0; column < s->columns; column++) {
        if (column > 0)
            buf_u8(out, '\t');
        const uint8_t *stop = at == NULL ? NULL : column_end(at, end);
        bool known = key < s->key_count && s->key[key] == column;
        key += known;
        if (known && at != NULL)
            buf_bytes(out, at, (size_t)(stop - at));
        else
            buf_u8(out, '\v');
        if (at != NULL && stop == end && column + 1u < s->columns)
            return too_few(s, e);
        if (at != NULL && stop != end)
            at = stop + 1;
    }
    return buf_done(out, e);
}
