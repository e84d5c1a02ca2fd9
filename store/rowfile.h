/*
 * rowfile: the rows of one table, compressed into frames and staged on disk until a FULL takes them in.
 * Durable and self-checking, so an interrupted base goes on with the tables that are missing.
 *
 * Layout: magic, frames exactly as in a ROWS section (section 0, table 0), trailer with frame count, rows,
 * digest and CRC32C. Threads: one per handle. Ownership: rowfile_create -> caller -> rowfile_close (which
 * removes the file unless it was finished or published).
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

/* Last frame and trailer. Afterwards the facts are known, and the handle keeps nothing but the open file. */
MUST_CHECK status rowfile_end(struct rowfile *f, struct table_digest *digest, uint64_t *stored, err *e);

/* Makes ended files of one folder durable under their names: small ones together, since the disk takes as
 * long for many at once as for one. After a failure some may have their names. */
MUST_CHECK status rowfile_publish(struct rowfile *const *file, size_t count, err *e);

/* Both, for one. */
MUST_CHECK status rowfile_finish(struct rowfile *f, struct table_digest *digest, uint64_t *stored, err *e);

/* Is the file whole (trailer, CRC of every frame)? ERR_STORAGE says what is wrong. */
MUST_CHECK status rowfile_check(const char *path, struct table_digest *digest, uint64_t *stored, err *e);

#endif
