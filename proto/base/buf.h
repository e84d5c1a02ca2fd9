/*
 * buf: a growable byte buffer, the writing side of reader.
 *
 * Ownership: buf_init or {0} -> buf_fini. The memory moves when it grows: keep offsets, not pointers.
 * Failure:   when memory runs out the buffer becomes `bad`, ignores further writes and stays as it was; look
 * once, at the end, with buf_done.
 */
#ifndef PGSTRAND_BUF_H
#define PGSTRAND_BUF_H

#include "proto/base/bytes.h"
#include "proto/base/err.h"
#include "proto/base/own.h"

struct buf {
    uint8_t *data;
    size_t len;
    size_t cap;
    bool bad;
};

void buf_fini(struct buf *b);
OWN_VALUE(buf, buf_fini);

/* Forgets the content, keeps the memory. */
static inline void buf_reset(struct buf *b)
{
    b->len = 0;
    b->bad = false;
}

/* Forgets the content, and the memory, too, when it is more than `keep` bytes. */
void buf_shed(struct buf *b, size_t keep);

static inline struct bytes buf_view(const struct buf *b)
{
    return (struct bytes){b->data, b->len};
}

MUST_CHECK status buf_done(const struct buf *b, err *e);

/* buf_room's way when there is no room left. */
uint8_t *buf_grow(struct buf *b, size_t more);

/* Makes room for `more` bytes at the end and returns where they go (NULL when memory is out). Does not change
 * len. In the header because capture calls it for every field. */
static inline uint8_t *buf_room(struct buf *b, size_t more)
{
    bool fits = b->data != NULL && !b->bad && b->cap - b->len >= more;
    return fits ? b->data + b->len : buf_grow(b, more);
}

void buf_bytes(struct buf *b, const void *data, size_t len);
static inline void buf_u8(struct buf *b, uint8_t value)
{
    uint8_t *room = buf_room(b, 1);
    if (room == NULL)
        return;
    *room = value;
    b->len++;
}
void buf_text(struct buf *b, const char *text); /* without the NUL */
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Big-endian. */
void buf_u16(struct buf *b, uint16_t value);
void buf_u32(struct buf *b, uint32_t value);
void buf_u64(struct buf *b, uint64_t value);

/* Little-endian. */
void buf_le32(struct buf *b, uint32_t value);
void buf_le64(struct buf *b, uint64_t value);

/* Base-128, as in protobuf. */
void buf_varint(struct buf *b, uint64_t value);

/* NUL-terminates (the NUL is not counted in len) and returns the text; "" when bad. Borrowed until the next
 * write. */
const char *buf_cstring(struct buf *b);

/* The text as a malloc'ed string that the caller frees; the buffer is empty afterwards. NULL when memory is
 * out. */
char *buf_take_cstring(struct buf *b);

#endif
