/*
 * errands: the thread that goes on with workflows that were interrupted, when the agent starts, and drills by
 * schedule ([drill] of the configuration). Long work, off the capture path.
 */
#ifndef PGSTRAND_ERRANDS_H
#define PGSTRAND_ERRANDS_H

#include "agent/daemon/board.h"
#include "agent/datadir.h"

struct errands {
    struct datadir *data; /* its own */
    struct board *board;
    pthread_t thread;
    bool started;
    int64_t look_at;   /* milliseconds of the monotonic clock: the next look for a drill */
    char refused[160]; /* why there is none, said once */
};

MUST_CHECK status errands_start(struct errands *r, err *e);
/* After board_stop; false when it did not end within `seconds` (it waits for the server). What it was at goes
 * on at the next start. */
bool errands_join(struct errands *r, int seconds);

#endif
