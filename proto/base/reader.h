/*
 * reader: the one bounds-checked cursor through which all foreign bytes are parsed.
 *
 * A read past the end returns zeroes and sets `bad`; it stays bad. So a parser reads like a schema, and looks
 * once, at its end (reader_done) or before it trusts a length or count (reader_ok).
 *
 * Ownership: borrows the bytes; views returned live as long as they do.
 */
#ifndef PGSTRAND_READER_H
#define PGSTRAND_READER_H

#include "proto/base/bytes.h"
#include "proto/base/err.h"

struct reader {
    const uint8_t *at;
    size_t left; /* bytes not read yet */
    bool bad;    /* something was read that is not there */
};

static inline struct reader reader_over(struct bytes input)
{
    return (struct reader){input.data, input.len, false};
}

static inline bool reader_ok(const struct reader *r)
{
    return !r->bad;
}

/* Marks the input as malformed for a reason only the caller knows. */
void reader_fail(struct reader *r);

/*
 * The next `len` bytes, or NULL and bad when there are fewer: the only place where the cursor moves. This and
 * the short reads below are in the header because capture calls them for every column.
 */
static inline const uint8_t *reader_take(struct reader *r, size_t len)
{
    if (r->bad || r->left < len) {
        reader_fail(r);
        return NULL;
    }
    const uint8_t *start = r->at;
    r->at += len;
    r->left -= len;
    return start;
}

/* Big-endian, as on PostgreSQL's wire. */
static inline uint8_t reader_u8(struct reader *r)
{
    const uint8_t *p = reader_take(r, 1);
    return p == NULL ? 0 : *p;
}

static inline uint16_t reader_u16(struct reader *r)
{
    const uint8_t *p = reader_take(r, 2);
    return (uint16_t)(p == NULL ? 0u : (uint32_t)p[0] << 8 | p[1]);
}

static inline uint32_t reader_u32(struct reader *r)
{
    const uint8_t *p = reader_take(r, 4);
    return p == NULL ? 0 : (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

uint64_t reader_u64(struct reader *r);

/* Little-endian, as in pgstrand's own files. */
uint32_t reader_le32(struct reader *r);
uint64_t reader_le64(struct reader *r);

/* Base-128 varint as in protobuf: at most 10 bytes, else bad. */
uint64_t reader_varint(struct reader *r);

/* The next `len` bytes; empty and bad when there are fewer. */
static inline struct bytes reader_bytes(struct reader *r, size_t len)
{
    const uint8_t *p = reader_take(r, len);
    return p == NULL ? (struct bytes){(const uint8_t *)"", 0} : (struct bytes){p, len};
}

/* A NUL-terminated string; the view leaves the NUL out, but it is there. Returns "" when bad. */
const char *reader_cstring(struct reader *r);

/* Fails, as ERR_STORAGE naming `what`, when the input was short or malformed, or when bytes are left over. */
MUST_CHECK status reader_done(const struct reader *r, const char *what, err *e);

#endif
