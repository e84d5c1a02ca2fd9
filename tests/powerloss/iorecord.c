/*
 * iorecord: LD_PRELOAD of tests. Writes down what a program does to the files below $IORECORD_ROOT into
 * $IORECORD_FILE, LMDB's own writes included, and the LSNs it confirms to the server.
 *
 * Every call is made and recorded under a lock over all processes that record into the file, so there is one
 * order. What the C library does by itself (fwrite) is not seen: pgstrand writes through store/io.h.
 */
#include "tests/powerloss/iorecord.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define FDS 4096

static struct {
    pthread_mutex_t lock;
    int fd; /* of the record; -1: not recording */
    const char *root;
    size_t root_len;
    unsigned char kind[FDS]; /* of a descriptor: 0 not ours, else OURS and maybe DSYNC */
} rec = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1};

enum { OURS = 1, DSYNC = 2 };

/* The C library's function behind ours. */
#define REAL(name) (__extension__(__typeof__(&name)) real(#name))

static void *real(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (found == NULL)
        abort();
    return found;
}

__attribute__((constructor)) static void begin(void)
{
    const char *file = getenv("IORECORD_FILE");
    rec.root = getenv("IORECORD_ROOT");
    if (file == NULL || rec.root == NULL)
        return;
    rec.root_len = strlen(rec.root);
    rec.fd = REAL(open)(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}

static bool below(const char *path)
{
    return rec.fd >= 0 && strncmp(path, rec.root, rec.root_len) == 0 && path[rec.root_len] == '/';
}

static bool ours(int fd)
{
    return fd >= 0 && fd < FDS && rec.kind[fd] != 0;
}

static void enter(void)
{
    pthread_mutex_lock(&rec.lock);
    while (flock(rec.fd, LOCK_EX) != 0 && errno == EINTR)
        continue;
}

static void leave(void)
{
    const int code = errno;
    (void)flock(rec.fd, LOCK_UN);
    pthread_mutex_unlock(&rec.lock);
    errno = code;
}

static void put(struct iorecord r, const char *path, const void *data, size_t len)
{
    const int code = errno;
    path = path == NULL ? "" : path + rec.root_len;
    r.path_len = (uint32_t)strlen(path);
    r.data_len = (uint32_t)len;
    const struct iovec parts[] = {
        {&r, sizeof r}, {(void *)(uintptr_t)path, r.path_len}, {(void *)(uintptr_t)data, len}};
    const size_t whole = sizeof r + r.path_len + len;
    if (REAL(writev)(rec.fd, parts, 3) != (ssize_t)whole)
        abort(); /* a record with a hole proves nothing */
    errno = code;
}

static uint64_t ino_of(int fd)
{
    struct stat facts;
    return fstat(fd, &facts) == 0 ? facts.st_ino : 0;
}

/* ---- opening ---- */

static int open_recorded(const char *path, int flags, mode_t mode)
{
    if (!below(path) || (flags & O_ACCMODE) == O_RDONLY)
        return REAL(open)(path, flags, mode);
    enter();
    struct stat facts;
    const bool there = lstat(path, &facts) == 0;
    const int fd = REAL(open)(path, flags, mode);
    if (fd >= 0 && fd < FDS) {
        rec.kind[fd] = (unsigned char)(OURS | ((flags & O_DSYNC) != 0 ? DSYNC : 0));
        if (!there)
            put((struct iorecord){.op = IORECORD_CREATE, .ino = ino_of(fd)}, path, NULL, 0);
        else if ((flags & O_TRUNC) != 0)
            put((struct iorecord){.op = IORECORD_LENGTH, .ino = ino_of(fd)}, NULL, NULL, 0);
    }
    leave();
    return fd;
}

int open(const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
    va_end(more);
    return open_recorded(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
    va_end(more);
    return open_recorded(path, flags, mode);
}

int close(int fd)
{
    if (fd >= 0 && fd < FDS)
        rec.kind[fd] = 0;
    return REAL(close)(fd);
}

/* ---- writing ---- */

static void put_write(int fd, const void *data, size_t len, off_t offset)
{
    put((struct iorecord){.op = IORECORD_WRITE,
                          .flags = (rec.kind[fd] & DSYNC) != 0 ? IORECORD_DSYNC : 0,
                          .ino = ino_of(fd),
                          .offset = (uint64_t)offset},
        NULL, data, len);
}

ssize_t write(int fd, const void *data, size_t len)
{
    if (!ours(fd))
        return REAL(write)(fd, data, len);
    enter();
    const off_t offset = lseek(fd, 0, SEEK_CUR);
    const ssize_t n = REAL(write)(fd, data, len);
    if (n > 0)
        put_write(fd, data, (size_t)n, offset);
    leave();
    return n;
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t offset)
{
    if (!ours(fd))
        return REAL(pwrite)(fd, data, len, offset);
    enter();
    const ssize_t n = REAL(pwrite)(fd, data, len, offset);
    if (n > 0)
        put_write(fd, data, (size_t)n, offset);
    leave();
    return n;
}

ssize_t pwrite64(int fd, const void *data, size_t len, off_t offset)
{
    return pwrite(fd, data, len, offset);
}

ssize_t pwritev(int fd, const struct iovec *part, int count, off_t offset)
{
    if (!ours(fd))
        return REAL(pwritev)(fd, part, count, offset);
    ssize_t sum = 0;
    for (int i = 0; i < count; i++) {
        const ssize_t n = pwrite(fd, part[i].iov_base, part[i].iov_len, offset + sum);
        if (n < 0)
            return sum > 0 ? sum : n;
        sum += n;
        if ((size_t)n < part[i].iov_len)
            break;
    }
    return sum;
}

ssize_t pwritev64(int fd, const struct iovec *part, int count, off_t offset)
{
    return pwritev(fd, part, count, offset);
}

ssize_t writev(int fd, const struct iovec *part, int count)
{
    if (!ours(fd))
        return REAL(writev)(fd, part, count);
    const off_t offset = lseek(fd, 0, SEEK_CUR);
    const ssize_t sum = pwritev(fd, part, count, offset);
    if (sum > 0)
        (void)lseek(fd, offset + sum, SEEK_SET);
    return sum;
}

int ftruncate(int fd, off_t length)
{
    if (!ours(fd))
        return REAL(ftruncate)(fd, length);
    enter();
    const int code = REAL(ftruncate)(fd, length);
    if (code == 0)
        put((struct iorecord){.op = IORECORD_LENGTH, .ino = ino_of(fd), .offset = (uint64_t)length}, NULL,
            NULL, 0);
    leave();
    return code;
}

int ftruncate64(int fd, off_t length)
{
    return ftruncate(fd, length);
}

/* ---- durability ---- */

static int sync_recorded(int fd, int (*sync_real)(int))
{
    struct stat facts;
    char link[64];
    char path[PATH_MAX];
    if (rec.fd < 0 || fstat(fd, &facts) != 0)
        return sync_real(fd);
    const bool dir = S_ISDIR(facts.st_mode);
    if (!dir && !ours(fd))
        return sync_real(fd);
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t len = readlink(link, path, sizeof path - 1);
    path[len < 0 ? 0 : len] = '\0';
    enter();
    const int code = sync_real(fd);
    if (code == 0 && dir && (below(path) || strcmp(path, rec.root) == 0))
        put((struct iorecord){.op = IORECORD_SYNC_DIR}, path, NULL, 0);
    else if (code == 0 && !dir)
        put((struct iorecord){.op = IORECORD_SYNC, .ino = facts.st_ino}, NULL, NULL, 0);
    leave();
    return code;
}

int fsync(int fd)
{
    return sync_recorded(fd, REAL(fsync));
}

int fdatasync(int fd)
{
    return sync_recorded(fd, REAL(fdatasync));
}

/* ---- names ---- */

static int named(enum iorecord_op op, const char *path, int (*call)(const char *))
{
    if (!below(path))
        return call(path);
    enter();
    const int code = call(path);
    if (code == 0)
        put((struct iorecord){.op = op}, path, NULL, 0);
    leave();
    return code;
}

int unlink(const char *path)
{
    return named(IORECORD_UNLINK, path, REAL(unlink));
}

int rmdir(const char *path)
{
    return named(IORECORD_RMDIR, path, REAL(rmdir));
}

int mkdir(const char *path, mode_t mode)
{
    if (!below(path))
        return REAL(mkdir)(path, mode);
    enter();
    const int code = REAL(mkdir)(path, mode);
    if (code == 0)
        put((struct iorecord){.op = IORECORD_MKDIR}, path, NULL, 0);
    leave();
    return code;
}

int rename(const char *from, const char *to)
{
    if (!below(from))
        return REAL(rename)(from, to);
    enter();
    const int code = REAL(rename)(from, to);
    if (code == 0)
        put((struct iorecord){.op = IORECORD_RENAME}, from, to + rec.root_len, strlen(to + rec.root_len));
    leave();
    return code;
}

/* ---- what the server is told ---- */

/* A standby status update: CopyData, length 38, 'r', then the LSNs written, flushed and applied. */
ssize_t send(int fd, const void *data, size_t len, int flags)
{
    const uint8_t *at = data;
    static const uint8_t head[] = {'d', 0, 0, 0, 38, 'r'};
    for (size_t i = 0; rec.fd >= 0 && i + sizeof head + 16 <= len; i++) {
        if (memcmp(at + i, head, sizeof head) != 0)
            continue;
        uint64_t flushed = 0;
        for (size_t b = 0; b < 8; b++)
            flushed = flushed << 8 | at[i + sizeof head + 8 + b];
        enter();
        put((struct iorecord){.op = IORECORD_CONFIRM, .offset = flushed}, NULL, NULL, 0);
        leave();
    }
    return REAL(send)(fd, data, len, flags);
}
