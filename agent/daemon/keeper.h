/*
 * keeper: the thread that writes down what capture met (tables, changes of the schema), says once a second in
 * the catalogue how the agent is, keeps systemd's watchdog content, and has the log trimmed.
 */
#ifndef PGSTRAND_KEEPER_H
#define PGSTRAND_KEEPER_H

#include "agent/daemon/board.h"
#include "agent/datadir.h"

struct keeper {
    struct datadir *data; /* its own */
    struct board *board;
    struct capture *capture;
    uint64_t recorded; /* changes of the schema up to this seq are in the catalogue */
    pthread_t thread;
    bool started;
};

MUST_CHECK status keeper_start(struct keeper *k, err *e);
/* After board_stop: writes what is pending, and that the agent has stopped. */
void keeper_join(struct keeper *k);

#endif
