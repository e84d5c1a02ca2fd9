#include "store/snapfile.h"

#include <inttypes.h>

#include "proto/actionunpack.h"
#include "proto/pbmem.h"
#include "proto/wire.h"
#include "store/framecoder.h"
#include "store/merkle.h"
#include "store/rowlayout.h"
#include "store/snapframe.h"
#include "store/snapindex.h"

#define WIRE_BYTES 2
#define FIELD_LINES 1 /* RowsFrame.lines */
#define LIST_MEMORY ((size_t)1 << 20)
#define INDEX_MEMORY (8 * SNAP_INDEX_MAX) /* an entry of about 70 bytes takes about 250 when unpacked */

struct snapfile {
    char *base;
    bool staged;
    Pgstrand__FileRole role;
    uuid snapshot;
    uint32_t parts;
    struct io_file *file; /* the part that was read last */
    uint32_t part;        /* its number */
    uint64_t part_size;
    uint64_t total;   /* bytes of all parts */
    uint64_t covered; /* bytes that are known to be part of something */
    uint8_t header_hash[SHA256_LEN];
    Pgstrand__SectionList *list;
    struct buf stored; /* of the frame that was read last */
    struct buf rows;   /* a frame of rows, after it was by column */
    struct framedecoder *decoder;
    struct actionunpack *actions; /* made when it is first needed */
    struct hasher *hasher;
};

static status go_to_part(struct snapfile *f, uint32_t part, err *e)
{
    if (f->file != NULL && f->part == part)
        return DONE;
    OWNED(text) char *path = snaplayout_path(f->base, part, f->staged);
    if (path == NULL)
        return err_no_memory(e);
    io_close(f->file);
    f->file = NULL;
    TRY(io_open(path, IO_READ, &f->file, e));
    TRY(io_size(f->file, &f->part_size, e));
    f->part = part;
    return DONE;
}

static bool holds(const struct snapfile *f, uint64_t offset, uint64_t len)
{
    return offset <= f->part_size && len <= f->part_size - offset;
}

struct placed_frame {
    struct frame frame;
    uint8_t leaf[SHA256_LEN];
    struct bytes raw;
};

/* The frame at an offset of the part that is open. */
static status read_frame(struct snapfile *f, uint64_t offset, struct placed_frame *out, err *e)
{
    uint8_t header[FRAME_HEADER_LEN];
    if (!holds(f, offset, sizeof header))
        return err_set(e, ERR_STORAGE, "cut short before byte %" PRIu64, offset + sizeof header);
    TRY(io_read_at(f->file, offset, header, sizeof header, e));
    TRY(snapframe_decode(header, &out->frame, e));
    if (!holds(f, offset + sizeof header, out->frame.stored))
        return err_set(e, ERR_STORAGE, "cut short inside a frame at byte %" PRIu64, offset);
    buf_reset(&f->stored);
    uint8_t *room = buf_room(&f->stored, out->frame.stored);
    TRY(buf_done(&f->stored, e));
    TRY(io_read_at(f->file, offset + sizeof header, room, out->frame.stored, e));
    struct bytes stored = bytes_of(room, out->frame.stored);
    TRY(snapframe_check(header, stored, e));
    TRY(snapframe_leaf(f->hasher, header, stored, out->leaf, e));
    return framedecoder_decompress(f->decoder, stored, out->frame.raw, &out->raw, e);
}

/* ---- opening ---- */

static status check_header(struct snapfile *f, const Pgstrand__SnapshotHeader *header, err *e)
{
    if (header->role != f->role || memcmp(header->snapshot.data, f->snapshot.b, sizeof f->snapshot.b) != 0)
        return err_set(e, ERR_STORAGE, "the file of another snapshot, or of another tier");
    return DONE;
}

static status read_header(struct snapfile *f, err *e)
{
    uint8_t preamble[SNAP_PREAMBLE_LEN];
    size_t len = 0;
    PB_OWNED(Pgstrand__SnapshotHeader) *header = NULL;
    TRY(io_read_at(f->file, 0, preamble, sizeof preamble, e));
    TRY(snaplayout_header_len(preamble, &len, e));
    OWNED(memory) uint8_t *whole = malloc(len);
    if (whole == NULL)
        return err_no_memory(e);
    TRY(io_read_at(f->file, 0, whole, len, e));
    TRY(snaplayout_header_decode(bytes_of(whole, len), &header, e));
    TRY(check_header(f, header, e));
    f->covered += len;
    return hasher_once(f->hasher, bytes_of(whole, len), f->header_hash, e);
}

