/*
 * samples: random values for the tests of proto/, the same ones in every run, and copies of inputs that end
 * exactly where their memory ends, so that the sanitizers see one byte too far.
 */
#ifndef PGSTRAND_SAMPLES_H
#define PGSTRAND_SAMPLES_H

#include "tests/lib/check.h"

/* xorshift64*, Vigna 2016. */
static inline uint64_t sample_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

/* A number of a random width, so that every length of varint occurs. */
static inline uint64_t sample_wide(uint64_t *state)
{
    uint64_t value = sample_random(state);
    return value >> (sample_random(state) % 64);
}

/* Up to `max` - 1 random bytes, none of them NUL; borrowed from `memory`, which has a NUL after them. */
static inline struct bytes sample_bytes(uint64_t *state, uint8_t *memory, size_t max)
{
    size_t len = sample_random(state) % max;
    for (size_t i = 0; i < len; i++)
        memory[i] = (uint8_t)(1 + sample_random(state) % 255);
    memory[len] = '\0';
    return bytes_of(memory, len);
}

/* from_hex, with spaces between the fields. */
static inline size_t sample_hex(const char *text, uint8_t *out, size_t room)
{
    char packed[1024];
    size_t len = 0;
    for (; *text != '\0'; text++)
        if (*text != ' ' && len < sizeof packed - 1)
            packed[len++] = *text;
    packed[len] = '\0';
    return from_hex(packed, out, room);
}

/* malloc'ed, without a byte after it. */
static inline uint8_t *sample_exact(const void *data, size_t len)
{
    uint8_t *copy = malloc(len == 0 ? 1 : len);
    assert_non_null(copy);
    if (len > 0)
        memcpy(copy, data, len);
    return copy;
}

#endif
