/*
 * bytes: a borrowed view of memory. It owns nothing; how long it lives is said where it is made.
 */
#ifndef PGSTRAND_BYTES_H
#define PGSTRAND_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    const uint8_t *data;
    size_t len;
};

static inline struct bytes bytes_of(const void *data, size_t len)
{
    return (struct bytes){data, len};
}

/* The characters of a C string, without its NUL. */
static inline struct bytes bytes_text(const char *text)
{
    return (struct bytes){(const uint8_t *)text, strlen(text)};
}

/* A C string of them, malloc'ed; NULL when memory is out. Nothing at all may be nowhere, which strndup may
 * not be given. */
static inline char *bytes_strndup(struct bytes b)
{
    return b.len == 0 ? strdup("") : strndup((const char *)b.data, b.len);
}

static inline bool bytes_begin(struct bytes b, const char *with)
{
    const size_t len = strlen(with);
    return b.len >= len && (len == 0 || memcmp(b.data, with, len) == 0);
}

/* Without the spaces at its end: what a char(n) says. */
static inline struct bytes bytes_unpadded(struct bytes b)
{
    while (b.len > 0 && b.data[b.len - 1] == ' ')
        b.len--;
    return b;
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

#endif
