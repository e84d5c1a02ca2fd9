#include "store/snapparts.h"

/* Opens part number p->count for writing and appends `first` to it. */
static status begin_part(struct snapparts *p, struct bytes first, err *e)
{
    OWNED(text) char *path = snaplayout_path(p->base, p->count, true);
    if (path == NULL)
        return err_no_memory(e);
    TRY(io_open(path, IO_TRUNCATE, &p->file, e));
    p->count++;
    p->offset = 0;
    return snapparts_append(p, first, e);
}

status snapparts_begin(struct snapparts *p, const char *base, const Pgstrand__SnapshotHeader *header,
                       uint64_t rollover, err *e)
{
    OWNED(buf) struct buf whole = {0};
    OWNED(hasher) struct hasher *h = NULL;
    *p = (struct snapparts){.role = header->role, .rollover = rollover};
    memcpy(p->snapshot.b, header->snapshot.data, sizeof p->snapshot.b);
    TRY(snaplayout_header(header, &whole, e));
    TRY(hasher_new(&h, e));
    TRY(hasher_once(h, buf_view(&whole), p->header_hash, e));
    p->base = strdup(base);
    if (p->base == NULL)
        return err_no_memory(e);
    return begin_part(p, buf_view(&whole), e);
}

status snapparts_reserve(struct snapparts *p, uint64_t len, err *e)
{
    bool empty = p->count > 1 && p->offset == SNAP_PART_HEADER_LEN;
    if (empty || p->offset + len <= p->rollover)
        return DONE;
    if (p->count == SNAP_PARTS_MAX)
        return err_set(e, ERR_STORAGE, "%s: too many parts", p->base);
    OWNED(buf) struct buf first = {0};
    snaplayout_part_encode(&p->snapshot, p->role, p->count, &first);
    TRY(buf_done(&first, e));
    TRY(snapparts_end(p, e));
    return begin_part(p, buf_view(&first), e);
}

status snapparts_append(struct snapparts *p, struct bytes data, err *e)
{
    TRY(io_write(p->file, data, e));
    p->offset += data.len;
    p->total += data.len;
    return DONE;
}

status snapparts_end(struct snapparts *p, err *e)
{
    TRY(io_sync(p->file, e));
    io_close(p->file);
    p->file = NULL;
    return DONE;
}

status snapparts_publish(struct snapparts *p, err *e)
{
    for (uint32_t i = 0; i < p->count; i++) {
        OWNED(text) char *from = snaplayout_path(p->base, i, true);
        OWNED(text) char *to = snaplayout_path(p->base, i, false);
        if (from == NULL || to == NULL)
            return err_no_memory(e);
        TRY(io_publish(from, to, e));
    }
    return DONE;
}

void snapparts_discard(struct snapparts *p)
{
    if (p->base == NULL)
        return;
    for (uint32_t i = 0; i < 2 * p->count; i++) {
        OWNED(text) char *path = snaplayout_path(p->base, i / 2, i % 2 == 0);
        err ignored = ERR_INIT; /* what stays is removed by chain_tidy */
        if (path != NULL)
            (void)io_unlink(path, &ignored).ok;
    }
}

void snapparts_fini(struct snapparts *p)
{
    io_close(p->file);
    free(p->base);
    *p = (struct snapparts){0};
}
