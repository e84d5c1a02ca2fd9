/*
 * docfile: a document on the disk as a source of text, read twice: to judge it, then to take it.
 *
 * Ownership: docfile_open -> caller -> docfile_close (NULL-safe). Threads: one.
 */
#ifndef PGSTRAND_DOCFILE_H
#define PGSTRAND_DOCFILE_H

#include "proto/jsonstream.h"

struct docfile;

MUST_CHECK status docfile_open(const char *path, struct docfile **out, err *e);
void docfile_close(struct docfile *f);
OWN_POINTER(docfile, docfile_close);

/* Valid as long as the file is open; reads on where it stands. */
struct jsonstream_source docfile_source(struct docfile *f);

/* To its beginning, for the second reading. */
MUST_CHECK status docfile_rewind(struct docfile *f, err *e);
/* Behind the second reading: ERR_VALIDATION when it gave other bytes than the first. */
MUST_CHECK status docfile_check(struct docfile *f, err *e);

uint64_t docfile_size(const struct docfile *f);
uint64_t docfile_position(const struct docfile *f);

#endif
