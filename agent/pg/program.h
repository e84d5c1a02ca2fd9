/*
 * program: runs another program and collects what it says. For pg_dump, and for hooks.
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

struct program {
    const char *const *argv;  /* as above; argv[0] without a slash is looked for in PATH */
    const char *const *extra; /* "NAME=value" for the environment, ends with NULL */
    uint64_t timeout_ms;
};
/* The same in a process group of its own, which is ended after the timeout: ERR_TIMEOUT. It is over when the
 * program is, whatever it left running. */
MUST_CHECK status program_run_for(const struct program *p, struct buf *out, err *e);

#endif
