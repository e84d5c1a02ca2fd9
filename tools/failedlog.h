/*
 * failedlog: log --failed: the rows that restores with --on-error skip left out.
 */
#ifndef PGSTRAND_FAILEDLOG_H
#define PGSTRAND_FAILEDLOG_H

#include "agent/datadir.h"
#include "tools/cli.h"

/* One a line; as JSON lines {uuid, kind "FAILED", table, row, target, node, seq, error, sqlstate, retries,
 * time}. `tables`: a glob list, NULL: all. */
MUST_CHECK status failedlog_print(const struct cli *cli, struct datadir *d, const char *tables, err *e);

#endif
