/*
 * diskmodel: what a disk may hold after the power went, as far as POSIX promises anything.
 *
 * - What was written since a file's last fsync may be there or not, sector by sector, or be garbage.
 * - A write through O_DSYNC is on disk when it returned. One that had not returned is there or not: it is
 *   not torn, as LMDB, whose meta page is the only such write, is built upon a sector being written whole.
 * - Names made, changed and removed since the folder's last fsync: the first few of them are there, any
 * number. fsync of a file does not make its name durable.
 *
 * Threads: one. Failure: the program ends (a tool of tests).
 */
#ifndef PGSTRAND_DISKMODEL_H
#define PGSTRAND_DISKMODEL_H

#include "proto/base/bytes.h"
#include "tests/powerloss/iorecord.h"

struct diskmodel;

struct diskmodel *diskmodel_new(void);
void diskmodel_free(struct diskmodel *m);

/* One thing that happened. Borrows nothing. */
void diskmodel_apply(struct diskmodel *m, const struct iorecord *r, struct bytes path, struct bytes data);

/* The highest LSN the server was told is durable. */
uint64_t diskmodel_confirmed(const struct diskmodel *m);

enum diskmodel_loss {
    DISKMODEL_WORST, /* nothing but what was synced */
    DISKMODEL_NONE,  /* everything: only the programs died */
    DISKMODEL_SOME,  /* by chance */
};

/* Makes the folder `into` (it must be empty) as it would be found. `chance` seeds DISKMODEL_SOME. */
void diskmodel_find(const struct diskmodel *m, enum diskmodel_loss loss, uint64_t chance, const char *into);

#endif