static status read_part_header(struct snapfile *f, err *e)
{
    uint8_t raw[SNAP_PART_HEADER_LEN];
    TRY(io_read_at(f->file, 0, raw, sizeof raw, e));
    f->covered += sizeof raw;
    return snaplayout_part_check(bytes_of(raw, sizeof raw), &f->snapshot, f->role, f->part, e);
}

static status read_list(struct snapfile *f, const struct snaptrailer *t, err *e)
{
    struct placed_frame at;
    TRY(read_frame(f, t->list_offset, &at, e));
    uint64_t len = FRAME_HEADER_LEN + (uint64_t)at.frame.stored;
    if (at.frame.type != FRAME_LIST || at.frame.section != 0 || at.frame.number != 0 || at.frame.table != 0 ||
        at.frame.first_seq != 0 || at.frame.last_seq != 0 || at.frame.flags != (FRAME_FIRST | FRAME_LAST) ||
        t->list_length != len || t->list_offset + len + SNAP_TRAILER_LEN != f->part_size)
        return err_set(e, ERR_STORAGE, "the section list is not where the trailer says");
    f->covered += len + SNAP_TRAILER_LEN;
    TRY(PB_UNPACK(f->list, pgstrand__section_list__descriptor, at.raw, "section list", LIST_MEMORY, e));
    return snapindex_list_check(f->list, f->role, f->parts, e);
}

/* The part that is open is the last one. */
static status read_end(struct snapfile *f, err *e)
{
    uint8_t raw[SNAP_TRAILER_LEN];
    struct snaptrailer t;
    if (f->part_size < sizeof raw)
        return err_set(e, ERR_STORAGE, "cut short before its trailer");
    TRY(io_read_at(f->file, f->part_size - sizeof raw, raw, sizeof raw, e));
    TRY(snaplayout_trailer_decode(bytes_of(raw, sizeof raw), &t, e));
    if (t.parts != f->parts)
        return err_set(e, ERR_STORAGE, "has %u parts, where %u were committed", t.parts, f->parts);
    return read_list(f, &t, e);
}

static status open_parts(struct snapfile *f, err *e)
{
    for (uint32_t i = 0; i < f->parts; i++) {
        TRY(go_to_part(f, i, e));
        f->total += f->part_size;
        if (!(i == 0 ? read_header(f, e) : read_part_header(f, e)).ok)
            return err_wrap(e, "%s", io_path(f->file));
    }
    return read_end(f, e).ok ? DONE : err_wrap(e, "%s", io_path(f->file));
}

status snapfile_open(const char *base, enum snapfile_names names, Pgstrand__FileRole role,
                     const uuid *snapshot, uint32_t parts, struct snapfile **out, err *e)
{
    OWNED(snapfile) struct snapfile *f = calloc(1, sizeof *f);
    if (f == NULL)
        return err_no_memory(e);
    f->staged = names == SNAPFILE_STAGED;
    f->role = role;
    f->snapshot = *snapshot;
    f->parts = parts;
    f->base = strdup(base);
    if (f->base == NULL)
        return err_no_memory(e);
    TRY(framedecoder_new(&f->decoder, e));
    TRY(hasher_new(&f->hasher, e));
    TRY(open_parts(f, e));
    *out = f;
    f = NULL;
    return DONE;
}

void snapfile_close(struct snapfile *f)
{
    if (f == NULL)
        return;
    io_close(f->file);
    pbmem_free((ProtobufCMessage *)f->list);
    framedecoder_free(f->decoder);
    actionunpack_free(f->actions);
    hasher_free(f->hasher);
    buf_fini(&f->rows);
    buf_fini(&f->stored);
    free(f->base);
    free(f);
}

const uint8_t *snapfile_header_hash(const struct snapfile *f)
{
    return f->header_hash;
}

uint64_t snapfile_size(const struct snapfile *f)
{
    return f->total;
}

size_t snapfile_sections(const struct snapfile *f)
{
    return f->list->n_section;
}

/* ---- sections ---- */

static const Pgstrand__SectionEntry *find(const struct snapfile *f, Pgstrand__Tier tier,
                                          Pgstrand__SectionKind kind)
{
    for (size_t i = 0; i < f->list->n_section; i++)
        if (f->list->section[i]->tier == tier && f->list->section[i]->kind == kind)
            return f->list->section[i];
    return NULL;
}

