/*
 * iorecord: the form of a record of everything that programs did to files below one folder, in one order.
 *
 * A record is this header, then `path_len` bytes of a path below the folder and `data_len` bytes.
 */
#ifndef PGSTRAND_IORECORD_H
#define PGSTRAND_IORECORD_H

#include <stdint.h>

enum iorecord_op {
    IORECORD_CREATE,   /* path: a new file, ino */
    IORECORD_WRITE,    /* ino, offset, data */
    IORECORD_LENGTH,   /* ino, offset: the new length */
    IORECORD_SYNC,     /* ino: everything written to it is on disk */
    IORECORD_SYNC_DIR, /* path: every name in it is on disk */
    IORECORD_RENAME,   /* path, data: the new path */
    IORECORD_UNLINK,   /* path */
    IORECORD_MKDIR,    /* path */
    IORECORD_RMDIR,    /* path */
    IORECORD_CONFIRM,  /* offset: the LSN that the server was told is flushed */
};

#define IORECORD_DSYNC 1u /* flag of a WRITE: on disk when it returns (O_DSYNC) */

struct iorecord {
    uint32_t op;
    uint32_t flags;
    uint64_t ino; /* a number is used again after its file went: CREATE says so */
    uint64_t offset;
    uint32_t path_len;
    uint32_t data_len;
};

#endif
