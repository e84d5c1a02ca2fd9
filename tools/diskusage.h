/*
 * diskusage: what a folder takes on the disk.
 */
#ifndef PGSTRAND_DISKUSAGE_H
#define PGSTRAND_DISKUSAGE_H

#include <stdint.h>

/* Bytes of all files below `path` as allocated (LMDB files have holes). What cannot be read counts nothing.
 * Does not follow links. */
uint64_t diskusage_of(const char *path);

#endif
