#include "store/hashrun.h"

#include "proto/base/crc32c.h"
#include "proto/base/reader.h"
#include "store/hashrunform.h"
#include "store/io.h"

struct hashrun {
    struct io_file *file;
    struct hashrun_head head;
    uint8_t *directory; /* `blocks` entries */
    uint32_t blocks;
    uint64_t end; /* offset of the directory: where the last block ends */

    /* the block that was read last */
    uint8_t *block;
    uint32_t at; /* its number */
    struct reader rest;
    uint64_t hash; /* of the group one is in */
    uint64_t left; /* of its numbers */
    uint64_t number;
    bool begun; /* hashrun_next */
};

static status damaged(const struct hashrun *r, const char *what, err *e)
{
    return err_set(e, ERR_STORAGE, "%s: %s is damaged", io_path(r->file), what);
}

bool hashrun_is_damage(const err *e)
{
    return e->class == ERR_STORAGE && e->origin == FROM_SELF;
}

static uint64_t entry(const struct hashrun *r, uint32_t block, size_t word)
{
    struct reader at = reader_over(bytes_of(r->directory + (size_t)block * HASHRUN_ENTRY + word * 8, 8));
    return reader_le64(&at);
}

static status read_head(struct hashrun *r, uint64_t *offset, err *e)
{
    uint8_t raw[HASHRUN_HEAD];
    TRY(io_read_at(r->file, 0, raw, sizeof raw, e));
    struct reader in = reader_over(bytes_of(raw, sizeof raw));
    const struct bytes magic = reader_bytes(&in, sizeof HASHRUN_MAGIC - 1);
    const struct bytes node = reader_bytes(&in, sizeof r->head.node.b);
    const struct bytes incarnation = reader_bytes(&in, sizeof r->head.incarnation.b);
    TRY(uuid_from_bytes(node, "a run's node", &r->head.node, e));
    TRY(uuid_from_bytes(incarnation, "a run's incarnation", &r->head.incarnation, e));
    r->head.first = reader_le64(&in);
    r->head.last = reader_le64(&in);
    r->head.lsn = reader_le64(&in);
    r->head.pairs = reader_le64(&in);
    *offset = reader_le64(&in);
    r->blocks = reader_le32(&in);
    const uint32_t sum = reader_le32(&in);
    if (!bytes_equal(magic, bytes_text(HASHRUN_MAGIC)) || sum != crc32c(0, bytes_of(raw, sizeof raw - 4)))
        return damaged(r, "its head", e);
    return DONE;
}

static status read_directory(struct hashrun *r, err *e)
{
    uint64_t size = 0;
    const size_t len = (size_t)r->blocks * HASHRUN_ENTRY;
    TRY(io_size(r->file, &size, e));
    if (r->end < HASHRUN_HEAD || size != r->end + len + 4)
        return err_set(e, ERR_STORAGE, "%s: is truncated", io_path(r->file));
    r->directory = malloc(len + 4);
    r->block = malloc(HASHRUN_BLOCK_MAX);
    if (r->directory == NULL || r->block == NULL)
        return err_no_memory(e);
    TRY(io_read_at(r->file, r->end, r->directory, len + 4, e));
    struct reader sum = reader_over(bytes_of(r->directory + len, 4));
    if (reader_le32(&sum) != crc32c(0, bytes_of(r->directory, len)))
        return damaged(r, "its directory", e);
    return DONE;
}

status hashrun_open(const char *path, struct hashrun **out, err *e)
{
    OWNED(hashrun) struct hashrun *r = calloc(1, sizeof *r);
    if (r == NULL)
        return err_no_memory(e);
    TRY(io_open(path, IO_READ, &r->file, e));
    TRY(read_head(r, &r->end, e));
    TRY(read_directory(r, e));
    *out = r;
    r = NULL;
    return DONE;
}

void hashrun_close(struct hashrun *r)
{
    if (r == NULL)
        return;
    io_close(r->file);
    free(r->directory);
    free(r->block);
    free(r);
}

const struct hashrun_head *hashrun_head(const struct hashrun *r)
{
    return &r->head;
}

static status read_block(struct hashrun *r, uint32_t number, err *e)
{
    const uint64_t from = entry(r, number, 1);
    const uint64_t to = number + 1 < r->blocks ? entry(r, number + 1, 1) : r->end;
    if (from < HASHRUN_HEAD || to > r->end || to < from + 4 || to - from > HASHRUN_BLOCK_MAX)
        return damaged(r, "its directory", e);
    const size_t len = (size_t)(to - from) - 4;
    TRY(io_read_at(r->file, from, r->block, len + 4, e));
    struct reader sum = reader_over(bytes_of(r->block + len, 4));
    if (reader_le32(&sum) != crc32c(0, bytes_of(r->block, len)))
        return damaged(r, "a block", e);
    r->at = number;
    r->rest = reader_over(bytes_of(r->block, len));
    r->hash = entry(r, number, 0);
    r->left = 0;
    return DONE;
}

/* The head of the next group of the block; false at its end. */
static bool next_group(struct hashrun *r)
{
    if (r->rest.left == 0 || !reader_ok(&r->rest))
        return false;
    r->hash += reader_varint(&r->rest);
    r->left = reader_varint(&r->rest);
    r->number = 0;
    return reader_ok(&r->rest) && r->left > 0;
}

static bool next_number(struct hashrun *r)
{
    if (r->left == 0)
        return false;
    r->left--;
    r->number += reader_varint(&r->rest);
    return reader_ok(&r->rest);
}

/* The first block that may have the hash: the one before the first that begins with it or behind it. */
static uint32_t first_block(const struct hashrun *r, uint64_t hash)
{
    uint32_t low = 0, high = r->blocks;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (entry(r, middle, 0) < hash)
            low = middle + 1;
        else
            high = middle;
    }
    return low == 0 ? 0 : low - 1;
}

status hashrun_find(struct hashrun *r, uint64_t hash, struct seqlist *out, err *e)
{
    for (uint32_t b = first_block(r, hash); b < r->blocks && entry(r, b, 0) <= hash; b++) {
        TRY(read_block(r, b, e));
        while (next_group(r) && r->hash <= hash)
            while (next_number(r))
                if (r->hash == hash)
                    TRY(seqlist_add(out, r->number, e));
        if (!reader_ok(&r->rest))
            return damaged(r, "a block", e);
    }
    return DONE;
}

status hashrun_next(struct hashrun *r, uint64_t *hash, uint64_t *number, bool *end, err *e)
{
    *end = false;
    for (;;) {
        if (r->begun && next_number(r)) {
            *hash = r->hash;
            *number = r->number;
            return DONE;
        }
        if (r->begun && reader_ok(&r->rest) && next_group(r))
            continue;
        if (r->begun && (!reader_ok(&r->rest) || r->rest.left > 0))
            return damaged(r, "a block", e);
        *end = r->begun ? r->at + 1 >= r->blocks : r->blocks == 0;
        if (*end)
            return DONE;
        TRY(read_block(r, r->begun ? r->at + 1 : 0, e));
        r->begun = true;
    }
}
