/*
 * io_fault: the gate that every mutating call of the shim passes, so that tests can make the n-th one fail.
 *
 * Internal to io*.c and lmdbenv.c. Threads: any. Cost when nothing is armed: one atomic addition a call.
 */
#ifndef PGSTRAND_IO_FAULT_H
#define PGSTRAND_IO_FAULT_H

#include "store/io.h"

enum io_call {
    IO_CALL_WRITE,
    IO_CALL_SYNC,
    IO_CALL_RENAME,
    IO_CALL_TRUNCATE,
    IO_CALL_UNLINK,
    IO_CALL_MKDIR,
    IO_CALL_COMMIT, /* LMDB's, which writes by itself */
};

struct io_gate {
    int code;   /* errno to fail with; 0: go on */
    bool half;  /* write half of it before failing */
    bool after; /* the process dies in io_fault_leave */
};

/* Before the call. May not return. `other` is a second path of the call (rename's target) or NULL. */
struct io_gate io_fault_enter(enum io_call call, const char *path, const char *other);

/* After the call. May not return. */
void io_fault_leave(const struct io_gate *gate);

#endif
