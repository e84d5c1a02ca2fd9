#include "proto/base/buf.h"
#include "proto/base/crc32c.h"
#include "store/hashrunform.h"
#include "store/io.h"

struct hashrun_writer {
    struct io_file *file;
    char *path;
    char *part;
    uint64_t offset; /* of the block in progress */
    struct buf block;
    struct buf directory;
    uint64_t block_hash; /* of the last group in the block */
    bool any;            /* a pair was put */
    uint64_t hash;       /* of the group in progress */
    struct seqlist group;
    uint64_t pairs;
    uint32_t blocks;
};

status hashrun_create(const char *path, struct hashrun_writer **out, err *e)
{
    OWNED(hashrun_writer) struct hashrun_writer *w = calloc(1, sizeof *w);
    if (w == NULL)
        return err_no_memory(e);
    w->path = strdup(path);
    if (w->path == NULL || asprintf(&w->part, "%s.part", path) < 0)
        return err_no_memory(e);
    TRY(io_open(w->part, IO_TRUNCATE, &w->file, e));
    const uint8_t head[HASHRUN_HEAD] = {0};
    TRY(io_write(w->file, bytes_of(head, sizeof head), e));
    w->offset = sizeof head;
    *out = w;
    w = NULL;
    return DONE;
}

void hashrun_writer_close(struct hashrun_writer *w)
{
    err ignored = ERR_INIT; /* the next one with this name makes it anew */
    if (w == NULL)
        return;
    if (w->file != NULL) {
        io_close(w->file);
        (void)io_unlink(w->part, &ignored).ok;
    }
    seqlist_fini(&w->group);
    buf_fini(&w->block);
    buf_fini(&w->directory);
    free(w->path);
    free(w->part);
    free(w);
}

static status end_block(struct hashrun_writer *w, err *e)
{
    if (w->block.len == 0)
        return DONE;
    buf_le32(&w->block, crc32c(0, buf_view(&w->block)));
    TRY(buf_done(&w->block, e));
    TRY(io_write(w->file, buf_view(&w->block), e));
    w->offset += w->block.len;
    buf_reset(&w->block);
    return DONE;
}

/* Some numbers of the group in progress; one that is larger than a block goes over several. */
static status put_part(struct hashrun_writer *w, const uint64_t *number, size_t count, err *e)
{
    if (w->block.len == 0) {
        buf_le64(&w->directory, w->hash);
        buf_le64(&w->directory, w->offset);
        w->block_hash = w->hash;
        w->blocks++;
    }
    buf_varint(&w->block, w->hash - w->block_hash);
    buf_varint(&w->block, count);
    for (size_t i = 0; i < count; i++)
        buf_varint(&w->block, number[i] - (i == 0 ? 0 : number[i - 1]));
    w->block_hash = w->hash;
    return w->block.len >= HASHRUN_BLOCK ? end_block(w, e) : buf_done(&w->block, e);
}

static status end_group(struct hashrun_writer *w, err *e)
{
    for (size_t at = 0; at < w->group.count; at += HASHRUN_GROUP) {
        size_t left = w->group.count - at;
        TRY(put_part(w, w->group.seq + at, left < HASHRUN_GROUP ? left : HASHRUN_GROUP, e));
    }
    w->group.count = 0;
    return DONE;
}

status hashrun_put(struct hashrun_writer *w, uint64_t hash, uint64_t number, err *e)
{
    const struct seqlist *g = &w->group;
    if (w->any && (hash < w->hash || (hash == w->hash && g->count > 0 && number < g->seq[g->count - 1])))
        return err_set(e, ERR_VALIDATION, "%s: its pairs do not ascend", w->path);
    if (hash >> HASHRUN_BITS != 0)
        return err_set(e, ERR_VALIDATION, "%s: a hash of more than %d bits", w->path, HASHRUN_BITS);
    if (g->count > 0 && hash == w->hash && number == g->seq[g->count - 1])
        return DONE;
    /* A large group is written in parts, but its last number stays to be compared with. */
    if (hash != w->hash || !w->any) {
        TRY(end_group(w, e));
    } else if (g->count == HASHRUN_GROUP + 1) {
        const uint64_t last = g->seq[HASHRUN_GROUP];
        TRY(put_part(w, g->seq, HASHRUN_GROUP, e));
        w->group.seq[0] = last;
        w->group.count = 1;
    }
    w->any = true;
    w->hash = hash;
    w->pairs++;
    return seqlist_add(&w->group, number, e);
}

static status write_head(struct hashrun_writer *w, const struct hashrun_head *h, err *e)
{
    OWNED(buf) struct buf head = {0};
    buf_bytes(&head, HASHRUN_MAGIC, sizeof HASHRUN_MAGIC - 1);
    buf_bytes(&head, h->node.b, sizeof h->node.b);
    buf_bytes(&head, h->incarnation.b, sizeof h->incarnation.b);
    buf_le64(&head, h->first);
    buf_le64(&head, h->last);
    buf_le64(&head, h->lsn);
    buf_le64(&head, w->pairs);
    buf_le64(&head, w->offset);
    buf_le32(&head, w->blocks);
    buf_le32(&head, crc32c(0, buf_view(&head)));
    TRY(buf_done(&head, e));
    return io_write_at(w->file, 0, buf_view(&head), e);
}

status hashrun_publish(struct hashrun_writer *w, const struct hashrun_head *head, err *e)
{
    TRY(end_group(w, e));
    TRY(end_block(w, e));
    buf_le32(&w->directory, crc32c(0, buf_view(&w->directory)));
    TRY(buf_done(&w->directory, e));
    TRY(io_write(w->file, buf_view(&w->directory), e));
    TRY(write_head(w, head, e));
    TRY(io_sync(w->file, e));
    TRY(io_publish(w->part, w->path, e));
    io_close(w->file);
    w->file = NULL;
    return DONE;
}
