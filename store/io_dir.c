#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/array.h"
#include "store/io.h"
#include "store/io_fault.h"

char *io_join(const char *dir, const char *name)
{
    char *path = malloc(strlen(dir) + strlen(name) + 2);
    if (path != NULL)
        (void)stpcpy(stpcpy(stpcpy(path, dir), "/"), name);
    return path;
}

bool io_exists(const char *path)
{
    struct stat facts;
    return lstat(path, &facts) == 0;
}

status io_sync_dir(const char *dir, err *e)
{
    struct io_gate gate = io_fault_enter(IO_CALL_SYNC, dir, NULL);
    int code = gate.code;
    if (code == 0) {
        int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || fsync(fd) != 0)
            code = errno;
        if (fd >= 0)
            (void)close(fd);
    }
    io_fault_leave(&gate);
    if (code != 0)
        return err_errno(e, code, "cannot make the folder %s durable", dir);
    return DONE;
}

/* The folder a path is in, malloc'ed: "." when it names none. NULL when memory is out. */
static char *folder_of(const char *path)
{
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    while (length > 0 && path[length - 1] != '/')
        length--;
    while (length > 1 && path[length - 1] == '/')
        length--;
    return length == 0 ? strdup(".") : strndup(path, length);
}

status io_sync_folder_of(const char *path, err *e)
{
    OWNED(text) char *dir = folder_of(path);
    if (dir == NULL)
        return err_no_memory(e);
    return io_sync_dir(dir, e);
}

status io_rename(const char *from, const char *to, err *e)
{
    struct io_gate gate = io_fault_enter(IO_CALL_RENAME, from, to);
    int code = gate.code;
    if (code == 0 && rename(from, to) != 0)
        code = errno;
    io_fault_leave(&gate);
    if (code != 0)
        return err_errno(e, code, "cannot rename %s to %s", from, to);
    return DONE;
}

status io_publish(const char *from, const char *to, err *e)
{
    TRY(io_rename(from, to, e));
    return io_sync_folder_of(to, e);
}

/* `rmdir` or `unlink` behind the gate. */
static status remove_one(const char *path, int (*remover)(const char *), err *e)
{
    struct io_gate gate = io_fault_enter(IO_CALL_UNLINK, path, NULL);
    int code = gate.code;
    if (code == 0 && remover(path) != 0 && errno != ENOENT)
        code = errno;
    io_fault_leave(&gate);
    if (code != 0)
        return err_errno(e, code, "cannot remove %s", path);
    return DONE;
}

status io_unlink(const char *path, err *e)
{
    return remove_one(path, unlink, e);
}

static status make_one(const char *path, err *e)
{
    struct io_gate gate = io_fault_enter(IO_CALL_MKDIR, path, NULL);
    int code = gate.code;
    bool made = false;
    if (code == 0) {
        made = mkdir(path, 0700) == 0;
        code = made ? 0 : errno;
    }
    io_fault_leave(&gate);
    struct stat facts;
    if (code == EEXIST && (stat(path, &facts) != 0 || !S_ISDIR(facts.st_mode)))
        code = ENOTDIR;
    if (code != 0 && code != EEXIST)
        return err_errno(e, code, "cannot make the folder %s", path);
    return made ? io_sync_folder_of(path, e) : DONE;
}

/* What the folder above says when it is not ours to sync: one may not read it, or its file system (read-only,
 * mounted by somebody else) has no such thing. */
static bool is_foreign(const err *e)
{
    return e->origin == FROM_ERRNO && (e->code == EACCES || e->code == EPERM || e->code == EROFS ||
                                       e->code == EINVAL || e->code == ENOTSUP);
}

/* A folder that was there before: whoever made it may have been killed before its name was durable. */
static status settle(const char *path, err *e)
{
    if (io_sync_folder_of(path, e).ok)
        return DONE;
    if (!is_foreign(e))
        return FAILED;
    *e = ERR_INIT;
    return DONE;
}

/* The deepest one that is there is settled before anything is made in it: so none above it can be unsettled.
 */
