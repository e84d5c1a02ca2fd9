#include "store/lmdbresult.h"

#include <errno.h>
#include <lmdb.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

/* LMDB turns a short write into EIO. Was it the disk, or the limit on file sizes, that was full? */
static int cause_of_eio(const char *path)
{
    struct statvfs disk;
    struct rlimit limit;
    struct stat facts;
    const uint64_t slack = 1 << 20; /* less than this is left after a write that did not fit */
    if (statvfs(path, &disk) == 0 && (uint64_t)disk.f_bavail * disk.f_frsize < slack)
        return ENOSPC;
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && stat(path, &facts) == 0 &&
        (uint64_t)facts.st_size + slack > limit.rlim_cur)
        return EFBIG;
    return EIO;
}

status lmdbresult_of(int code, const char *what, const char *path, err *e)
{
    const char *hint = "";
    if (code == MDB_SUCCESS)
        return DONE;
    if (code == EIO)
        code = cause_of_eio(path);
    switch (code) {
    case MDB_MAP_FULL:
        hint = "; too much in one transaction";
        break;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
        hint = "; the file is damaged";
        break;
    case MDB_PANIC:
        hint = "; an earlier write to it failed half-way, start the program again";
        break;
    case MDB_VERSION_MISMATCH:
        hint = "; it was made by another version of LMDB";
        break;
    default:
        break;
    }
    return err_from(e, ERR_STORAGE, FROM_LMDB, code, "cannot %s %s: %s%s", what, path, mdb_strerror(code),
                    hint);
}

bool lmdbresult_is_damage(const err *e)
{
    if (e->class != ERR_STORAGE)
        return false;
    if (e->origin == FROM_SELF)
        return true;
    return e->origin == FROM_LMDB &&
           (e->code == MDB_CORRUPTED || e->code == MDB_PAGE_NOTFOUND || e->code == MDB_INVALID ||
            e->code == MDB_NOTFOUND || e->code == MDB_INCOMPATIBLE);
}
