/*
 * program: runs another program and collects what it says. For pg_dump and pg_restore.
 *
 * The child gets our environment (PGSSLMODE, PGPASSFILE and friends count), no input, and closed descriptors
 * but its three. Failure: ERR_SCHEMA with the program's last words when it exits with anything but 0;
 * ERR_STORAGE when it cannot be started.
 */
#ifndef PGSTRAND_PROGRAM_H
#define PGSTRAND_PROGRAM_H

#include "proto/base/buf.h"

/* `argv` ends with NULL; argv[0] is a path. `extra` ("NAME=value") is added to the environment unless NULL.
 * What the program writes to stdout is appended to `out`. */
MUST_CHECK status program_run(const char *const *argv, const char *extra, struct buf *out, err *e);

#endif
