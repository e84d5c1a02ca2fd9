/*
 * subxacts: where in a spool each subtransaction's first change lies, so that its abort can cut there.
 *
 * Cutting is right because a subtransaction is open from its first change to its abort: whatever follows in
 * the same session's transaction belongs to it or to its children, or to a parent that is aborted with it
 * (PostgreSQL's apply worker does the same: stream_abort_internal in worker.c). Offsets grow, transaction ids
 * need not: a parent's first change may come after its child's.
 *
 * Threads: one. Ownership: {0} -> subxacts_fini.
 */
#ifndef PGSTRAND_SUBXACTS_H
#define PGSTRAND_SUBXACTS_H

#include <stdint.h>

#include "proto/base/err.h"
#include "proto/base/own.h"

struct subxact {
    uint32_t xid;
    uint64_t offset;
};

struct subxacts {
    struct subxact *list; /* by offset */
    size_t count;
    size_t cap;
    uint32_t
        *index; /* hash: place in list + 1; 0 empty; places cut off stay as garbage until it is rebuilt */
    size_t index_cap;
    size_t index_used;
};

void subxacts_fini(struct subxacts *s);
OWN_VALUE(subxacts, subxacts_fini);

/* The first change of `xid` is at `offset`; nothing when it is known already. */
MUST_CHECK status subxacts_note(struct subxacts *s, uint32_t xid, uint64_t offset, err *e);

/* `xid` is aborted: forgets it and all that came later. *found false: it changed nothing. */
void subxacts_cut(struct subxacts *s, uint32_t xid, bool *found, uint64_t *offset);

#endif
