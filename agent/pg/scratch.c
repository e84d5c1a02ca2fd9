#include "agent/pg/scratch.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "store/io.h"

status scratch_open(const char *name, struct scratch *out, err *e)
{
    out->fd = memfd_create(name, MFD_CLOEXEC);
    if (out->fd < 0)
        return err_errno(e, errno, "cannot make a file in memory for %s", name);
    out->open = true;
    /* Through our own descriptor, so that the child needs none and the file may be opened often. */
    (void)snprintf(out->path, sizeof out->path, "/proc/%ld/fd/%d", (long)getpid(), out->fd);
    return DONE;
}

void scratch_close(struct scratch *s)
{
    if (s->open)
        (void)close(s->fd);
    s->open = false;
}

status scratch_fill(const struct scratch *s, struct bytes content, err *e)
{
    OWNED(io_file) struct io_file *file = NULL;
    TRY(io_open(s->path, IO_READWRITE, &file, e));
    TRY(io_truncate(file, 0, e));
    return io_write(file, content, e);
}
