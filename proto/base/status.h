/*
 * status: the result of everything that can fail.
 *
 * A struct and not a bool, so that `return mdb_put(...)` or `return errno` cannot compile where a status is
 * meant. The reason travels separately, in the `err *` that every fallible function takes as its last
 * argument.
 */
#ifndef PGSTRAND_STATUS_H
#define PGSTRAND_STATUS_H

#include <stdbool.h>

typedef struct {
    bool ok;
} status;

#define DONE ((status){true})
#define FAILED ((status){false})

/* Hands a failure on unchanged. Use err_wrap where the caller would not know what was being done. */
#define TRY(call)          \
    do {                   \
        if (!(call).ok)    \
            return FAILED; \
    } while (0)

#define MUST_CHECK __attribute__((warn_unused_result))

#endif
