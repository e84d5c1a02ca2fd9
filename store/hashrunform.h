/*
 * hashrunform: numbers of the layout of runs (hashrun.h), for their writer and their reader alone.
 */
#ifndef PGSTRAND_HASHRUNFORM_H
#define PGSTRAND_HASHRUNFORM_H

#include "store/hashrun.h"

#define HASHRUN_MAGIC "PGSRUN1\n"
#define HASHRUN_HEAD 88    /* bytes, CRC included */
#define HASHRUN_ENTRY 16   /* of the directory */
#define HASHRUN_BLOCK 8192 /* a block ends when it has grown so large: one lookup reads one */
#define HASHRUN_GROUP 2000 /* numbers written at once: a varint has 10 bytes at most */
#define HASHRUN_BLOCK_MAX (HASHRUN_BLOCK + 10 * (HASHRUN_GROUP + 2) + 4)

#endif
