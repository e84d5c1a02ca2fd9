/*
 * timeline: the history file of a server's timeline: where it left the ones before.
 */
#ifndef PGSTRAND_TIMELINE_H
#define PGSTRAND_TIMELINE_H

#include "agent/pg/pgconn.h"

/*
 * Is everything up to `at` of timeline `from` also the history of the server's timeline `to`? False when `to`
 * does not descend from `from`, or left it before `at`. Asks over a replication connection of its own.
 */
MUST_CHECK status timeline_reaches(const char *conninfo, uint32_t to, uint32_t from, lsn at, bool *out,
                                   err *e);

/* The same by the text of the history file: lines of timeline, tab, LSN of its end, tab, reason. Pure. */
bool timeline_left_after(const char *history, uint32_t from, lsn at);

#endif