static bool index_frame_fits(const struct frame *got, const Pgstrand__SectionEntry *entry, uint32_t number,
                             uint64_t at, uint64_t end)
{
    uint32_t flags =
        (number == 0 ? FRAME_FIRST : 0) | (at + FRAME_HEADER_LEN + got->stored == end ? FRAME_LAST : 0);
    return got->type == FRAME_INDEX && got->section == entry->section && got->number == number &&
           got->table == 0 && got->first_seq == 0 && got->last_seq == 0 && got->flags == flags &&
           at + FRAME_HEADER_LEN + got->stored <= end;
}

/* The frames of the index, joined and hashed. */
static status read_index(struct snapfile *f, const Pgstrand__SectionEntry *entry, struct buf *message,
                         struct merkle *tree, err *e)
{
    uint64_t at = entry->index_offset, end = at + entry->index_length;
    TRY(go_to_part(f, entry->index_part, e));
    for (uint32_t number = 0; at < end; number++) {
        struct placed_frame got;
        TRY(read_frame(f, at, &got, e));
        if (!index_frame_fits(&got.frame, entry, number, at, end))
            return err_set(e, ERR_STORAGE, "a frame of the index does not belong there");
        if (got.raw.len > SNAP_INDEX_MAX - message->len)
            return err_set(e, ERR_STORAGE, "the index is longer than an index can be");
        TRY(merkle_add(tree, f->hasher, got.leaf, e));
        buf_bytes(message, got.raw.data, got.raw.len);
        TRY(buf_done(message, e));
        at += FRAME_HEADER_LEN + (uint64_t)got.frame.stored;
    }
    return DONE;
}

static status check_root(struct snapfile *f, const Pgstrand__SectionEntry *entry,
                         const Pgstrand__SectionIndex *index, const struct merkle *index_frames,
                         const uint8_t *root, err *e)
{
    struct merkle frames = {0};
    uint8_t got[SHA256_LEN];
    for (size_t i = 0; i < index->n_frame; i++)
        TRY(merkle_add(&frames, f->hasher, index->frame[i]->leaf.data, e));
    TRY(merkle_root(&frames, index_frames, entry->salt.data, f->hasher, got, e));
    if (memcmp(got, root, sizeof got) != 0)
        return err_set(e, ERR_STORAGE, "the index does not have the root that was committed");
    return DONE;
}

static status load_section(struct snapfile *f, const Pgstrand__SectionEntry *entry, const uint8_t *root,
                           struct snapfile_section *out, err *e)
{
    OWNED(buf) struct buf message = {0};
    struct merkle tree = {0};
    PB_OWNED(Pgstrand__SectionIndex) *index = NULL;
    TRY(read_index(f, entry, &message, &tree, e));
    TRY(PB_UNPACK(index, pgstrand__section_index__descriptor, buf_view(&message), "index of a section",
                  INDEX_MEMORY, e));
    TRY(snapindex_check(index, entry, f->parts, e));
    TRY(check_root(f, entry, index, &tree, root, e));
    f->covered += entry->index_length;
    for (size_t i = 0; i < index->n_frame; i++)
        f->covered += FRAME_HEADER_LEN + (uint64_t)index->frame[i]->stored_length;
    *out = (struct snapfile_section){entry->section, index};
    index = NULL;
    return DONE;
}

status snapfile_section(struct snapfile *f, Pgstrand__Tier tier, Pgstrand__SectionKind kind,
                        const uint8_t root[static SHA256_LEN], struct snapfile_section *out, err *e)
{
    char name[SNAP_SECTION_TEXT];
    const Pgstrand__SectionEntry *entry = find(f, tier, kind);
    (void)snaplayout_section_name(tier, kind, name);
    if (entry == NULL)
        return err_set(e, ERR_STORAGE, "%s: the section of %s is missing", f->base, name);
    if (!load_section(f, entry, root, out, e).ok)
        return err_wrap(e, "%s: section of %s", f->base, name);
    return DONE;
}

static bool frame_is(const struct placed_frame *got, uint32_t section, const Pgstrand__FrameEntry *entry)
{
    const struct frame *f = &got->frame;
    return f->type == FRAME_DATA && f->section == section && f->number == entry->number &&
           f->table == entry->table && f->stored == entry->stored_length && f->raw == entry->raw_length &&
           f->first_seq == entry->first_seq && f->last_seq == entry->last_seq && f->flags == entry->flags &&
           memcmp(got->leaf, entry->leaf.data, SHA256_LEN) == 0;
}

