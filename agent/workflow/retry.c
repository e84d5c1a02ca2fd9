#include "agent/workflow/retry.h"

#include "store/io.h"

#define LOCKED 2 /* times as long: whoever holds the lock is at work */
#define FULL 5   /* somebody has to make room */

static uint64_t factor_of(const err *why)
{
    switch (why->class) {
    case ERR_NETWORK:
        return 1;
    case ERR_TIMEOUT:
        return LOCKED;
    case ERR_STORAGE: /* damage stays */
        return io_is_full(why) ? FULL : 0;
    default:
        return 0;
    }
}

int64_t retry_pause_ms(const struct retry_policy *p, const err *why, uint32_t done)
{
    uint64_t pause = p->first_ms;
    uint64_t factor = factor_of(why);
    if (factor == 0 || done >= p->most)
        return -1;
    if (__builtin_mul_overflow(pause, factor, &pause))
        pause = p->longest_ms;
    for (uint32_t i = 0; i < done && pause < p->longest_ms; i++)
        if (__builtin_mul_overflow(pause, UINT64_C(2), &pause))
            pause = p->longest_ms;
    return (int64_t)(pause < p->longest_ms ? pause : p->longest_ms);
}

const char *retry_advice(enum err_class class)
{
    switch (class) {
    case ERR_NETWORK:
        return "see that the server can be reached";
    case ERR_TIMEOUT:
        return "see what keeps the server busy or holds its locks";
    case ERR_STORAGE:
        return "see that the disk has room and works (pgstrand verify looks at the snapshots)";
    case ERR_SCHEMA:
        return "change the target, or restore into an empty database";
    case ERR_REFUSED:
        return "clear away what the error names";
    default:
        return "mend what the error names";
    }
}