static status make_missing(const char *path, bool first, err *e)
{
    OWNED(text) char *above = folder_of(path);
    if (above == NULL)
        return err_no_memory(e);
    if (first)
        TRY(settle(above, e));
    return make_one(path, e);
}

status io_make_dir(const char *path, err *e)
{
    OWNED(text) char *part = strdup(path);
    bool missing = false;
    if (part == NULL)
        return err_no_memory(e);
    for (char *slash = strchr(part, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (slash != part && !io_exists(part)) {
            TRY(make_missing(part, !missing, e));
            missing = true;
        }
        *slash = '/';
    }
    if (!io_exists(part))
        return make_missing(part, !missing, e);
    TRY(make_one(part, e)); /* is it a folder? */
    return missing ? DONE : settle(part, e);
}

status io_remove_tree(const char *path, err *e)
{
    struct stat facts;
    if (lstat(path, &facts) != 0)
        return errno == ENOENT ? DONE : err_errno(e, errno, "cannot look at %s", path);
    if (!S_ISDIR(facts.st_mode)) /* symbolic links too: what they point at is not ours */
        return io_unlink(path, e);
    OWNED(io_names) struct io_names names = {0};
    TRY(io_list(path, &names, e));
    for (size_t i = 0; i < names.count; i++) {
        OWNED(text) char *inner = io_join(path, names.name[i]);
        if (inner == NULL)
            return err_no_memory(e);
        TRY(io_remove_tree(inner, e));
    }
    return remove_one(path, rmdir, e);
}

/* ---- listing ---- */

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static status add_name(struct io_names *names, size_t *room, const char *name, err *e)
{
    TRY(array_room(&names->name, names->count, room, sizeof *names->name, e));
    char *copy = strdup(name);
    if (copy == NULL)
        return err_no_memory(e);
    names->name[names->count++] = copy;
    return DONE;
}

static status read_names(DIR *d, const char *dir, struct io_names *names, err *e)
{
    size_t room = 0;
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(d);
        if (entry == NULL)
            break;
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            TRY(add_name(names, &room, entry->d_name, e));
    }
    if (errno != 0)
        return err_errno(e, errno, "cannot list %s", dir);
    return DONE;
}

status io_list(const char *dir, struct io_names *out, err *e)
{
    OWNED(io_names) struct io_names names = {0};
    DIR *d = opendir(dir);
    if (d == NULL)
        return err_errno(e, errno, "cannot list %s", dir);
    status read = read_names(d, dir, &names, e);
    (void)closedir(d);
    TRY(read);
    if (names.count > 1)
        qsort(names.name, names.count, sizeof *names.name, by_bytes);
    *out = names;
    names = (struct io_names){0};
    return DONE;
}

void io_names_free(struct io_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->name[i]);
    free(names->name);
    *names = (struct io_names){0};
}

/* ---- locks ---- */

struct io_lock {
    int fd;
};

static status lock_file(const char *path, int how, struct io_lock **out, err *e)
{
    struct io_lock *lock = malloc(sizeof *lock);
    if (lock == NULL)
        return err_no_memory(e);
    /* O_CLOEXEC: the lock would otherwise live on in programs that the process starts, pg_dump for one. */
    lock->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    int code = lock->fd < 0 ? errno : 0;
    while (code == 0 && flock(lock->fd, how) != 0)
        if (errno != EINTR)
            code = errno;
    if (code == 0) {
        *out = lock;
        return DONE;
    }
    if (lock->fd >= 0)
        (void)close(lock->fd);
    free(lock);
    if (code == EWOULDBLOCK)
        return err_set(e, ERR_REFUSED, "%s is locked by another pgstrand process; stop that one first", path);
    return err_errno(e, code, "cannot lock %s", path);
}

status io_lock(const char *path, bool wait, struct io_lock **out, err *e)
{
    return lock_file(path, LOCK_EX | (wait ? 0 : LOCK_NB), out, e);
}

status io_lock_shared(const char *path, struct io_lock **out, err *e)
{
    return lock_file(path, LOCK_SH, out, e);
}

void io_unlock(struct io_lock *lock)
{
    if (lock == NULL)
        return;
    (void)close(lock->fd);
    free(lock);
}
