/*
 * subxacts: where in a draft each subtransaction's first change lies, so that its abort can cut there.
 *
 * Cutting is right because a subtransaction is open from its first change to its abort: whatever follows in
 * the same session's transaction belongs to it or to its children, or to a parent that is aborted with it
 * (PostgreSQL's apply worker does the same: stream_abort_internal in worker.c). Places grow, transaction ids
 * need not: a parent's first change may come after its child's. For the same reason what came when more than
 * n subtransactions were known goes when the n-th (from 0) is aborted.
 *
 * Threads: one. Ownership: {0} -> subxacts_fini.
 */
#ifndef PGSTRAND_SUBXACTS_H
#define PGSTRAND_SUBXACTS_H

#include <stdint.h>

#include "store/bulkfile.h"

struct subxact {
    struct bulk_place file; /* its place: in the file, */
    uint32_t numbers;       /* and how many numbers of relations were given before */
    uint32_t xid;
};

struct subxacts {
    struct subxact *list; /* by place */
    size_t count;
    size_t cap;
    uint32_t
        *index; /* hash: place in list + 1; 0 empty; places cut off stay as garbage until it is rebuilt */
    size_t index_cap;
    size_t index_used;
};

void subxacts_fini(struct subxacts *s);
OWN_VALUE(subxacts, subxacts_fini);

bool subxacts_known(const struct subxacts *s, uint32_t xid);
/* Its first change comes now; it is not known yet. */
MUST_CHECK status subxacts_note(struct subxacts *s, const struct subxact *one, err *e);

/* `xid` is aborted: forgets it and all that came later. False: it changed nothing. */
bool subxacts_cut(struct subxacts *s, uint32_t xid, struct subxact *out);

#endif
