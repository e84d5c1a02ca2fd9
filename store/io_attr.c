#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/io.h"
#include "store/io_fault.h"

#define NS_PER_S INT64_C(1000000000)

status io_attributes(const char *path, uint32_t mode, int64_t mtime, err *e)
{
    struct io_gate gate = io_fault_enter(IO_CALL_WRITE, path, NULL);
    const int64_t seconds = mtime >= 0 ? mtime / NS_PER_S : (mtime - NS_PER_S + 1) / NS_PER_S;
    const struct timespec times[2] = {{0, UTIME_OMIT}, {(time_t)seconds, (long)(mtime - seconds * NS_PER_S)}};
    int code = gate.code;
    if (code == 0 && chmod(path, (mode_t)mode) != 0)
        code = errno;
    if (code == 0 && utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW) != 0)
        code = errno;
    io_fault_leave(&gate);
    return code == 0 ? DONE : err_errno(e, code, "cannot set rights and time of %s", path);
}

status io_symlink(const char *target, const char *path, err *e)
{
    struct io_gate gate = io_fault_enter(IO_CALL_WRITE, path, NULL);
    int code = gate.code;
    if (code == 0 && symlink(target, path) != 0)
        code = errno;
    io_fault_leave(&gate);
    return code == 0 ? DONE : err_errno(e, code, "cannot make the link %s", path);
}
