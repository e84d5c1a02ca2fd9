/*
 * snapparts: one snapshot file being written: its parts, which roll over below a size, under names that end
 * in .part until they are published.
 *
 * Threads: one at a time (the writer's lock). Ownership: snapparts_begin -> snapparts_fini.
 */
#ifndef PGSTRAND_SNAPPARTS_H
#define PGSTRAND_SNAPPARTS_H

#include "store/io.h"
#include "store/snaplayout.h"

struct snapparts {
    char *base; /* DIR/NAME.snap; NULL: not begun */
    Pgstrand__FileRole role;
    uuid snapshot;
    uint64_t rollover;
    struct io_file *file; /* the part being written; NULL after snapparts_end */
    uint32_t count;       /* parts begun */
    uint64_t offset;      /* in the part being written */
    uint64_t total;       /* bytes of all parts */
    uint8_t header_hash[SHA256_LEN];
};

/* Makes the first part, with the file header. `base` is copied. */
MUST_CHECK status snapparts_begin(struct snapparts *p, const char *base,
                                  const Pgstrand__SnapshotHeader *header, uint64_t rollover, err *e);

/* Begins a new part unless `len` bytes fit the one being written. */
MUST_CHECK status snapparts_reserve(struct snapparts *p, uint64_t len, err *e);

/* Appends where the last append ended; the caller has reserved. */
MUST_CHECK status snapparts_append(struct snapparts *p, struct bytes data, err *e);

/* Everything is written: syncs and closes. */
MUST_CHECK status snapparts_end(struct snapparts *p, err *e);

/* Gives the parts their names. */
MUST_CHECK status snapparts_publish(struct snapparts *p, err *e);

/* Removes what was made, published or not, as far as it goes. */
void snapparts_discard(struct snapparts *p);

void snapparts_fini(struct snapparts *p);

#endif
