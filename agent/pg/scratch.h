/*
 * scratch: a file in memory that other programs open by its path. It is gone when we close it or die, so that
 * nothing of a schema stays behind in a temporary folder.
 *
 * Ownership: scratch_open -> caller -> scratch_close (also at scope end). Only for programs that run while it
 * is open, under the same user.
 */
#ifndef PGSTRAND_PG_SCRATCH_H
#define PGSTRAND_PG_SCRATCH_H

#include "proto/base/bytes.h"
#include "proto/base/err.h"
#include "proto/base/own.h"

struct scratch {
    bool open;
    int fd;
    char path[48];
};
MUST_CHECK status scratch_open(const char *name, struct scratch *out, err *e);
void scratch_close(struct scratch *s);
OWN_VALUE(scratch, scratch_close);

MUST_CHECK status scratch_fill(const struct scratch *s, struct bytes content, err *e);

#endif
