/*
 * rowfile: the rows of one table, compressed into frames and staged on disk until a FULL takes them in.
 * Durable and self-checking, so an interrupted base goes on with the tables that are missing.
 *
 * Layout: magic, frames exactly as in a ROWS section (section 0, table 0), trailer with frame count, rows,
 * digest and CRC32C. Threads: one per handle. Ownership: rowfile_create -> rowfile_finish or rowfile_close
 * (which removes it when not finished).
 */
#ifndef PGSTRAND_ROWFILE_H
#define PGSTRAND_ROWFILE_H

#include "proto/base/bytes.h"
#include "proto/base/digest.h"
#include "proto/base/err.h"
#include "proto/base/own.h"

struct rowfile;

MUST_CHECK status rowfile_create(const char *path, int level, struct rowfile **out, err *e);
void rowfile_close(struct rowfile *f);
OWN_POINTER(rowfile, rowfile_close);

/* One or more whole COPY text lines, each with its line end; digest and row count are made here. */
MUST_CHECK status rowfile_lines(struct rowfile *f, struct bytes lines, err *e);

/* Last frame, trailer, fsync. Afterwards the facts are known. */
MUST_CHECK status rowfile_finish(struct rowfile *f, struct table_digest *digest, uint64_t *stored, err *e);

/* Is the file whole (trailer, CRC of every frame)? ERR_STORAGE says what is wrong. */
MUST_CHECK status rowfile_check(const char *path, struct table_digest *digest, uint64_t *stored, err *e);

#endif
