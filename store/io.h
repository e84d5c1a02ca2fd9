/*
 * io: the one shim through which pgstrand writes files (LMDB does its own). Tests make it fail, or stop the
 * process, at the n-th call.
 *
 * Threads:    an io_file belongs to one thread at a time; the functions on paths may be called from any.
 * Durability: io_sync is fsync; io_publish is rename + fsync of the folder. Nothing is durable before.
 * Failure:    ERR_STORAGE with errno, naming the file. ENOSPC and EDQUOT are told by io_is_full.
 */
#ifndef PGSTRAND_IO_H
#define PGSTRAND_IO_H

#include <sys/types.h>

#include "proto/base/bytes.h"
#include "proto/base/err.h"
#include "proto/base/own.h"

struct io_file; /* an open file with its path, for messages */

enum io_mode {
    IO_READ,      /* must exist */
    IO_CREATE,    /* must not exist; mode 0600 */
    IO_TRUNCATE,  /* made anew; mode 0600 */
    IO_READWRITE, /* must exist */
};

MUST_CHECK status io_open(const char *path, enum io_mode mode, struct io_file **out, err *e);
/* Closes without syncing. NULL-safe. */
void io_close(struct io_file *f);
OWN_POINTER(io_file, io_close);

const char *io_path(const struct io_file *f);
MUST_CHECK status io_size(struct io_file *f, uint64_t *out, err *e);

/* All of it or failure; short writes and EINTR are handled. Appends at the file's own position. */
MUST_CHECK status io_write(struct io_file *f, struct bytes data, err *e);
/* At an offset, without moving the position. */
MUST_CHECK status io_write_at(struct io_file *f, uint64_t offset, struct bytes data, err *e);
/* Exactly data_len bytes at an offset; ERR_STORAGE "is truncated" when the file ends before. */
MUST_CHECK status io_read_at(struct io_file *f, uint64_t offset, void *data, size_t data_len, err *e);
/* A part of the file as memory, which the system reads when it is looked at and takes back when it needs the
 * room; what is changed in it stays in memory. ERR_STORAGE "is truncated" when the file ends before. */
struct io_map {
    uint8_t *data;
    size_t len;
    size_t before; /* bytes mapped in front of data */
};
MUST_CHECK status io_map(struct io_file *f, uint64_t offset, size_t len, struct io_map *out, err *e);
void io_unmap(struct io_map *map); /* nothing mapped: fine */

MUST_CHECK status io_truncate(struct io_file *f, uint64_t length, err *e);
MUST_CHECK status io_sync(struct io_file *f, err *e);
/* Asks the kernel to begin storing a range, so that io_sync has less to wait for. A hint: nothing is durable.
 */
void io_write_behind(struct io_file *f, uint64_t offset, uint64_t len);

/* Renames `from` to `to` in the same folder; after a crash either name may be there until the folder is
 * synced.
 */
MUST_CHECK status io_rename(const char *from, const char *to, err *e);
/* Renames and syncs the folder. */
MUST_CHECK status io_publish(const char *from, const char *to, err *e);
MUST_CHECK status io_sync_dir(const char *dir, err *e);
MUST_CHECK status io_sync_folder_of(const char *path, err *e); /* the folder that `path` is in */

/* Missing is not an error. */
MUST_CHECK status io_unlink(const char *path, err *e);
/* Makes the folder and its parents, mode 0700; existing is fine. Its name is durable afterwards, also when a
 * process that was killed had made it. */
MUST_CHECK status io_make_dir(const char *path, err *e);
/* Removes a folder and everything in it; missing is fine. */
MUST_CHECK status io_remove_tree(const char *path, err *e);
bool io_exists(const char *path);

/* Permission bits and the time of the last change (ns since 1970). */
MUST_CHECK status io_attributes(const char *path, uint32_t mode, int64_t mtime, err *e);
MUST_CHECK status io_symlink(const char *target, const char *path, err *e);

/* Small files whole: io_store writes path.part, syncs, publishes; io_load refuses more than `limit` bytes;
 * the caller frees *out. */
MUST_CHECK status io_store(const char *path, struct bytes content, err *e);
MUST_CHECK status io_load(const char *path, size_t limit, uint8_t **out, size_t *len, err *e);

/* Names in a folder except . and .., sorted by byte order; each malloc'ed, the array too: io_names_free. */
struct io_names {
    char **name;
    size_t count;
};
MUST_CHECK status io_list(const char *dir, struct io_names *out, err *e);
void io_names_free(struct io_names *names);
OWN_VALUE(io_names, io_names_free);

/* An exclusive flock on `path` (made if missing), held until io_unlock or the process ends. ERR_REFUSED when
 * another process has it and wait is false. */
struct io_lock;
MUST_CHECK status io_lock(const char *path, bool wait, struct io_lock **out, err *e);
/* Beside others that share it; waits for one that has it alone. */
MUST_CHECK status io_lock_shared(const char *path, struct io_lock **out, err *e);
void io_unlock(struct io_lock *lock);
OWN_POINTER(io_lock, io_unlock);

/* "dir/name" into a malloc'ed string; NULL when memory is out. */
char *io_join(const char *dir, const char *name);

/* Is it a full disk (ENOSPC, EDQUOT, or LMDB's report of one)? */
bool io_is_full(const err *e);

/*
 * Faults, for tests only. PGSTRAND_IO_FAULT=ACTION:N[:PATTERN] in the environment is read by
 * io_fault_from_env, which the two mains call: the N-th (from 1) mutating call on a path that contains
 * PATTERN does ACTION: "fail" (EIO), "full" (ENOSPC, and all later ones), "short" (half of the write, then
 * EIO), "kill" (SIGKILL before the call), "killafter" (after it). When it is armed the program says so on
 * stderr. "slow:MS[:PATTERN]" makes every such call take MS milliseconds more. Mutating calls are write,
 * fsync, rename, ftruncate, unlink, mkdir, and commits of LMDB. With PGSTRAND_IO_FAULT_PLACES=FILE only calls
 * from places in the program count that the file does not name (io_place.h); the one that is chosen is added
 * to it, so that with N = 1 each run comes to another place, until one finds none that is new;
 * PGSTRAND_IO_FAULT_SHARE=K/N: of these every N-th, for several who share the work.
 */
enum io_fault {
    IO_FAULT_NONE,
    IO_FAULT_FAIL,
    IO_FAULT_FULL,
    IO_FAULT_SHORT,
    IO_FAULT_KILL,
    IO_FAULT_KILL_AFTER,
    IO_FAULT_SLOW /* nth: milliseconds */
};
void io_fault_arm(enum io_fault action, uint64_t nth, const char *pattern);
MUST_CHECK status io_fault_from_env(bool *armed, err *e);
/* Mutating calls seen since the process began or io_fault_arm. */
uint64_t io_fault_calls(void);

#endif
