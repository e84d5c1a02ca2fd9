/*
 * leftover: opens what a power loss left with pgstrand's own code and judges it.
 *
 * Threads: one. Each call opens LMDB environments: make it in a process of its own.
 */
#ifndef PGSTRAND_LEFTOVER_H
#define PGSTRAND_LEFTOVER_H

#include "proto/base/err.h"
#include "proto/base/lsn.h"

/* What the whole run captured, to compare prefixes with: a hash of each action, that of seq 1 first. */
struct leftover_reference {
    uint64_t *action;
    uint64_t count;
};

/* Reads ROOT/data/log into it, at the end of the run and before segments of the log go. */
MUST_CHECK status leftover_read(const char *root, struct leftover_reference *out, err *e);

/* What others were told, which therefore has to be there. */
struct leftover_promise {
    lsn confirmed;    /* to the server */
    unsigned sealed;  /* links of ROOT/data's chain, by commands that ended well */
    unsigned shipped; /* of ROOT/vault's */
};

/*
 * ROOT/data and ROOT/vault: the data directory opens; the log opens for writing, holds everything up to
 * `confirmed`, and is a beginning of the reference, action by action; it can be written to; every chain is
 * whole, every published snapshot verifies, and nothing half is left; no seq is missing between the chain and
 * the log. What is missing altogether is fine, unless it was promised.
 */
MUST_CHECK status leftover_check(const char *root, const struct leftover_promise *promise,
                                 const struct leftover_reference *reference, err *e);

#endif
