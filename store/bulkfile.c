#include "store/bulkfile.h"

#include "proto/base/crc32c.h"
#include "proto/wire.h"
#include "store/io.h"

#define BUFFER_KEPT ((size_t)16 << 20) /* bytes of the buffer, after a huge row */

struct bulkfile {
    char *path;
    struct io_file *file; /* open inside a stretch */
    struct buf *buffer;   /* of the stretch: whole blocks, then the one in progress */
    struct bulk_place at; /* what the finished blocks hold, buffered ones too */
    uint64_t written;     /* bytes in the file that count; behind them may lie what was cut */
    uint64_t behind;      /* the kernel was asked to store the bytes before */
    size_t block;         /* where in the buffer the block in progress begins */
    uint32_t actions;     /* in it; 0: none is in progress */
    bool given;
};

status bulkfile_new(const char *path, struct bulkfile **out, err *e)
{
    OWNED(bulkfile) struct bulkfile *b = calloc(1, sizeof *b);
    if (b == NULL || (b->path = strdup(path)) == NULL)
        return err_no_memory(e);
    TRY(io_open(path, IO_TRUNCATE, &b->file, e));
    io_close(b->file);
    b->file = NULL;
    *out = b;
    b = NULL;
    return DONE;
}

void bulkfile_free(struct bulkfile *b)
{
    if (b == NULL)
        return;
    io_close(b->file);
    if (b->path != NULL && !b->given) {
        err ignored = ERR_INIT; /* the folder is emptied at the next start */
        (void)!io_unlink(b->path, &ignored).ok;
    }
    free(b->path);
    free(b);
}

status bulkfile_open(struct bulkfile *b, struct buf *buffer, err *e)
{
    buf_reset(buffer);
    b->buffer = buffer;
    return io_open(b->path, IO_READWRITE, &b->file, e);
}

static void put_le32(uint8_t *to, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(value >> (8 * i));
}

/* The head of the block in progress is filled in. */
static status end_block(struct bulkfile *b, err *e)
{
    if (b->actions == 0)
        return DONE;
    TRY(buf_done(b->buffer, e));
    uint8_t *head = b->buffer->data + b->block;
    const size_t len = b->buffer->len - b->block - BULK_HEAD;
    if (len > BULK_LIMIT)
        return err_set(e, ERR_STORAGE, "a change of %zu bytes is more than the log takes", len);
    put_le32(head, (uint32_t)len);
    put_le32(head + 4, b->actions);
    put_le32(head + 8, crc32c(crc32c(0, bytes_of(head, 8)), bytes_of(head + BULK_HEAD, len)));
    b->at.bytes += BULK_HEAD + len;
    b->at.actions += b->actions;
    b->actions = 0;
    return DONE;
}

static status write_blocks(struct bulkfile *b, err *e)
{
    TRY(end_block(b, e));
    TRY(buf_done(b->buffer, e));
    if (b->buffer->len == 0)
        return DONE;
    TRY(io_write_at(b->file, b->written, buf_view(b->buffer), e));
    b->written += b->buffer->len;
    buf_shed(b->buffer, BUFFER_KEPT);
    if (b->written >= b->behind + BULK_BEHIND) {
        io_write_behind(b->file, b->behind, b->written - b->behind);
        b->behind = b->written;
    }
    return DONE;
}

status bulkfile_close(struct bulkfile *b, err *e)
{
    TRY(write_blocks(b, e));
    io_close(b->file);
    b->file = NULL;
    b->buffer = NULL;
    return DONE;
}

/* Most actions are shorter than 128 bytes, and their length takes one: only for others what was written
 * moves. */
static void put_length(struct buf *out, size_t start)
{
    const size_t len = out->len - start - 1;
    const size_t more = wire_varint_size(len) - 1;
    if (more > 0) {
        if (buf_room(out, more) == NULL)
            return;
        memmove(out->data + start + 1 + more, out->data + start + 1, len);
    }
    out->len = start;
    buf_varint(out, len);
    out->len += len;
}

status bulkfile_put(struct bulkfile *b, const struct action *a, err *e)
{
    struct buf *out = b->buffer;
    static const uint8_t head[BULK_HEAD] = {0};
    if (b->actions == 0) {
        b->block = out->len;
        buf_bytes(out, head, sizeof head);
    }
    const size_t start = out->len;
    struct action plain = *a;
    plain.relation = 0;
    buf_u8(out, 0);
    buf_varint(out, a->relation);
    action_encode(&plain, false, out);
    if (!out->bad)
        put_length(out, start);
    TRY(buf_done(out, e));
    b->actions++;
    return out->len - b->block >= BULK_BLOCK ? write_blocks(b, e) : DONE;
}

status bulkfile_mark(struct bulkfile *b, struct bulk_place *out, err *e)
{
    TRY(end_block(b, e));
    if (b->buffer->len >= BULK_BLOCK) /* short blocks count together */
        TRY(write_blocks(b, e));
    *out = b->at;
    return DONE;
}

void bulkfile_cut(struct bulkfile *b, const struct bulk_place *to)
{
    b->at = *to;
    b->written = to->bytes;
    if (b->behind > b->written)
        b->behind = b->written;
}

struct bulk_place bulkfile_place(const struct bulkfile *b)
{
    return b->at;
}

const char *bulkfile_path(const struct bulkfile *b)
{
    return b->path;
}

status bulkfile_sync(struct bulkfile *b, err *e)
{
    OWNED(io_file) struct io_file *file = NULL;
    uint64_t size = 0;
    TRY(io_open(b->path, IO_READWRITE, &file, e));
    TRY(io_size(file, &size, e));
    if (size != b->written)
        TRY(io_truncate(file, b->written, e));
    return io_sync(file, e);
}

void bulkfile_given(struct bulkfile *b)
{
    b->given = true;
}
