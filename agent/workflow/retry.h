/*
 * retry: whether a failure is worth another try, and when.
 *
 * By class alone: what the network and the server's locks did may be over in a moment; a full disk takes
 * somebody longer; whatever else failed fails again until somebody changes something. The pause doubles with
 * each try. Pure. Threads: any.
 */
#ifndef PGSTRAND_RETRY_H
#define PGSTRAND_RETRY_H

#include <stdint.h>

#include "proto/base/err.h"

struct retry_policy {
    uint32_t most;       /* tries after the first */
    uint64_t first_ms;   /* before the first of them */
    uint64_t longest_ms; /* no pause is longer */
};

/* Milliseconds until the next try when `done` were made after the first; -1: there is none. */
int64_t retry_pause_ms(const struct retry_policy *p, const err *why, uint32_t done);

/* What a person can do about a failure of this class, as the end of a sentence. */
const char *retry_advice(enum err_class class);

#endif
