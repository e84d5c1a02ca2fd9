#include "store/bulkreader.h"

#include "proto/base/crc32c.h"
#include "proto/wire.h"
#include "store/io.h"

#define MAPPED ((size_t)8 << 20) /* a longer block is mapped: it holds a huge row */
#define KIND_LEN 2u              /* every Action begins with its kind: tag and value, a byte each */

struct bulkreader {
    struct io_file *file;
    struct bulk_place extent;
    struct bulk_place next; /* the block after the one in hand */
    struct buf block;
    struct io_map map;  /* of a long block, instead */
    struct reader left; /* of the block */
    uint64_t ordinal;   /* of the next action */
    struct buf truncated;
};

status bulkreader_open(const char *path, const struct bulk_place *extent, struct bulkreader **out, err *e)
{
    OWNED(bulkreader) struct bulkreader *r = calloc(1, sizeof *r);
    if (r == NULL)
        return err_no_memory(e);
    TRY(io_open(path, IO_READ, &r->file, e));
    r->extent = *extent;
    *out = r;
    r = NULL;
    return DONE;
}

void bulkreader_close(struct bulkreader *r)
{
    if (r == NULL)
        return;
    io_close(r->file);
    io_unmap(&r->map);
    buf_fini(&r->block);
    buf_fini(&r->truncated);
    free(r);
}

static status damaged(const struct bulkreader *r, err *e)
{
    return err_set(e, ERR_STORAGE, "%s is damaged: the block at byte %llu is not what was written",
                   io_path(r->file), (unsigned long long)r->next.bytes);
}

struct head {
    uint8_t raw[BULK_HEAD];
    uint32_t len;
    uint32_t actions;
    uint32_t crc;
};

static status read_head(struct bulkreader *r, struct head *h, err *e)
{
    if (r->extent.bytes - r->next.bytes < BULK_HEAD)
        return damaged(r, e);
    TRY(io_read_at(r->file, r->next.bytes, h->raw, sizeof h->raw, e));
    struct reader in = reader_over(bytes_of(h->raw, sizeof h->raw));
    h->len = reader_le32(&in);
    h->actions = reader_le32(&in);
    h->crc = reader_le32(&in);
    if (h->actions == 0 || h->len < h->actions || h->len > BULK_LIMIT ||
        h->len > r->extent.bytes - r->next.bytes - BULK_HEAD ||
        h->actions > r->extent.actions - r->next.actions)
        return damaged(r, e);
    return DONE;
}

static void step_over(struct bulkreader *r, const struct head *h)
{
    r->next.bytes += BULK_HEAD + h->len;
    r->next.actions += h->actions;
}

static status load_block(struct bulkreader *r, const struct head *h, struct bytes *out, err *e)
{
    if (r->block.cap > 4 * BULK_BLOCK) /* of a large row */
        buf_fini(&r->block);
    buf_reset(&r->block);
    uint8_t *room = buf_room(&r->block, h->len);
    if (room == NULL)
        return err_no_memory(e);
    TRY(io_read_at(r->file, r->next.bytes + BULK_HEAD, room, h->len, e));
    r->block.len = h->len;
    *out = buf_view(&r->block);
    return DONE;
}

static status map_block(struct bulkreader *r, const struct head *h, struct bytes *out, err *e)
{
    TRY(io_map(r->file, r->next.bytes + BULK_HEAD, h->len, &r->map, e));
    *out = bytes_of(r->map.data, r->map.len);
    return DONE;
}

static status read_block(struct bulkreader *r, const struct head *h, err *e)
{
    struct bytes block;
    io_unmap(&r->map);
    TRY(h->len > MAPPED ? map_block(r, h, &block, e) : load_block(r, h, &block, e));
    if (crc32c(crc32c(0, bytes_of(h->raw, 8)), block) != h->crc)
        return damaged(r, e);
    r->left = reader_over(block);
    r->ordinal = r->next.actions;
    step_over(r, h);
    return DONE;
}

static struct bytes next_record(struct bulkreader *r)
{
    const uint64_t len = reader_varint(&r->left);
    r->ordinal++;
    return reader_bytes(&r->left, len > SIZE_MAX ? SIZE_MAX : (size_t)len);
}

/* Every head is looked at, to the end: what one of them says shifts all that follow, and only the sums show
 * it. */
status bulkreader_seek(struct bulkreader *r, uint64_t ordinal, err *e)
{
    struct head wanted = {0};
    struct bulk_place place = {0};
    r->next = (struct bulk_place){0};
    r->left = (struct reader){0};
    while (r->next.actions < r->extent.actions) {
        struct head h;
        TRY(read_head(r, &h, e));
        if (ordinal >= r->next.actions && ordinal - r->next.actions < h.actions) {
            wanted = h;
            place = r->next;
        }
        step_over(r, &h);
    }
    if (wanted.actions == 0 || r->next.bytes != r->extent.bytes)
        return damaged(r, e);
    r->next = place;
    TRY(read_block(r, &wanted, e));
    while (r->ordinal < ordinal)
        (void)next_record(r);
    return reader_ok(&r->left) ? DONE : damaged(r, e);
}

