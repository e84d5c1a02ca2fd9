/*
 * shares: work that is cut into shares, each done by a thread of its own, the first one by the caller, and so
 * is one whose thread cannot be started.
 *
 * Threads: `run` is called by several at once, each time with another share; all have ended when shares_run
 * returns.
 */
#ifndef PGSTRAND_SHARES_H
#define PGSTRAND_SHARES_H

#include <stdint.h>

#include "proto/base/err.h"

#define SHARES_MOST 8

/* How many this machine's processors are good for: at most `most`, and no more than are `useful`; at least 1.
 */
uint32_t shares_count(uint64_t useful, uint32_t most);

/* `count`: at most SHARES_MOST. Of several that fail the first one's error. */
MUST_CHECK status shares_run(uint32_t count, status (*run)(void *context, uint32_t share, err *e),
                             void *context, err *e);

#endif
