#include "store/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/io_fault.h"

struct io_file {
    int fd;
    char path[]; /* for messages */
};

status io_open(const char *path, enum io_mode mode, struct io_file **out, err *e)
{
    static const int flags[] = {
        [IO_READ] = O_RDONLY,
        [IO_CREATE] = O_RDWR | O_CREAT | O_EXCL,
        [IO_TRUNCATE] = O_RDWR | O_CREAT | O_TRUNC,
        [IO_READWRITE] = O_RDWR,
    };
    size_t length = strlen(path) + 1;
    struct io_file *f = malloc(sizeof *f + length);
    if (f == NULL)
        return err_no_memory(e);
    memcpy(f->path, path, length);
    do {
        f->fd = open(path, flags[mode] | O_CLOEXEC, 0600);
    } while (f->fd < 0 && errno == EINTR);
    if (f->fd < 0) {
        int code = errno;
        free(f);
        return err_errno(e, code, "cannot %s %s", mode == IO_CREATE || mode == IO_TRUNCATE ? "make" : "open",
                         path);
    }
    *out = f;
    return DONE;
}

void io_close(struct io_file *f)
{
    if (f == NULL)
        return;
    (void)close(f->fd);
    free(f);
}

const char *io_path(const struct io_file *f)
{
    return f->path;
}

status io_size(struct io_file *f, uint64_t *out, err *e)
{
    struct stat facts;
    if (fstat(f->fd, &facts) != 0)
        return err_errno(e, errno, "cannot read the size of %s", f->path);
    *out = (uint64_t)facts.st_size;
    return DONE;
}

/* offset -1: at the file's own position. Returns 0 or an errno. */
static int write_all(int fd, struct bytes data, off_t offset)
{
    while (data.len > 0) {
        ssize_t n = offset < 0 ? write(fd, data.data, data.len) : pwrite(fd, data.data, data.len, offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) /* POSIX allows 0 only for nothing to write: taken as damage, not as a reason to spin */
            return n == 0 ? EIO : errno;
        data.data += n;
        data.len -= (size_t)n;
        if (offset >= 0)
            offset += n;
    }
    return 0;
}

static status write_gated(struct io_file *f, struct bytes data, off_t offset, err *e)
{
    struct io_gate gate = io_fault_enter(IO_CALL_WRITE, f->path, NULL);
    int code = gate.code;
    if (gate.half)
        data.len /= 2;
    if (code == 0 || gate.half) {
        int real = write_all(f->fd, data, offset);
        code = code != 0 ? code : real;
    }
    io_fault_leave(&gate);
    if (code != 0)
        return err_errno(e, code, "cannot write to %s", f->path);
    return DONE;
}

status io_write(struct io_file *f, struct bytes data, err *e)
{
    return write_gated(f, data, -1, e);
}

status io_write_at(struct io_file *f, uint64_t offset, struct bytes data, err *e)
{
    if (offset > INT64_MAX - data.len)
        return err_errno(e, EFBIG, "cannot write to %s", f->path);
    return write_gated(f, data, (off_t)offset, e);
}

