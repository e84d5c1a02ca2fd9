/*
 * check: what every unit test includes: cmocka with the headers it wants before itself, and assertions on a
 * status that print the error's own message.
 */
#ifndef PGSTRAND_CHECK_H
#define PGSTRAND_CHECK_H

/* clang-format off: cmocka.h needs these four before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
/* clang-format on */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/bytes.h"
#include "proto/base/err.h"

/* The call must succeed; `e` is the `err *` that was given to it. */
#define assert_done(call, e)                                \
    do {                                                    \
        if (!(call).ok)                                     \
            fail_msg("%s failed: %s", #call, (e)->message); \
    } while (0)

/* The call must fail with this class and say one non-empty line. */
#define assert_fails(call, e, wanted)                                                       \
    do {                                                                                    \
        if ((call).ok)                                                                      \
            fail_msg("%s succeeded, but should fail as %s", #call, err_class_name(wanted)); \
        if ((e)->class != (wanted))                                                         \
            fail_msg("%s failed as %s, not as %s: %s", #call, err_class_name((e)->class),   \
                     err_class_name(wanted), (e)->message);                                 \
        assert_true((e)->message[0] != '\0');                                               \
        assert_null(strchr((e)->message, '\n'));                                            \
    } while (0)

/* The message must name this. */
#define assert_mentions(e, piece)                                              \
    do {                                                                       \
        if (strstr((e)->message, (piece)) == NULL)                             \
            fail_msg("\"%s\" does not mention \"%s\"", (e)->message, (piece)); \
    } while (0)

/* "9d61b1..." -> bytes. Returns how many. For test vectors as they are printed in their documents. */
static inline size_t from_hex(const char *text, uint8_t *out, size_t room)
{
    size_t len = strlen(text) / 2;
    assert_true(strlen(text) % 2 == 0 && len <= room);
    for (size_t i = 0; i < len; i++) {
        unsigned value = 0;
        assert_int_equal(sscanf(text + 2 * i, "%2x", &value), 1);
        out[i] = (uint8_t)value;
    }
    return len;
}

#endif
