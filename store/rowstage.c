/*
 * Row file, little-endian:
 *
 *      0  8  magic "PGSTRROW"
 *      8     frames of type data: section 0, table 0, numbers from 0
 *   then     trailer:
 *      0  8  magic "PGSTRRWE"
 *      8  4  number of frames
 *     12  8  bytes of all frames, headers included
 *     20  8  rows
 *     28 32  digest of the table
 *     60  8  zero
 *     68  4  CRC32C of bytes 0 to 67
 */
#include "store/rowstage.h"

#include "proto/base/crc32c.h"
#include "proto/base/reader.h"

const char rowstage_magic[ROWFILE_MAGIC_LEN + 1] = "PGSTRROW";
static const char end_magic[] = "PGSTRRWE";

void rowstage_trailer(uint32_t frames, uint64_t stored, const struct table_digest *digest, struct buf *out)
{
    uint8_t sum[SHA256_LEN];
    size_t from = out->len;
    table_digest_bytes(digest, sum);
    buf_bytes(out, end_magic, ROWFILE_MAGIC_LEN);
    buf_le32(out, frames);
    buf_le64(out, stored);
    buf_le64(out, digest->rows);
    buf_bytes(out, sum, sizeof sum);
    buf_le64(out, 0);
    if (!out->bad)
        buf_le32(out, crc32c(0, bytes_of(out->data + from, out->len - from)));
}

static status read_trailer(struct rowstage *s, err *e)
{
    uint8_t raw[ROWFILE_TRAILER_LEN];
    TRY(io_read_at(s->file, s->size - sizeof raw, raw, sizeof raw, e));
    struct reader r = reader_over(bytes_of(raw, sizeof raw));
    struct bytes magic = reader_bytes(&r, ROWFILE_MAGIC_LEN);
    s->frames = reader_le32(&r);
    s->stored = reader_le64(&r);
    uint64_t rows = reader_le64(&r);
    table_digest_load(&s->digest, reader_bytes(&r, SHA256_LEN).data, rows);
    uint64_t zero = reader_le64(&r);
    bool whole = bytes_equal(magic, bytes_text(end_magic)) && zero == 0 &&
                 crc32c(0, bytes_of(raw, sizeof raw - 4)) == reader_le32(&r) &&
                 s->stored == s->size - ROWFILE_MAGIC_LEN - ROWFILE_TRAILER_LEN;
    return whole ? DONE : err_set(e, ERR_STORAGE, "%s: the staged rows are cut short", io_path(s->file));
}

status rowstage_open(const char *path, struct rowstage **out, err *e)
{
    uint8_t magic[ROWFILE_MAGIC_LEN];
    OWNED(rowstage) struct rowstage *s = calloc(1, sizeof *s);
    if (s == NULL)
        return err_no_memory(e);
    TRY(io_open(path, IO_READ, &s->file, e));
    TRY(io_size(s->file, &s->size, e));
    if (s->size < ROWFILE_MAGIC_LEN + ROWFILE_TRAILER_LEN)
        return err_set(e, ERR_STORAGE, "%s: the staged rows are cut short", path);
    TRY(io_read_at(s->file, 0, magic, sizeof magic, e));
    if (memcmp(magic, rowstage_magic, sizeof magic) != 0)
        return err_set(e, ERR_STORAGE, "%s: not a file of staged rows", path);
    TRY(read_trailer(s, e));
    s->at = ROWFILE_MAGIC_LEN;
    s->buffer = malloc(FRAME_STORED_MAX);
    if (s->buffer == NULL)
        return err_no_memory(e);
    *out = s;
    s = NULL;
    return DONE;
}

void rowstage_free(struct rowstage *s)
{
    if (s == NULL)
        return;
    io_close(s->file);
    free(s->buffer);
    free(s);
}

static status next(struct rowstage *s, struct frame *f, struct bytes *stored, err *e)
{
    uint8_t header[FRAME_HEADER_LEN];
    uint64_t end = s->size - ROWFILE_TRAILER_LEN;
    if (end - s->at < sizeof header)
        return err_set(e, ERR_STORAGE, "a frame is missing");
    TRY(io_read_at(s->file, s->at, header, sizeof header, e));
    TRY(snapframe_decode(header, f, e));
    if (f->type != FRAME_DATA || f->section != 0 || f->table != 0 || f->number != s->next ||
        f->stored > end - s->at - sizeof header)
        return err_set(e, ERR_STORAGE, "a frame that does not belong there");
    TRY(io_read_at(s->file, s->at + sizeof header, s->buffer, f->stored, e));
    *stored = bytes_of(s->buffer, f->stored);
    TRY(snapframe_check(header, *stored, e));
    s->at += sizeof header + f->stored;
    s->next++;
    return DONE;
}

status rowstage_next(struct rowstage *s, struct frame *f, struct bytes *stored, err *e)
{
    if (!next(s, f, stored, e).ok)
        return err_wrap(e, "%s: frame %u of %u", io_path(s->file), s->next, s->frames);
    return DONE;
}

status rowstage_done(const struct rowstage *s, err *e)
{
    if (s->next != s->frames || s->at != s->size - ROWFILE_TRAILER_LEN)
        return err_set(e, ERR_STORAGE, "%s: the staged rows are not those the trailer tells of",
                       io_path(s->file));
    return DONE;
}
