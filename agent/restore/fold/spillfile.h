/*
 * spillfile: records written one after the other, then read in the same order. For what the fold cannot keep
 * in memory.
 *
 * The file has no name while it is used: it is unlinked as soon as it is open. Killed between the two, a
 * program leaves an empty file behind, which the next restore removes. Threads: one per handle.
 */
#ifndef PGSTRAND_SPILLFILE_H
#define PGSTRAND_SPILLFILE_H

#include "proto/base/bytes.h"
#include "proto/base/err.h"
#include "proto/base/own.h"

struct spillfile;

/* In folder `dir`; `buffer`: bytes that are collected before they are written. */
MUST_CHECK status spillfile_new(const char *dir, size_t buffer, struct spillfile **out, err *e);
void spillfile_free(struct spillfile *f); /* NULL-safe */
OWN_POINTER(spillfile, spillfile_free);

/* Makes the folder when it is missing; what programs that are no more have left in it goes: these files, and
 * others by the names restore-keys-PID-N and restore-conf-PID-N. */
MUST_CHECK status spillfile_dir(const char *dir, err *e);

MUST_CHECK status spillfile_put(struct spillfile *f, struct bytes record, err *e);
uint64_t spillfile_records(const struct spillfile *f);
uint64_t spillfile_bytes(const struct spillfile *f);

/* From writing to reading, at the first record. */
MUST_CHECK status spillfile_rewind(struct spillfile *f, err *e);
/* The next record, borrowed until the next call; false in *any at the end. */
MUST_CHECK status spillfile_next(struct spillfile *f, struct bytes *record, bool *any, err *e);

#endif
