#include "agent/capture/spool.h"

#include <stdio.h>
#include <stdlib.h>

#define READ_BYTES ((size_t)1 << 20)
#define LENGTH_BYTES sizeof(uint32_t)

status spool_new(const char *dir, uint32_t xid, struct spool **out, err *e)
{
    char name[32];
    OWNED(spool) struct spool *s = calloc(1, sizeof *s);
    if (s == NULL)
        return err_no_memory(e);
    (void)snprintf(name, sizeof name, "%u.spool", xid);
    s->xid = xid;
    s->last_xid = xid;
    s->path = io_join(dir, name);
    if (s->path == NULL)
        return err_no_memory(e);
    TRY(io_open(s->path, IO_TRUNCATE, &s->file, e));
    io_close(s->file);
    s->file = NULL;
    *out = s;
    s = NULL;
    return DONE;
}

void spool_free(struct spool *s)
{
    if (s == NULL)
        return;
    io_close(s->file);
    if (s->path != NULL) {
        err ignored = ERR_INIT; /* the folder is emptied at the next start */
        status removed = io_unlink(s->path, &ignored);
        (void)removed;
    }
    relmap_fini(&s->relations);
    subxacts_fini(&s->subxacts);
    free(s->path);
    free(s);
}

status spool_open(struct spool *s, err *e)
{
    return io_open(s->path, IO_READWRITE, &s->file, e);
}

static status flush(struct spool *s, struct buf *pending, err *e)
{
    TRY(buf_done(pending, e));
    TRY(io_write_at(s->file, s->written, buf_view(pending), e));
    s->written += pending->len;
    buf_reset(pending);
    return DONE;
}

status spool_close(struct spool *s, struct buf *pending, err *e)
{
    TRY(flush(s, pending, e));
    io_close(s->file);
    s->file = NULL;
    return DONE;
}

status spool_note(struct spool *s, const struct buf *pending, uint32_t xid, err *e)
{
    if (xid == s->last_xid)
        return DONE;
    s->last_xid = xid;
    return xid == s->xid ? DONE : subxacts_note(&s->subxacts, xid, s->written + pending->len, e);
}

status spool_append(struct spool *s, struct buf *pending, struct bytes raw, err *e)
{
    const uint32_t len = (uint32_t)raw.len;
    if (pending->len > 0 && pending->len + LENGTH_BYTES + raw.len > SPOOL_BUFFER)
        TRY(flush(s, pending, e));
    buf_bytes(pending, &len, sizeof len);
    buf_bytes(pending, raw.data, raw.len);
    return DONE; /* a buffer without memory is found by flush */
}

status spool_cut(struct spool *s, uint32_t subxid, err *e)
{
    bool found = false;
    uint64_t offset = 0;
    subxacts_cut(&s->subxacts, subxid, &found, &offset);
    s->last_xid = s->xid; /* whoever comes next is looked up again */
    if (!found || offset >= s->written)
        return DONE;
    TRY(io_open(s->path, IO_READWRITE, &s->file, e));
    TRY(io_truncate(s->file, offset, e));
    io_close(s->file);
    s->file = NULL;
    s->written = offset;
    return DONE;
}

/* Gives the whole messages in `data` to visit; *used is where the first incomplete one begins, *wanted how
 * long that is (0: unknown). */
static status visit_all(const uint8_t *data, size_t len, size_t *used, size_t *wanted,
                        status (*visit)(void *context, struct bytes raw, err *e), void *context, err *e)
{
    size_t at = 0;
    *wanted = 0;
    while (len - at >= LENGTH_BYTES) {
        uint32_t message;
        memcpy(&message, data + at, sizeof message);
        if (len - at - LENGTH_BYTES < message) {
            *wanted = LENGTH_BYTES + message;
            break;
        }
        TRY(visit(context, bytes_of(data + at + LENGTH_BYTES, message), e));
        at += LENGTH_BYTES + message;
    }
    *used = at;
    return DONE;
}

status spool_replay(struct spool *s, status (*visit)(void *context, struct bytes raw, err *e), void *context,
                    err *e)
{
    OWNED(buf) struct buf piece = {0};
    size_t wanted = 0;
    TRY(io_open(s->path, IO_READ, &s->file, e));
    for (uint64_t offset = 0; offset < s->written;) {
        size_t room = wanted > READ_BYTES ? wanted : READ_BYTES;
        if (room > s->written - offset)
            room = (size_t)(s->written - offset);
        buf_reset(&piece);
        uint8_t *data = buf_room(&piece, room);
        if (data == NULL)
            return err_no_memory(e);
        TRY(io_read_at(s->file, offset, data, room, e));
        size_t used = 0;
        TRY(visit_all(data, room, &used, &wanted, visit, context, e));
        if (used == 0 && wanted <= room)
            return err_set(e, ERR_STORAGE, "%s is damaged at byte %llu", s->path, (unsigned long long)offset);
        offset += used;
    }
    io_close(s->file);
    s->file = NULL;
    return DONE;
}