/* The version of a number; 0: there is none, and the record is malformed. */
static uint32_t version_of(const struct bulk_versions *versions, uint64_t number)
{
    return number == 0 || number > versions->count ? 0 : versions->version[number - 1];
}

static status compose_truncate(struct bulkreader *r, struct bytes raw, const struct bulk_versions *versions,
                               struct buf *out, err *e)
{
    struct action a;
    TRY(action_decode(raw, &a, e));
    buf_reset(&r->truncated);
    struct reader list = reader_over(a.truncated);
    for (uint32_t number; (number = action_next_truncated(&list)) != 0;) {
        const uint32_t version = version_of(versions, number);
        if (version == 0)
            return damaged(r, e);
        buf_varint(&r->truncated, version);
    }
    TRY(buf_done(&r->truncated, e));
    a.truncated = buf_view(&r->truncated);
    action_encode(&a, false, out);
    return DONE;
}

/* The relation's version goes to where action_encode would have put it: behind the kind. */
static status compose(struct bulkreader *r, struct bytes record, const struct bulk_versions *versions,
                      struct buf *out, err *e)
{
    struct reader in = reader_over(record);
    const uint64_t number = reader_varint(&in);
    struct bytes raw = reader_bytes(&in, in.left);
    const uint32_t version = version_of(versions, number);
    if (!reader_ok(&in) || raw.len < KIND_LEN || (number != 0 && version == 0))
        return damaged(r, e);
    if (raw.data[1] == ACTION_TRUNCATE)
        return compose_truncate(r, raw, versions, out, e);
    buf_bytes(out, raw.data, KIND_LEN);
    if (version != 0)
        action_put_relation(out, version);
    buf_bytes(out, raw.data + KIND_LEN, raw.len - KIND_LEN);
    return DONE;
}

/* The block of the next action is at hand. */
static status need_block(struct bulkreader *r, err *e)
{
    struct head h;
    if (r->left.left > 0)
        return DONE;
    if (r->next.actions == r->extent.actions)
        return damaged(r, e);
    TRY(read_head(r, &h, e));
    return read_block(r, &h, e);
}

status bulkreader_next(struct bulkreader *r, const struct bulk_versions *versions, struct buf *out, err *e)
{
    TRY(need_block(r, e));
    struct bytes record = next_record(r);
    if (!reader_ok(&r->left))
        return damaged(r, e);
    TRY(compose(r, record, versions, out, e));
    return buf_done(out, e);
}

status bulkreader_is_mapped(struct bulkreader *r, bool *mapped, err *e)
{
    TRY(need_block(r, e));
    *mapped = r->map.data != NULL;
    return DONE;
}

/* Puts kind and version right before the rest of the action, over what stood between them: the record's
 * length and number. False when they need more room than that. */
static bool compose_in_place(uint8_t *record, size_t before, size_t number_len, uint32_t version)
{
    OWNED(buf) struct buf head = {0};
    buf_bytes(&head, record + number_len, KIND_LEN);
    if (version != 0)
        action_put_relation(&head, version);
    if (head.bad || head.len > before + number_len + KIND_LEN)
        return false;
    memcpy(record + number_len + KIND_LEN - head.len, head.data, head.len);
    return true;
}

status bulkreader_borrow(struct bulkreader *r, const struct bulk_versions *versions, struct bytes *out,
                         err *e)
{
    *out = (struct bytes){0};
    TRY(need_block(r, e));
    if (r->map.data == NULL)
        return DONE;
    const uint8_t *start = r->left.at;
    const struct reader again = r->left;
    struct bytes record = next_record(r);
    struct reader in = reader_over(record);
    const uint64_t number = reader_varint(&in);
    const uint32_t version = version_of(versions, number);
    const size_t number_len = record.len - in.left, before = (size_t)(record.data - start);
    if (!reader_ok(&r->left) || !reader_ok(&in) || in.left < KIND_LEN || (number != 0 && version == 0))
        return damaged(r, e);
    if (in.at[1] != ACTION_TRUNCATE &&
        compose_in_place(r->map.data + (record.data - r->map.data), before, number_len, version)) {
        const size_t head = KIND_LEN + (version == 0 ? 0 : 1 + wire_varint_size(version));
        const size_t rest = in.left - KIND_LEN;
        *out = bytes_of(record.data + record.len - rest - head, head + rest);
        return DONE;
    }
    r->left = again;
    r->ordinal--;
    return DONE;
}