static status restore_rows(struct snapfile *f, struct placed_frame *got, err *e)
{
    buf_reset(&f->rows);
    TRY(rowlayout_rows(got->raw, FRAME_RAW_MAX, &f->rows, e));
    got->raw = buf_view(&f->rows);
    return DONE;
}

static status read_entry(struct snapfile *f, uint32_t section, const Pgstrand__FrameEntry *entry,
                         struct placed_frame *got, err *e)
{
    TRY(read_frame(f, entry->offset, got, e));
    return frame_is(got, section, entry) ? DONE
                                         : err_set(e, ERR_STORAGE, "not the frame that the index tells of");
}

static status wrap(const struct snapfile *f, uint32_t section, const Pgstrand__FrameEntry *entry, err *e)
{
    return err_wrap(e, "%s: section %u, frame %u", io_path(f->file), section, entry->number);
}

status snapfile_frame(struct snapfile *f, uint32_t section, const Pgstrand__FrameEntry *entry,
                      struct bytes *raw, err *e)
{
    struct placed_frame got;
    TRY(go_to_part(f, entry->part, e));
    status result = read_entry(f, section, entry, &got, e);
    if (result.ok && (entry->flags & FRAME_COLUMNS) != 0)
        result = restore_rows(f, &got, e);
    if (!result.ok)
        return wrap(f, section, entry, e);
    *raw = got.raw;
    return DONE;
}

/* The same of rows that lie as a message: RowsFrame.lines. */
static bool line_of_message(struct bytes message, uint64_t number, struct bytes *line)
{
    struct reader r = reader_over(message);
    struct wire_field field = {0};
    while (wire_next(&r, &field)) {
        if (field.number != FIELD_LINES || field.type != WIRE_BYTES)
            continue;
        const uint8_t *at = field.bytes.data, *end = at + field.bytes.len, *stop;
        for (; at < end && (stop = memchr(at, '\n', (size_t)(end - at))) != NULL; at = stop + 1)
            if (number-- == 0) {
                *line = bytes_of(at, (size_t)(stop - at));
                return true;
            }
    }
    return false;
}

status snapfile_line(struct snapfile *f, uint32_t section, const Pgstrand__FrameEntry *entry, uint64_t number,
                     struct bytes *line, bool *found, err *e)
{
    struct placed_frame got;
    TRY(go_to_part(f, entry->part, e));
    if (!read_entry(f, section, entry, &got, e).ok)
        return wrap(f, section, entry, e);
    if ((entry->flags & FRAME_COLUMNS) == 0) {
        *found = line_of_message(got.raw, number, line);
        return DONE;
    }
    buf_reset(&f->rows);
    if (!rowlayout_line(got.raw, number, &f->rows, found, e).ok)
        return wrap(f, section, entry, e);
    *line = buf_view(&f->rows);
    return DONE;
}

/* A frame of actions by column, to its last action. */
static status check_actions(struct snapfile *f, struct bytes raw, err *e)
{
    if (f->actions == NULL)
        TRY(actionunpack_new(&f->actions, e));
    TRY(actionunpack_open(f->actions, raw, ACTIONUNPACK_COLUMNS, e));
    for (bool end = false; !end;) {
        struct sealed_action a;
        TRY(actionunpack_next(f->actions, &a, &end, e));
    }
    return DONE;
}

status snapfile_check(struct snapfile *f, Pgstrand__Tier tier, Pgstrand__SectionKind kind,
                      const uint8_t root[static SHA256_LEN], struct snapfile_share share, err *e)
{
    struct snapfile_section s = {0};
    TRY(snapfile_section(f, tier, kind, root, &s, e));
    PB_OWNED(Pgstrand__SectionIndex) *index = s.index;
    for (size_t i = share.first; i < index->n_frame; i += share.step) {
        struct bytes raw;
        TRY(snapfile_frame(f, s.number, index->frame[i], &raw, e));
        if ((index->frame[i]->flags & FRAME_ACTIONS) != 0)
            TRY(check_actions(f, raw, e));
    }
    return DONE;
}

status snapfile_covered(const struct snapfile *f, err *e)
{
    if (f->covered != f->total)
        return err_set(e, ERR_STORAGE, "%s: of its %" PRIu64 " bytes only %" PRIu64 " belong to the snapshot",
                       f->base, f->total, f->covered);
    return DONE;
}
