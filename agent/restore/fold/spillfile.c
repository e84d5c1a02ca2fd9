#include "agent/restore/fold/spillfile.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "proto/base/buf.h"
#include "store/io.h"

#define READ_AHEAD ((size_t)65536)
#define HEAD 4 /* a record's length, little-endian */

struct spillfile {
    struct io_file *file;
    size_t buffer;
    struct buf pending; /* writing: not in the file yet; reading: read ahead */
    bool reading;
    size_t at;       /* reading: place in pending */
    uint64_t offset; /* reading: of the file's first byte not yet in pending */
    uint64_t records;
    uint64_t bytes;
};

status spillfile_new(const char *dir, size_t buffer, struct spillfile **out, err *e)
{
    static atomic_uint serial;
    OWNED(spillfile) struct spillfile *f = calloc(1, sizeof *f);
    char name[64];
    (void)snprintf(name, sizeof name, "restore-%ld-%u", (long)getpid(), atomic_fetch_add(&serial, 1));
    OWNED(text) char *path = io_join(dir, name);
    if (f == NULL || path == NULL)
        return err_no_memory(e);
    f->buffer = buffer;
    TRY(io_open(path, IO_TRUNCATE, &f->file, e));
    TRY(io_unlink(path, e));
    *out = f;
    f = NULL;
    return DONE;
}

/* Whose file it is; 0: it is none of ours. */
static pid_t owner_of(const char *name)
{
    long pid = 0;
    unsigned serial = 0;
    const bool ours = sscanf(name, "restore-%ld-%u", &pid, &serial) == 2 ||
                      sscanf(name, "restore-keys-%ld-%u", &pid, &serial) == 2 ||
                      sscanf(name, "restore-conf-%ld-%u", &pid, &serial) == 2;
    return ours && pid > 0 ? (pid_t)pid : 0;
}

status spillfile_dir(const char *dir, err *e)
{
    OWNED(io_names) struct io_names names = {0};
    TRY(io_make_dir(dir, e));
    TRY(io_list(dir, &names, e));
    for (size_t i = 0; i < names.count; i++) {
        const pid_t owner = owner_of(names.name[i]);
        OWNED(text) char *path = io_join(dir, names.name[i]);
        if (path == NULL)
            return err_no_memory(e);
        if (owner == 0 || kill(owner, 0) == 0 || errno != ESRCH)
            continue;
        err why = ERR_INIT;
        if (!io_unlink(path, &why).ok && io_exists(path)) { /* another restore may be at it, too */
            *e = why;
            return FAILED;
        }
    }
    return DONE;
}

void spillfile_free(struct spillfile *f)
{
    if (f == NULL)
        return;
    io_close(f->file);
    buf_fini(&f->pending);
    free(f);
}

uint64_t spillfile_records(const struct spillfile *f)
{
    return f->records;
}

uint64_t spillfile_bytes(const struct spillfile *f)
{
    return f->bytes;
}

static status flush(struct spillfile *f, err *e)
{
    TRY(buf_done(&f->pending, e));
    if (f->pending.len > 0)
        TRY(io_write(f->file, buf_view(&f->pending), e));
    buf_reset(&f->pending);
    return DONE;
}

status spillfile_put(struct spillfile *f, struct bytes record, err *e)
{
    buf_le32(&f->pending, (uint32_t)record.len);
    buf_bytes(&f->pending, record.data, record.len);
    f->records++;
    f->bytes += HEAD + record.len;
    return f->pending.len >= f->buffer ? flush(f, e) : DONE;
}

status spillfile_rewind(struct spillfile *f, err *e)
{
    if (!f->reading)
        TRY(flush(f, e));
    buf_fini(&f->pending);
    f->reading = true;
    f->at = 0;
    f->offset = 0;
    return DONE;
}

/* Makes sure that `need` bytes lie in pending from `at` on; *have false when the file ends before. */
static status look_ahead(struct spillfile *f, size_t need, bool *have, err *e)
{
    size_t left = f->pending.len - f->at;
    *have = true;
    if (left >= need)
        return DONE;
    if (left > 0)
        memmove(f->pending.data, f->pending.data + f->at, left);
    f->pending.len = left;
    f->at = 0;
    uint64_t unread = f->bytes - f->offset;
    size_t more = need - left > READ_AHEAD ? need - left : READ_AHEAD;
    if (more > unread)
        more = (size_t)unread;
    *have = left + more >= need;
    if (more == 0)
        return DONE;
    uint8_t *room = buf_room(&f->pending, more);
    if (room == NULL)
        return err_no_memory(e);
    TRY(io_read_at(f->file, f->offset, room, more, e));
    f->pending.len += more;
    f->offset += more;
    return DONE;
}

status spillfile_next(struct spillfile *f, struct bytes *record, bool *any, err *e)
{
    TRY(look_ahead(f, HEAD, any, e));
    if (!*any)
        return DONE;
    const uint8_t *head = f->pending.data + f->at;
    size_t len = head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 | (size_t)head[3] << 24;
    TRY(look_ahead(f, HEAD + len, any, e));
    if (!*any)
        return err_set(e, ERR_STORAGE, "the fold's own file is truncated");
    *record = bytes_of(f->pending.data + f->at + HEAD, len);
    f->at += HEAD + len;
    return DONE;
}
