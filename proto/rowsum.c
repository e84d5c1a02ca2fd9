#include "proto/rowsum.h"

#include <string.h>

__extension__ typedef unsigned __int128 wide;

/* ---- lookup3 (Bob Jenkins, public domain), with PostgreSQL's start values ---- */

struct state {
    uint32_t a, b, c;
};

static inline uint32_t turn(uint32_t value, unsigned by)
{
    return value << by | value >> (32 - by);
}

static inline void mix_step(uint32_t *x, uint32_t *y, uint32_t *z, unsigned by)
{
    *x -= *z;
    *x ^= turn(*z, by);
    *z += *y;
}

static inline void mix(struct state *s)
{
    mix_step(&s->a, &s->b, &s->c, 4);
    mix_step(&s->b, &s->c, &s->a, 6);
    mix_step(&s->c, &s->a, &s->b, 8);
    mix_step(&s->a, &s->b, &s->c, 16);
    mix_step(&s->b, &s->c, &s->a, 19);
    mix_step(&s->c, &s->a, &s->b, 4);
}

static inline void end_step(uint32_t *to, uint32_t from, unsigned by)
{
    *to = (*to ^ from) - turn(from, by);
}

static inline uint64_t end(struct state *s)
{
    end_step(&s->c, s->b, 14);
    end_step(&s->a, s->c, 11);
    end_step(&s->b, s->a, 25);
    end_step(&s->c, s->b, 16);
    end_step(&s->a, s->c, 4);
    end_step(&s->b, s->a, 14);
    end_step(&s->c, s->b, 24);
    return (uint64_t)s->b << 32 | s->c;
}

static inline struct state begin(size_t len, uint64_t seed)
{
    const uint32_t start = 0x9e3779b9U + (uint32_t)len + 3923095U;
    struct state s = {start, start, start};
    if (seed != 0) {
        s.a += (uint32_t)(seed >> 32);
        s.b += (uint32_t)seed;
        mix(&s);
    }
    return s;
}

static uint32_t word_at(const uint8_t *at)
{
    uint32_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

uint64_t rowsum_hash_bytes(struct bytes value, uint64_t seed)
{
    struct state s = begin(value.len, seed);
    const uint8_t *at = value.data;
    size_t left = value.len;
    for (; left >= 12; left -= 12, at += 12) {
        s.a += word_at(at);
        s.b += word_at(at + 4);
        s.c += word_at(at + 8);
        mix(&s);
    }
    uint8_t rest[12] = {0};
    if (left > 0)
        memcpy(rest, at, left);
    s.a += word_at(rest);
    s.b += word_at(rest + 4);
    s.c += word_at(rest + 8) << 8; /* the lowest byte is kept for the length */
    return end(&s);
}

uint64_t rowsum_hash_word(uint32_t value, uint64_t seed)
{
    struct state s = begin(sizeof value, seed);
    s.a += value;
    return end(&s);
}

/* The same for a number as for the int4 it would be. */
uint64_t rowsum_hash_int8(int64_t value, uint64_t seed)
{
    const uint32_t low = (uint32_t)value, high = (uint32_t)((uint64_t)value >> 32);
    return rowsum_hash_word(low ^ (value >= 0 ? high : ~high), seed);
}

/* ---- rows ---- */

enum rowsum_kind rowsum_kind_of(enum copybinary_form form)
{
    switch (form) {
    case COPYBINARY_INT2:
        return ROWSUM_INT2;
    case COPYBINARY_INT4:
        return ROWSUM_INT4;
    case COPYBINARY_INT8:
        return ROWSUM_INT8;
    case COPYBINARY_BOOL:
        return ROWSUM_BOOL;
    case COPYBINARY_UUID:
        return ROWSUM_UUID;
    case COPYBINARY_BPCHAR:
        return ROWSUM_BPCHAR;
    case COPYBINARY_NONE:
    case COPYBINARY_FLOAT4:
    case COPYBINARY_FLOAT8:
    case COPYBINARY_NUMERIC:
    case COPYBINARY_TEXT:
    case COPYBINARY_JSONB:
    case COPYBINARY_BYTEA:
    case COPYBINARY_DATE:
    case COPYBINARY_TIMESTAMP:
        break;
    }
    return ROWSUM_TEXT;
}

/* A big-endian number of 1 to 8 bytes, with its sign. */
static int64_t number_of(struct bytes binary)
{
    uint64_t value = binary.data[0] >= 0x80 ? UINT64_MAX : 0;
    for (size_t i = 0; i < binary.len; i++)
        value = value << 8 | binary.data[i];
    return (int64_t)value;
}

static uint64_t hash_of(enum rowsum_kind kind, uint64_t seed, struct bytes text, struct bytes binary)
{
    switch (kind) {
    case ROWSUM_INT2:
    case ROWSUM_INT4:
    case ROWSUM_BOOL:
        return rowsum_hash_word((uint32_t)number_of(binary), seed);
    case ROWSUM_INT8:
        return rowsum_hash_int8(number_of(binary), seed) ^
               rowsum_hash_word((uint32_t)((uint64_t)number_of(binary) >> 32), seed + ROWSUM_UPPER);
    case ROWSUM_UUID:
        return rowsum_hash_bytes(binary, seed);
    case ROWSUM_BPCHAR:
        text = bytes_unpadded(text);
        break;
    case ROWSUM_TEXT:
        break;
    }
    return rowsum_hash_bytes(text, seed);
}

void rowsum_value(struct rowsum *s, enum rowsum_kind kind, size_t column, struct bytes text,
                  struct bytes binary)
{
    s->row ^= hash_of(kind, column + 1, text, binary);
}

int64_t rowsum_null_hash(size_t column)
{
    return (int64_t)((column + 1) * 0x9e3779b97f4a7c15U);
}

void rowsum_null(struct rowsum *s, size_t column)
{
    s->row ^= (uint64_t)rowsum_null_hash(column);
}

static void add(struct rowsum *s, wide value)
{
    const wide sum = ((wide)s->high << 64 | s->low) + value;
    s->high = (uint64_t)(sum >> 64);
    s->low = (uint64_t)sum;
}

void rowsum_end_row(struct rowsum *s)
{
    const uint64_t hash = rowsum_hash_word(0, s->row);
    add(s, hash >> 63 != 0 ? ~(wide)0 << 64 | hash : hash);
    s->row = 0;
    s->rows++;
}

void rowsum_merge(struct rowsum *s, const struct rowsum *other)
{
    add(s, (wide)other->high << 64 | other->low);
    s->rows += other->rows;
}

bool rowsum_equal(const struct rowsum *a, const struct rowsum *b)
{
    return a->low == b->low && a->high == b->high && a->rows == b->rows;
}

bool rowsum_parse(const char *decimal, uint64_t rows, struct rowsum *out)
{
    const bool negative = *decimal == '-';
    const char *at = decimal + negative;
    wide value = 0;
    if (*at == '\0' || strlen(at) > 38)
        return false;
    for (; *at != '\0'; at++) {
        if (*at < '0' || *at > '9')
            return false;
        value = value * 10 + (unsigned)(*at - '0');
    }
    *out = (struct rowsum){.rows = rows};
    add(out, negative ? 0 - value : value);
    return true;
}
