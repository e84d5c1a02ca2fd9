/*
 * leftover: opens what a power loss left with pgstrand's own code and judges it.
 *
 * Threads: one. Each call opens LMDB environments: make it in a process of its own.
 */
#ifndef PGSTRAND_LEFTOVER_H
#define PGSTRAND_LEFTOVER_H

#include "proto/base/err.h"
#include "proto/base/lsn.h"

/* What the whole run ended with, to compare prefixes with: a hash of each action of its log, by seq. */
struct leftover_reference {
    uint64_t first_seq;
    uint64_t *action;
    uint64_t count;
};

/* Reads ROOT/data/log. */
MUST_CHECK status leftover_read(const char *root, struct leftover_reference *out, err *e);

/*
 * ROOT/data and ROOT/vault: the data directory opens; the log opens for writing, holds everything up to
 * `confirmed`, and is a beginning of the reference, action by action; it can be written to; every chain is
 * whole, every published snapshot verifies, and nothing half is left. What is missing altogether is fine,
 * unless something was confirmed.
 */
MUST_CHECK status leftover_check(const char *root, lsn confirmed, const struct leftover_reference *reference,
                                 err *e);

#endif
