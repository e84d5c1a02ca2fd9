/*
 * pubwatch: the thread that looks after what capture lives by on the server: the publication while capture
 * streams, and the slot's WAL limit also while it does not: then it fills.
 *
 * From 18 on the server only warns when it decodes for a publication that is not there, and sends nothing:
 * the capture would go on and miss changes. So the publication is looked for every few seconds; when it is
 * gone, or another one of its name, the walsender is ended, and the next session finds out why.
 */
#ifndef PGSTRAND_PUBWATCH_H
#define PGSTRAND_PUBWATCH_H

#include <time.h>

#include "agent/daemon/board.h"
#include "agent/datadir.h"

struct pubwatch {
    struct datadir *data; /* its own */
    struct board *board;
    time_t looked; /* seconds of the monotonic clock */
    pthread_t thread;
    bool started;
};

MUST_CHECK status pubwatch_start(struct pubwatch *w, err *e);
/* After board_stop. */
void pubwatch_join(struct pubwatch *w);

#endif
