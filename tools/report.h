/*
 * report: everything on stderr: messages, warnings and the progress bar (only on a terminal).
 */
#ifndef PGSTRAND_TOOLS_REPORT_H
#define PGSTRAND_TOOLS_REPORT_H

#include "tools/cli.h"

/* "pgstrand: ..." unless --quiet. Clears a progress bar that stands there. */
void report_note(const struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "pgstrand: warning: ..."; also with --quiet, since what it says may matter later. */
void report_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The line of a failure. */
void report_error(const err *e);

/* Fills cli->progress: lines as notes, steps as a bar where a terminal and the options allow one. */
void report_progress(struct cli *cli);

/* One bar as text, without line end: "base copy  [#####.....]  52%  1,040 of 2,000". `width`: of the line. */
void report_bar(const char *what, uint64_t done, uint64_t total, unsigned width, struct buf *out);

#endif
