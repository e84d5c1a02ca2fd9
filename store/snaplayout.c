/*
 * All integers little-endian.
 *
 * File header                           Header of a further part        Trailer, at the end of the last part
 *      0  8  magic "PGSTRSNP"                0  8  magic "PGSTRPRT"         0  8  offset of the section list
 *      8  4  format major                    8  4  format major             8  4  length of its frame
 *     12  4  oldest reader                  12  4  role                    12  4  number of parts
 *     16  4  length L of the message        16  4  part, from 1            16  4  CRC32C of bytes 0 to 15
 *     20  L  SnapshotHeader                 20 16  snapshot UUID           20  8  magic "PGSTREND"
 *   20+L  4  CRC32C of all before           36  4  CRC32C of all before
 */
#include "store/snaplayout.h"

#include "proto/base/crc32c.h"
#include "proto/base/reader.h"
#include "proto/pbmem.h"
#include "proto/tier.h"

static const char file_magic[] = "PGSTRSNP";
static const char part_magic[] = "PGSTRPRT";
static const char end_magic[] = "PGSTREND";

const char *snaplayout_suffix(Pgstrand__FileRole role)
{
    return role == PGSTRAND__FILE_ROLE__DEVICE_FILE ? ".device" : ".snap";
}

char *snaplayout_path(const char *base, uint32_t part, bool staged)
{
    char *path = NULL;
    const char *end = staged ? ".part" : "";
    int len = part == 0 ? asprintf(&path, "%s%s", base, end) : asprintf(&path, "%s.%u%s", base, part, end);
    return len < 0 ? NULL : path;
}

static void seal(struct buf *out, size_t from)
{
    if (!out->bad)
        buf_le32(out, crc32c(0, bytes_of(out->data + from, out->len - from)));
}

status snaplayout_header(const Pgstrand__SnapshotHeader *header, struct buf *out, err *e)
{
    OWNED(buf) struct buf message = {0};
    TRY(pbmem_pack(&header->base, &message, e));
    if (message.len > SNAP_HEADER_MAX)
        return err_set(e, ERR_VALIDATION, "the snapshot's description is too long");
    size_t from = out->len;
    buf_bytes(out, file_magic, SNAP_MAGIC_LEN);
    buf_le32(out, SNAP_FORMAT_MAJOR);
    buf_le32(out, SNAP_OLDEST_READER);
    buf_le32(out, (uint32_t)message.len);
    buf_bytes(out, message.data, message.len);
    seal(out, from);
    return buf_done(out, e);
}

status snaplayout_header_len(const uint8_t preamble[static SNAP_PREAMBLE_LEN], size_t *out, err *e)
{
    struct reader r = reader_over(bytes_of(preamble, SNAP_PREAMBLE_LEN));
    if (!bytes_equal(reader_bytes(&r, SNAP_MAGIC_LEN), bytes_text(file_magic)))
        return err_set(e, ERR_STORAGE, "not a pgstrand snapshot file");
    uint32_t major = reader_le32(&r), oldest = reader_le32(&r), len = reader_le32(&r);
    if (oldest > SNAP_FORMAT_MAJOR)
        return err_set(e, ERR_REFUSED, "written by a newer pgstrand (format %u): use that version", major);
    if (major < oldest || oldest == 0 || len > SNAP_HEADER_MAX)
        return err_set(e, ERR_STORAGE, "a malformed snapshot header");
    *out = SNAP_PREAMBLE_LEN + (size_t)len + 4;
    return DONE;
}

/* Is the CRC in the last four bytes that of the bytes before? */
static bool sealed(struct bytes whole)
{
    struct reader r = reader_over(bytes_of(whole.data + whole.len - 4, 4));
    return crc32c(0, bytes_of(whole.data, whole.len - 4)) == reader_le32(&r);
}

status snaplayout_header_decode(struct bytes whole, Pgstrand__SnapshotHeader **out, err *e)
{
    size_t len = 0;
    if (whole.len < SNAP_PREAMBLE_LEN + 4)
        return err_set(e, ERR_STORAGE, "a snapshot header cut short");
    TRY(snaplayout_header_len(whole.data, &len, e));
    if (whole.len != len || !sealed(whole))
        return err_set(e, ERR_STORAGE, "the snapshot header's CRC does not match its bytes");
    PB_OWNED(Pgstrand__SnapshotHeader) *header = NULL;
    struct bytes message = bytes_of(whole.data + SNAP_PREAMBLE_LEN, whole.len - SNAP_PREAMBLE_LEN - 4);
    TRY(PB_UNPACK(header, pgstrand__snapshot_header__descriptor, message, "snapshot header", 0, e));
    TRY(snaplayout_header_check(header, e));
    *out = header;
    header = NULL;
    return DONE;
}

static bool is_uuid(const ProtobufCBinaryData *d)
{
    return d->len == sizeof(uuid);
}

