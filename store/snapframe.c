/*
 * The 64 bytes before each frame, little-endian:
 *
 *      0  4  magic "PGSF"
 *      4  2  type: 1 data, 2 index, 3 section list
 *      6  2  flags: 1 first, 2 last frame of its payload, 4 rows by column
 *      8  4  section number within the snapshot (0 in a row file)
 *     12  4  frame number within the section, each type counted from 0
 *     16  4  table number (0: several or none)
 *     20  4  stored length: bytes after this header
 *     24  4  raw length: bytes after decompression
 *     28  4  zero
 *     32  8  first seq
 *     40  8  last seq
 *     48 12  zero
 *     60  4  CRC32C of bytes 0 to 59 and of the stored bytes
 */
#include "store/snapframe.h"

#include "proto/base/crc32c.h"
#include "proto/base/reader.h"

#define FRAME_MAGIC 0x46534750u /* "PGSF" */
#define CRC_AT 60

static const char leaf_domain[] = "pgstrand-leaf-v1";

static uint8_t *put(uint8_t *at, uint64_t value, size_t width)
{
    for (size_t i = 0; i < width; i++, value >>= 8)
        at[i] = (uint8_t)value;
    return at + width;
}

static uint32_t frame_crc(const uint8_t *header, struct bytes stored)
{
    return crc32c(crc32c(0, bytes_of(header, CRC_AT)), stored);
}

void snapframe_encode(const struct frame *f, struct bytes stored, uint8_t out[static FRAME_HEADER_LEN])
{
    uint8_t *at = put(out, FRAME_MAGIC, 4);
    at = put(at, f->type, 2);
    at = put(at, f->flags, 2);
    at = put(at, f->section, 4);
    at = put(at, f->number, 4);
    at = put(at, f->table, 4);
    at = put(at, stored.len, 4);
    at = put(at, f->raw, 4);
    at = put(at, 0, 4);
    at = put(at, f->first_seq, 8);
    at = put(at, f->last_seq, 8);
    at = put(at, 0, 8);
    at = put(at, 0, 4);
    put(at, frame_crc(out, stored), 4);
}

/* Rows by column are never spread over frames. */
static bool flags_valid(const struct frame *f)
{
    const uint32_t whole = FRAME_FIRST | FRAME_LAST, layout = f->flags & ~whole;
    if (layout == 0)
        return true;
    return (layout == FRAME_COLUMNS || layout == FRAME_ACTIONS) && f->type == FRAME_DATA &&
           (f->flags & whole) == whole;
}

status snapframe_decode(const uint8_t header[static FRAME_HEADER_LEN], struct frame *out, err *e)
{
    struct reader r = reader_over(bytes_of(header, FRAME_HEADER_LEN));
    if (reader_le32(&r) != FRAME_MAGIC)
        return err_set(e, ERR_STORAGE, "no frame where one should begin");
    uint32_t type_and_flags = reader_le32(&r);
    out->type = (enum frame_type)(type_and_flags & 0xffff);
    out->flags = type_and_flags >> 16;
    out->section = reader_le32(&r);
    out->number = reader_le32(&r);
    out->table = reader_le32(&r);
    out->stored = reader_le32(&r);
    out->raw = reader_le32(&r);
    uint32_t spare = reader_le32(&r);
    out->first_seq = reader_le64(&r);
    out->last_seq = reader_le64(&r);
    if (out->type < FRAME_DATA || out->type > FRAME_LIST || !flags_valid(out))
        return err_set(e, ERR_STORAGE, "a frame of unknown type %u or flags %u", (unsigned)out->type,
                       out->flags);
    if (spare != 0 || reader_le64(&r) != 0 || reader_le32(&r) != 0)
        return err_set(e, ERR_STORAGE, "a frame header with something where zeroes should be");
    if (out->raw > FRAME_RAW_MAX || out->stored > FRAME_STORED_MAX)
        return err_set(e, ERR_STORAGE, "a frame of %u bytes (%u decompressed), more than frames can have",
                       out->stored, out->raw);
    return DONE;
}

status snapframe_check(const uint8_t header[static FRAME_HEADER_LEN], struct bytes stored, err *e)
{
    struct reader r = reader_over(bytes_of(header + CRC_AT, 4));
    if (frame_crc(header, stored) != reader_le32(&r))
        return err_set(e, ERR_STORAGE, "a frame's CRC does not match its bytes");
    return DONE;
}

status snapframe_leaf(struct hasher *h, const uint8_t header[static FRAME_HEADER_LEN], struct bytes stored,
                      uint8_t leaf[static SHA256_LEN], err *e)
{
    TRY(hasher_start(h, e));
    TRY(hasher_add(h, bytes_of(leaf_domain, sizeof leaf_domain - 1), e));
    TRY(hasher_add(h, bytes_of(header, FRAME_HEADER_LEN), e));
    TRY(hasher_add(h, stored, e));
    return hasher_end(h, leaf, e);
}
