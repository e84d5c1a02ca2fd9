/*
 * bulkreader: reads what bulkfile wrote, action by action.
 *
 * Threads: one. Ownership: bulkreader_open -> caller -> bulkreader_close (NULL-safe).
 * Failure: ERR_STORAGE when a block is damaged or short. Memory: one block; one with a huge action is mapped.
 */
#ifndef PGSTRAND_BULKREADER_H
#define PGSTRAND_BULKREADER_H

#include "store/bulkfile.h"

struct bulkreader;

/* `extent`: what of the file counts. */
MUST_CHECK status bulkreader_open(const char *path, const struct bulk_place *extent, struct bulkreader **out,
                                  err *e);
void bulkreader_close(struct bulkreader *r);
OWN_POINTER(bulkreader, bulkreader_close);

/* The next one read is the `ordinal`-th, from 0. Reads the heads of all blocks. */
MUST_CHECK status bulkreader_seek(struct bulkreader *r, uint64_t ordinal, err *e);

/* The versions of the log that a transaction's relations have, by number - 1. */
struct bulk_versions {
    const uint32_t *version;
    size_t count;
};

/* Appends the next action to `out` in the form in which the log keeps actions. ERR_STORAGE at the end. */
MUST_CHECK status bulkreader_next(struct bulkreader *r, const struct bulk_versions *versions, struct buf *out,
                                  err *e);

/* Does the next action lie in a block that is mapped, since it has a huge action? */
MUST_CHECK status bulkreader_is_mapped(struct bulkreader *r, bool *mapped, err *e);

/* The next action of such a block, in the same form, without a copy: borrowed until the next call of any.
 * *out empty: it cannot be had so, and is still the next one. */
MUST_CHECK status bulkreader_borrow(struct bulkreader *r, const struct bulk_versions *versions,
                                    struct bytes *out, err *e);

#endif
