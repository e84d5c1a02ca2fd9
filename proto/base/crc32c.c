#include "proto/base/crc32c.h"

#include <stdbool.h>

#define REFLECTED 0x82F63B78u

/* Bit by bit: small, and only used where the processor has no instruction for it. */
static uint32_t software(uint32_t crc, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (REFLECTED & (0u - (crc & 1)));
    }
    return crc;
}

#if defined(__x86_64__)
#include <nmmintrin.h>

__attribute__((target("sse4.2"))) static uint32_t hardware(uint32_t crc, const uint8_t *data, size_t len)
{
    uint64_t wide = crc;
    for (; len >= 8; data += 8, len -= 8) {
        uint64_t word;
        memcpy(&word, data, sizeof word);
        wide = _mm_crc32_u64(wide, word);
    }
    crc = (uint32_t)wide;
    for (; len > 0; data++, len--)
        crc = _mm_crc32_u8(crc, *data);
    return crc;
}

uint32_t crc32c(uint32_t crc, struct bytes piece)
{
    crc = ~crc;
    bool fast = __builtin_cpu_supports("sse4.2") != 0;
    return ~(fast ? hardware(crc, piece.data, piece.len) : software(crc, piece.data, piece.len));
}
#else
uint32_t crc32c(uint32_t crc, struct bytes piece)
{
    return ~software(~crc, piece.data, piece.len);
}
#endif