static bool ids_valid(const Pgstrand__SnapshotHeader *h)
{
    return is_uuid(&h->snapshot) && is_uuid(&h->node) && is_uuid(&h->device) && is_uuid(&h->incarnation) &&
           is_uuid(&h->dataset) && (!h->has_parent || is_uuid(&h->parent)) &&
           (!h->has_base_snapshot || is_uuid(&h->base_snapshot)) &&
           (!h->has_parent_hash || h->parent_hash.len == SHA256_LEN) && h->has_parent == h->has_parent_hash;
}

status snaplayout_header_check(const Pgstrand__SnapshotHeader *h, err *e)
{
    bool role = h->role == PGSTRAND__FILE_ROLE__SNAP || h->role == PGSTRAND__FILE_ROLE__DEVICE_FILE;
    bool type = h->type >= PGSTRAND__SNAPSHOT_TYPE__FULL && h->type <= PGSTRAND__SNAPSHOT_TYPE__DIFFERENTIAL;
    if (!role || !type || !ids_valid(h))
        return err_set(e, ERR_STORAGE, "a snapshot header with an impossible role, type or identity");
    if (h->last_seq > SEQ_MAX || h->first_seq > h->last_seq + 1)
        return err_set(e, ERR_STORAGE, "a snapshot header with an impossible range of actions");
    if ((h->feature_incompatible & ~SNAP_FEATURES) != 0)
        return err_set(e, ERR_REFUSED, "the snapshot uses features of a newer pgstrand: use that version");
    return DONE;
}

void snaplayout_part_encode(const uuid *snapshot, Pgstrand__FileRole role, uint32_t part, struct buf *out)
{
    size_t from = out->len;
    buf_bytes(out, part_magic, SNAP_MAGIC_LEN);
    buf_le32(out, SNAP_FORMAT_MAJOR);
    buf_le32(out, (uint32_t)role);
    buf_le32(out, part);
    buf_bytes(out, snapshot->b, sizeof snapshot->b);
    seal(out, from);
}

status snaplayout_part_check(struct bytes raw, const uuid *snapshot, Pgstrand__FileRole role, uint32_t part,
                             err *e)
{
    OWNED(buf) struct buf wanted = {0};
    snaplayout_part_encode(snapshot, role, part, &wanted);
    TRY(buf_done(&wanted, e));
    if (!bytes_equal(raw, buf_view(&wanted)))
        return err_set(e, ERR_STORAGE, "not the part of the snapshot that its name says");
    return DONE;
}

void snaplayout_trailer_encode(const struct snaptrailer *t, struct buf *out)
{
    size_t from = out->len;
    buf_le64(out, t->list_offset);
    buf_le32(out, t->list_length);
    buf_le32(out, t->parts);
    seal(out, from);
    buf_bytes(out, end_magic, SNAP_MAGIC_LEN);
}

status snaplayout_trailer_decode(struct bytes raw, struct snaptrailer *out, err *e)
{
    struct reader r = reader_over(raw);
    out->list_offset = reader_le64(&r);
    out->list_length = reader_le32(&r);
    out->parts = reader_le32(&r);
    uint32_t crc = reader_le32(&r);
    struct bytes magic = reader_bytes(&r, SNAP_MAGIC_LEN);
    if (!reader_ok(&r) || r.left != 0 || !bytes_equal(magic, bytes_text(end_magic)))
        return err_set(e, ERR_STORAGE, "the file does not end as a snapshot file does: it is cut short");
    if (crc32c(0, bytes_of(raw.data, 16)) != crc)
        return err_set(e, ERR_STORAGE, "the trailer's CRC does not match its bytes");
    return DONE;
}

Pgstrand__FileRole snaplayout_role(Pgstrand__Tier tier)
{
    return tier == PGSTRAND__TIER__DEVICE ? PGSTRAND__FILE_ROLE__DEVICE_FILE : PGSTRAND__FILE_ROLE__SNAP;
}

bool snaplayout_section_valid(Pgstrand__Tier tier, Pgstrand__SectionKind kind)
{
    return tier >= PGSTRAND__TIER__BUSINESS && tier <= PGSTRAND__TIER__DEVICE &&
           kind >= PGSTRAND__SECTION_KIND__SCHEMA && kind <= PGSTRAND__SECTION_KIND__CONFIG;
}

const char *snaplayout_section_name(Pgstrand__Tier tier, Pgstrand__SectionKind kind,
                                    char out[static SNAP_SECTION_TEXT])
{
    static const char *const kinds[] = {"?",        "schema",    "rows",   "actions",
                                        "entities", "sequences", "assets", "config"};
    bool valid = snaplayout_section_valid(tier, kind);
    (void)snprintf(out, SNAP_SECTION_TEXT, "%s %s", valid ? tier_name((enum tier)tier) : "?",
                   kinds[valid ? kind : 0]);
    return out;
}
