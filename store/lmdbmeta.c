#include "store/lmdbmeta.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MAGIC 0xBEEFC0DEu
#define VERSION 1u
#define PAGE_MIN 256u
#define PAGE_MAX 0x8000u
#define FLAGS_AT 10u /* in a page's head */
#define META_PAGE 8u
#define INTEGER_KEY 0x08u /* flags of the list of free pages, */
#define NO_SUBDIR 0x4000u /* where LMDB also keeps those that the file was made with */
#define TORN_TRIES 5

/* As they lie in the file: no padding between. */
_Static_assert(sizeof(struct lmdbmeta_record) == 48 && sizeof(struct lmdbmeta_page) == 136,
               "layout of LMDB 0.9 on 64 bits");

static status read_page(int fd, const char *path, size_t at, struct lmdbmeta_page *out, err *e)
{
    uint8_t raw[LMDBMETA_HEAD + sizeof *out];
    uint16_t flags;
    if (pread(fd, raw, sizeof raw, (off_t)at) != (ssize_t)sizeof raw)
        return err_set(e, ERR_STORAGE, "%s is truncated: it lacks its first pages", path);
    memcpy(&flags, raw + FLAGS_AT, sizeof flags);
    memcpy(out, raw + LMDBMETA_HEAD, sizeof *out);
    if (out->magic != MAGIC || flags != META_PAGE)
        return err_set(e, ERR_STORAGE, "%s is not an LMDB file, or damaged at its beginning", path);
    if (out->version != VERSION)
        return err_set(e, ERR_STORAGE, "%s is damaged, or was made by another version of LMDB", path);
    const uint32_t page = out->free.pad;
    if (page < PAGE_MIN || page > PAGE_MAX || (page & (page - 1)) != 0 ||
        (out->free.flags & ~NO_SUBDIR) != INTEGER_KEY || out->main.flags != 0 || out->main.pad != 0)
        return err_set(e, ERR_STORAGE, "%s is damaged: its beginning does not say how it is made", path);
    return DONE;
}

/* LMDB maps as much as the last page says; reading beyond the end of the file would be SIGBUS. */
static status check_length(int fd, const char *path, const struct lmdbmeta *metas, err *e)
{
    struct stat facts;
    if (fstat(fd, &facts) != 0)
        return err_errno(e, errno, "cannot look at %s", path);
    for (unsigned i = 0; i < 2; i++) {
        const uint64_t last = metas->meta[i].last_page;
        if (last < 1 || last >= (uint64_t)facts.st_size / metas->page)
            return err_set(e, ERR_STORAGE,
                           "%s is truncated or damaged: it has %llu bytes, and page %llu is to be its last",
                           path, (unsigned long long)facts.st_size, (unsigned long long)last);
    }
    return DONE;
}

static bool successive(const struct lmdbmeta_page *m)
{
    if (m[0].txn == 0 && m[1].txn == 0)
        return true; /* made, and never written to */
    return m[0].txn % 2 == 0 && m[1].txn % 2 == 1 && (m[0].txn == m[1].txn + 1 || m[1].txn == m[0].txn + 1);
}

static status read_both(int fd, const char *path, struct lmdbmeta *out, err *e)
{
    TRY(read_page(fd, path, 0, &out->meta[0], e));
    out->page = out->meta[0].free.pad;
    TRY(read_page(fd, path, out->page, &out->meta[1], e));
    if (out->meta[1].free.pad != out->page || !successive(out->meta))
        return err_set(e, ERR_STORAGE, "%s is damaged: its first two pages do not belong together", path);
    return check_length(fd, path, out, e);
}

status lmdbmeta_read(int fd, const char *path, struct lmdbmeta *out, err *e)
{
    for (int try = 1;; try++) {
        const struct timespec pause = {0, 1000000L};
        err failed = ERR_INIT;
        if (read_both(fd, path, out, &failed).ok)
            return DONE;
        if (try == TORN_TRIES) {
            *e = failed;
            return FAILED;
        }
        (void)nanosleep(&pause, NULL);
    }
}

status lmdbmeta_check(const char *path, err *e)
{
    struct stat facts;
    struct lmdbmeta metas;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? DONE : err_errno(e, errno, "cannot open %s", path);
    const bool empty = fstat(fd, &facts) == 0 && facts.st_size == 0; /* LMDB makes it */
    const status checked = empty ? DONE : lmdbmeta_read(fd, path, &metas, e);
    (void)close(fd); /* LMDB's locks are on its other file */
    return checked;
}
