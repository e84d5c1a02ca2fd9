/*
 * idlereaders: snapshots that stay open between the tables that are read from them. Opening one checks a
 * signature and the index of all its frames, which for a base of many small tables costs more than their
 * rows.
 *
 * Threads: all calls from any; a reader that was taken belongs to the thread that took it.
 */
#ifndef PGSTRAND_IDLEREADERS_H
#define PGSTRAND_IDLEREADERS_H

#include <pthread.h>

#include "store/snapreader.h"

struct idlereader {
    size_t link;
    enum tier tier;
    struct snapreader *reader;
};

#define IDLEREADERS_MAX 8 /* each keeps a frame or two in memory */

struct idlereaders {
    pthread_mutex_t lock;
    struct idlereader idle[IDLEREADERS_MAX];
    size_t count;
};

void idlereaders_init(struct idlereaders *r);
void idlereaders_fini(struct idlereaders *r);

/* One that stood on the ROWS section of this tier in this link of the chain, at the section's first frame
 * again; NULL: none is idle, open one. */
MUST_CHECK status idlereaders_take(struct idlereaders *r, size_t link, enum tier tier,
                                   struct snapreader **out, err *e);
/* Takes ownership of the reader; where there is no room for it, it is closed. */
void idlereaders_give(struct idlereaders *r, size_t link, enum tier tier, struct snapreader *reader);

#endif
