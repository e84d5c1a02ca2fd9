/*
 * report: the agent's lines on stderr, one per event, with the time in UTC.
 *
 * Threads: any. A line is one write, so that lines of two threads never mix.
 */
#ifndef PGSTRAND_DAEMON_REPORT_H
#define PGSTRAND_DAEMON_REPORT_H

#include "agent/progress.h"
#include "proto/base/err.h"

enum report_level { REPORT_PROBLEM, REPORT_EVENT, REPORT_DETAIL };

/* What is said: problems only (--quiet), events too, or details as well (--verbose). */
void report_level(enum report_level most);

void report_line(enum report_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What long operations say, as details. */
extern const struct progress report_progress;
extern const struct progress report_events; /* the same, where what is said is for everybody */

#endif
