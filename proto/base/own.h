/*
 * own: variables that are released when their scope ends.
 *
 *     OWN_VALUE(buf, buf_fini)                 in the header, after the declarations
 *     OWNED(buf) struct buf text = {0};        in a function: buf_fini(&text) runs on every way out
 *
 *     OWN_POINTER(logreader, logreader_close)
 *     OWNED(logreader) struct logreader *r = NULL;    logreader_close(r), which is NULL-safe, runs on every
 * way out
 *
 * A `*_take` function, or setting the pointer to NULL, hands ownership on. Never mix with goto.
 */
#ifndef PGSTRAND_OWN_H
#define PGSTRAND_OWN_H

#include <stdio.h>
#include <stdlib.h>

#define OWNED(name) __attribute__((cleanup(name##_cleanup)))

#define OWN_VALUE(name, fini)                             \
    static inline void name##_cleanup(struct name *value) \
    {                                                     \
        fini(value);                                      \
    }                                                     \
    struct own_##name##_needs_semicolon

#define OWN_POINTER(name, release)                         \
    static inline void name##_cleanup(struct name **value) \
    {                                                      \
        release(*value);                                   \
    }                                                      \
    struct own_##name##_needs_semicolon

/* A malloc'ed string. */
static inline void text_cleanup(char **value)
{
    free(*value);
}

/* Any malloc'ed memory. */
static inline void memory_cleanup(void *value)
{
    free(*(void **)value);
}

static inline void stream_cleanup(FILE **value)
{
    if (*value != NULL)
        (void)fclose(*value);
}

#endif
