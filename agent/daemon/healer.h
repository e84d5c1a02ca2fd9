/*
 * healer: runs capture, and when its incarnation cannot go on begins a new one and runs it again.
 *
 * Threads: capture's (the main one).
 */
#ifndef PGSTRAND_HEALER_H
#define PGSTRAND_HEALER_H

#include "agent/daemon/board.h"
#include "agent/datadir.h"

/* Before the log is opened: an incarnation that an interrupted agent was about to begin is finished or
 * forgotten. */
MUST_CHECK status healer_settle(struct datadir *d, err *e);

/* Until capture_stop, or a failure that nobody but a person can do something about. */
MUST_CHECK status healer_run(struct datadir *d, struct capture *c, struct board *b, err *e);

#endif