status io_read_at(struct io_file *f, uint64_t offset, void *data, size_t data_len, err *e)
{
    uint8_t *at = data;
    if (offset > INT64_MAX - data_len)
        return err_set(e, ERR_STORAGE, "%s is truncated: it has no byte %llu", f->path,
                       (unsigned long long)offset);
    while (data_len > 0) {
        ssize_t n = pread(f->fd, at, data_len, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(e, errno, "cannot read %s", f->path);
        if (n == 0)
            return err_set(e, ERR_STORAGE, "%s is truncated: %zu bytes are missing at %llu", f->path,
                           data_len, (unsigned long long)offset);
        at += n;
        data_len -= (size_t)n;
        offset += (uint64_t)n;
    }
    return DONE;
}

status io_map(struct io_file *f, uint64_t offset, size_t len, struct io_map *out, err *e)
{
    const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    const size_t before = (size_t)(offset % page);
    uint64_t size = 0;
    *out = (struct io_map){0};
    TRY(io_size(f, &size, e));
    if (offset > size || len > size - offset)
        return err_set(e, ERR_STORAGE, "%s is truncated", f->path);
    void *start =
        mmap(NULL, before + len, PROT_READ | PROT_WRITE, MAP_PRIVATE, f->fd, (off_t)(offset - before));
    if (start == MAP_FAILED)
        return err_errno(e, errno, "cannot map %s", f->path);
    *out = (struct io_map){(uint8_t *)start + before, len, before};
    return DONE;
}

void io_unmap(struct io_map *map)
{
    if (map->data != NULL)
        (void)munmap(map->data - map->before, map->before + map->len);
    *map = (struct io_map){0};
}

status io_truncate(struct io_file *f, uint64_t length, err *e)
{
    struct io_gate gate = io_fault_enter(IO_CALL_TRUNCATE, f->path, NULL);
    int code = gate.code;
    if (code == 0) {
        int result;
        do {
            result = ftruncate(f->fd, (off_t)length);
        } while (result != 0 && errno == EINTR);
        code = result != 0 ? errno : 0;
    }
    io_fault_leave(&gate);
    if (code != 0)
        return err_errno(e, code, "cannot set the length of %s", f->path);
    return DONE;
}

status io_sync(struct io_file *f, err *e)
{
    struct io_gate gate = io_fault_enter(IO_CALL_SYNC, f->path, NULL);
    int code = gate.code;
    if (code == 0) {
        int result;
        do {
            result = fsync(f->fd);
        } while (result != 0 && errno == EINTR);
        code = result != 0 ? errno : 0;
    }
    io_fault_leave(&gate);
    if (code != 0)
        return err_errno(e, code, "cannot make %s durable", f->path);
    return DONE;
}

void io_write_behind(struct io_file *f, uint64_t offset, uint64_t len)
{
    (void)sync_file_range(f->fd, (off_t)offset, (off_t)len, SYNC_FILE_RANGE_WRITE);
}

bool io_is_full(const err *e)
{
    /* EFBIG: the process's or the file system's limit on the size of a file, which asks for the same answer
     */
    return (e->origin == FROM_ERRNO || e->origin == FROM_LMDB) &&
           (e->code == ENOSPC || e->code == EDQUOT || e->code == EFBIG);
}

/* ---- small files whole ---- */

static status write_whole(const char *path, struct bytes content, err *e)
{
    OWNED(io_file) struct io_file *f = NULL;
    TRY(io_open(path, IO_TRUNCATE, &f, e));
    if (content.len > 0)
        TRY(io_write(f, content, e));
    return io_sync(f, e);
}

status io_store(const char *path, struct bytes content, err *e)
{
    OWNED(text) char *part = malloc(strlen(path) + sizeof ".part");
    if (part == NULL)
        return err_no_memory(e);
    (void)stpcpy(stpcpy(part, path), ".part");
    if (write_whole(part, content, e).ok && io_publish(part, path, e).ok)
        return DONE;
    err ignored = ERR_INIT;
    (void)!io_unlink(part, &ignored).ok; /* the first failure is the one to tell */
    return FAILED;
}

status io_load(const char *path, size_t limit, uint8_t **out, size_t *len, err *e)
{
    OWNED(io_file) struct io_file *f = NULL;
    uint64_t size = 0;
    TRY(io_open(path, IO_READ, &f, e));
    TRY(io_size(f, &size, e));
    if (size > limit)
        return err_set(e, ERR_STORAGE, "%s has %llu bytes, more than the %zu it may have", path,
                       (unsigned long long)size, limit);
    OWNED(memory) uint8_t *data = malloc((size_t)size + 1); /* never 0, and a NUL for readers of text */
    if (data == NULL)
        return err_no_memory(e);
    TRY(io_read_at(f, 0, data, (size_t)size, e));
    data[size] = '\0';
    *out = data;
    *len = (size_t)size;
    data = NULL;
    return DONE;
}
