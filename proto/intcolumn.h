/*
 * intcolumn: integers that belong together, laid out so that a compressor finds little left to do: as
 * distances from the least one, or from one to the next, each byte of them in a plane of its own. Pure.
 *
 * A count of 0 takes no bytes; who reads knows the count.
 */
#ifndef PGSTRAND_INTCOLUMN_H
#define PGSTRAND_INTCOLUMN_H

#include "proto/base/buf.h"
#include "proto/base/reader.h"

/* Bytes beside the planes at most; the planes have at most 8 a number. */
#define INTCOLUMN_HEAD_MAX 22

void intcolumn_put(struct buf *out, const int64_t *number, size_t count);

/* Reading: borrows the bytes that the reader stands on. */
struct intcolumn {
    const uint8_t *plane; /* the first one; the others follow */
    size_t stride;        /* bytes of a plane */
    size_t next;          /* number within the planes that is read next */
    uint64_t base;        /* what each distance has more */
    uint64_t last;        /* the number read before; with distances from one to the next */
    uint8_t width;        /* planes */
    uint8_t shift;        /* bits that all distances end in, left out */
    bool delta;
    bool first; /* with delta: `last` itself is still to be read */
};

/* Leaves the reader behind the column; it goes bad when the column is malformed. */
void intcolumn_open(struct reader *r, size_t count, struct intcolumn *out);

/* The next one; asked for no more often than there are numbers. In the header because every value of every
 * sealed row passes through it. */
static inline int64_t intcolumn_next(struct intcolumn *c)
{
    if (c->first) {
        c->first = false;
        return (int64_t)c->last;
    }
    uint64_t far = 0;
    for (unsigned i = c->width; i > 0; i--)
        far = far << 8 | c->plane[(i - 1) * c->stride + c->next];
    c->next++;
    const uint64_t number = (far << c->shift) + c->base + (c->delta ? c->last : 0);
    c->last = number;
    return (int64_t)number;
}

/* Passes over so many; no more than there are. */
void intcolumn_pass(struct intcolumn *c, size_t count);

#endif
