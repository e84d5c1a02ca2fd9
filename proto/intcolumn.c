/*
 *     u8        number of planes (0 to 8); 16 added: distances from one number to the next
 *     u8        shift
 *     varint    base, zigzag
 *     varint    the first number, zigzag; only with distances from one to the next
 *     planes    the lowest byte of each number, then the second byte of each ...
 *
 * A number is base + (planes << shift), with distances the one before it added to that, all modulo 2^64.
 * With distances the planes have one number less.
 */
#include "proto/intcolumn.h"

#include "proto/wire.h"

#define DELTA 16u

/* One way of laying numbers out. */
struct span {
    int64_t base;
    uint64_t most; /* distance from base */
    unsigned shift;
    uint64_t cost; /* bits of all numbers, about */
};

static unsigned bits_of(uint64_t value)
{
    return value == 0 ? 0 : 64u - (unsigned)__builtin_clzll(value);
}

static int64_t step(const int64_t *number, size_t i)
{
    return (int64_t)((uint64_t)number[i] - (uint64_t)number[i - 1]);
}

static struct span span_of_numbers(const int64_t *number, size_t count)
{
    struct span s = {.base = number[0]};
    int64_t most = number[0];
    uint64_t all = 0;
    for (size_t i = 1; i < count; i++) {
        s.base = number[i] < s.base ? number[i] : s.base;
        most = number[i] > most ? number[i] : most;
    }
    for (size_t i = 0; i < count; i++) {
        const uint64_t far = (uint64_t)number[i] - (uint64_t)s.base;
        all |= far;
        s.cost += bits_of(far);
    }
    s.most = (uint64_t)most - (uint64_t)s.base;
    s.shift = all == 0 ? 0 : (unsigned)__builtin_ctzll(all);
    return s;
}

/* Of the distances; their least one is the base, but what they cost is judged by their size: one step back
 * among many small ones is cheap, once the planes are compressed. */
static struct span span_of_steps(const int64_t *number, size_t count)
{
    struct span s = {.base = step(number, 1)};
    int64_t most = s.base;
    uint64_t all = 0;
    for (size_t i = 1; i < count; i++) {
        const int64_t d = step(number, i);
        s.base = d < s.base ? d : s.base;
        most = d > most ? d : most;
        s.cost += bits_of(wire_zigzag(d));
    }
    for (size_t i = 1; i < count; i++)
        all |= (uint64_t)step(number, i) - (uint64_t)s.base;
    if (all == 0)
        s.cost = 0;
    s.most = (uint64_t)most - (uint64_t)s.base;
    s.shift = all == 0 ? 0 : (unsigned)__builtin_ctzll(all);
    return s;
}

static void put_head(struct buf *out, const struct span *s, bool delta, int64_t first, unsigned *width)
{
    *width = (bits_of(s->most >> s->shift) + 7) / 8;
    buf_u8(out, (uint8_t)(*width | (delta ? DELTA : 0)));
    buf_u8(out, (uint8_t)s->shift);
    buf_varint(out, wire_zigzag(s->base));
    if (delta)
        buf_varint(out, wire_zigzag(first));
}

static void put_planes(struct buf *out, const int64_t *number, size_t from, size_t count,
                       const struct span *s, unsigned width)
{
    const bool delta = from == 1;
    const size_t stride = count - from;
    uint8_t *plane = buf_room(out, width * stride);
    if (plane == NULL)
        return;
    for (size_t i = from; i < count; i++) {
        const uint64_t value = (uint64_t)number[i] - (delta ? (uint64_t)number[i - 1] : 0);
        uint64_t far = (value - (uint64_t)s->base) >> s->shift;
        for (unsigned k = 0; k < width; k++, far >>= 8)
            plane[k * stride + i - from] = (uint8_t)far;
    }
    out->len += width * stride;
}

void intcolumn_put(struct buf *out, const int64_t *number, size_t count)
{
    unsigned width = 0;
    if (count == 0)
        return;
    const struct span plain = span_of_numbers(number, count);
    const struct span steps = count > 1 ? span_of_steps(number, count) : (struct span){0};
    /* Distances of numbers that have no order cost a bit more than they do; an eighth is no reason. */
    const bool delta = count > 1 && plain.cost > 0 && steps.cost < plain.cost - plain.cost / 8;
    put_head(out, delta ? &steps : &plain, delta, number[0], &width);
    put_planes(out, number, delta ? 1 : 0, count, delta ? &steps : &plain, width);
}

void intcolumn_open(struct reader *r, size_t count, struct intcolumn *out)
{
    *out = (struct intcolumn){0};
    if (count == 0)
        return;
    const unsigned form = reader_u8(r);
    out->width = form & (DELTA - 1);
    out->delta = out->first = (form & DELTA) != 0;
    out->shift = reader_u8(r);
    if (form >= 2 * DELTA || out->width > 8 || out->shift > 63)
        reader_fail(r);
    out->base = (uint64_t)wire_unzigzag(reader_varint(r));
    if (out->delta)
        out->last = (uint64_t)wire_unzigzag(reader_varint(r));
    out->stride = count - (out->delta ? 1 : 0);
    if (out->width > 0 && out->stride > SIZE_MAX / 8)
        reader_fail(r);
    out->plane = reader_take(r, reader_ok(r) ? out->width * out->stride : 0);
    if (!reader_ok(r))
        *out = (struct intcolumn){0};
}

void intcolumn_pass(struct intcolumn *c, size_t count)
{
    if (!c->delta && count > 1) { /* each stands for itself */
        c->next += count - 1;
        count = 1;
    }
    for (size_t i = 0; i < count; i++)
        (void)intcolumn_next(c);
}
