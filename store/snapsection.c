#include "store/snapdraft.h"

#include "proto/base/array.h"
#include "proto/wire.h"
#include "store/framecoder.h"
#include "store/rowstage.h"

/* Gives out `frames` consecutive frame numbers, so that the frames of one payload follow each other whatever
 * other threads do. */
static status reserve(struct snapsection *s, uint32_t frames, uint32_t *first, err *e)
{
    if (frames > UINT32_MAX - s->count)
        return err_set(e, ERR_VALIDATION, "too many frames in a section");
    uint32_t needed = s->count + frames;
    if (needed > s->room) {
        uint32_t room = s->room < 64 ? 64 : s->room;
        while (room < needed)
            room = room > UINT32_MAX / 2 ? UINT32_MAX : room * 2;
        struct draft_entry *entry = realloc(s->entry, (size_t)room * sizeof *entry);
        if (entry == NULL)
            return err_no_memory(e);
        s->entry = entry;
        s->room = room;
    }
    *first = s->count;
    s->count = needed;
    return DONE;
}

static status reserve_locked(struct snapsection *s, uint32_t frames, uint32_t *first, err *e)
{
    (void)pthread_mutex_lock(&s->writer->lock);
    status result = snapdraft_writable(s->writer, e);
    if (result.ok)
        result = reserve(s, frames, first, e);
    (void)pthread_mutex_unlock(&s->writer->lock);
    return result;
}

/* Appends header and stored bytes to the section's file, and fills in the entry. */
static status place(struct snapsection *s, const struct frame *f, struct bytes header, struct bytes stored,
                    const uint8_t *leaf, err *e)
{
    struct snapparts *file = NULL;
    TRY(snapdraft_file(s->writer, snaplayout_role(s->tier), &file, e));
    TRY(snapparts_reserve(file, header.len + stored.len, e));
    struct draft_entry *entry = &s->entry[f->number];
    *entry = (struct draft_entry){.part = file->count - 1,
                                  .offset = file->offset,
                                  .stored = f->stored,
                                  .raw = f->raw,
                                  .table = f->table,
                                  .first_seq = f->first_seq,
                                  .last_seq = f->last_seq,
                                  .flags = f->flags};
    memcpy(entry->leaf, leaf, SHA256_LEN);
    TRY(snapparts_append(file, header, e));
    TRY(snapparts_append(file, stored, e));
    s->stored += f->stored;
    s->raw += f->raw;
    s->written++;
    return DONE;
}

static status add(struct snapsection *s, struct hasher *h, const struct frame *f, struct bytes stored, err *e)
{
    uint8_t header[FRAME_HEADER_LEN], leaf[SHA256_LEN];
    snapframe_encode(f, stored, header);
    TRY(snapframe_leaf(h, header, stored, leaf, e));
    (void)pthread_mutex_lock(&s->writer->lock);
    status result = place(s, f, bytes_of(header, sizeof header), stored, leaf, e);
    (void)pthread_mutex_unlock(&s->writer->lock);
    return result;
}

/* A number that was given out and not written is a hole: nothing can be published any more. */
static status spoil(struct snapsection *s)
{
    (void)pthread_mutex_lock(&s->writer->lock);
    s->writer->failed = true;
    (void)pthread_mutex_unlock(&s->writer->lock);
    return FAILED;
}

/* A payload in pieces, from which frames are cut. */
struct payload {
    const struct bytes *piece;
    size_t pieces;
    size_t offset;    /* in the first of them */
    size_t left;      /* bytes of all that are left */
    struct buf frame; /* the bytes of a frame that lies in several pieces */
};

static void payload_fini(struct payload *p)
{
    buf_fini(&p->frame);
}
OWN_VALUE(payload, payload_fini);

/* At most `most` bytes, all in one piece. */
static struct bytes cut(struct payload *p, size_t most)
{
    while (p->pieces > 0 && p->offset == p->piece->len) {
        p->piece++;
        p->pieces--;
        p->offset = 0;
    }
    if (p->pieces == 0)
        return bytes_of("", 0);
    const size_t here = p->piece->len - p->offset, len = here < most ? here : most;
    const struct bytes out = bytes_of(p->piece->data + p->offset, len);
    p->offset += len;
    p->left -= len;
    return out;
}

/* The bytes of the next frame; copied only where they lie in several pieces. */
static status next_frame(struct payload *p, struct bytes *out, err *e)
{
    const size_t len = p->left < FRAME_RAW_MAX ? p->left : FRAME_RAW_MAX;
    *out = cut(p, len);
    if (out->len == len)
        return DONE;
    buf_reset(&p->frame);
    buf_bytes(&p->frame, out->data, out->len);
    while (p->frame.len < len && !p->frame.bad) {
        const struct bytes more = cut(p, len - p->frame.len);
        buf_bytes(&p->frame, more.data, more.len);
    }
    *out = buf_view(&p->frame);
    return buf_done(&p->frame, e);
}

static status add_frames(struct snapsection *s, struct framecoder *coder, const struct frame *model,
                         uint32_t frames, struct payload *payload, err *e)
{
    for (uint32_t i = 0; i < frames; i++) {
        struct bytes raw = {0}, stored = {0};
        TRY(next_frame(payload, &raw, e));
        TRY(framecoder_compress(coder, raw, &stored, e));
        struct frame f = *model;
        f.number += i;
        f.flags |= (i == 0 ? FRAME_FIRST : 0) | (i + 1 == frames ? FRAME_LAST : 0);
        f.stored = (uint32_t)stored.len;
        f.raw = (uint32_t)raw.len;
        TRY(add(s, framecoder_hasher(coder), &f, stored, e));
    }
    return DONE;
}

/* `model` has the table, the seqs and the layout. */
static status add_payload(struct snapsection *s, struct framecoder *coder, struct frame *model,
                          const struct bytes *piece, size_t pieces, err *e)
{
    OWNED(payload) struct payload p = {.piece = piece, .pieces = pieces};
    for (size_t i = 0; i < pieces; i++)
        p.left += piece[i].len;
    if (p.left > SNAP_PAYLOAD_MAX)
        return err_set(e, ERR_VALIDATION, "a payload of %zu bytes is more than a snapshot can hold", p.left);
    const uint32_t frames = p.left == 0 ? 1 : (uint32_t)((p.left + FRAME_RAW_MAX - 1) / FRAME_RAW_MAX);
    model->type = FRAME_DATA;
    model->section = s->number;
    TRY(reserve_locked(s, frames, &model->number, e));
    return add_frames(s, coder, model, frames, &p, e).ok ? DONE : spoil(s);
}

status snapsection_frame(struct snapsection *s, struct framecoder *coder, uint32_t table, uint64_t first_seq,
                         uint64_t last_seq, struct bytes payload, err *e)
{
    struct frame model = {.table = table, .first_seq = first_seq, .last_seq = last_seq};
    return add_payload(s, coder, &model, &payload, 1, e);
}

status snapsection_pieces(struct snapsection *s, struct framecoder *coder, uint64_t first_seq,
                          uint64_t last_seq, const struct bytes *piece, size_t pieces, err *e)
{
    struct frame model = {.first_seq = first_seq, .last_seq = last_seq};
    return add_payload(s, coder, &model, piece, pieces, e);
}

status snapsection_actions(struct snapsection *s, struct framecoder *coder, uint64_t first_seq,
                           uint64_t last_seq, struct bytes payload, err *e)
{
    struct frame model = {.first_seq = first_seq, .last_seq = last_seq, .flags = FRAME_ACTIONS};
    if (s->kind != PGSTRAND__SECTION_KIND__ACTIONS || payload.len > FRAME_RAW_MAX ||
        (s->writer->header->feature_incompatible & SNAP_FEATURE_ACTIONS) == 0)
        return err_set(e, ERR_VALIDATION, "actions by column do not belong here");
    return add_payload(s, coder, &model, &payload, 1, e);
}

static status add_staged(struct snapsection *s, struct rowstage *stage, uint32_t table, uint32_t first,
                         err *e)
{
    OWNED(hasher) struct hasher *h = NULL;
    TRY(hasher_new(&h, e));
    for (uint32_t i = 0; i < stage->frames; i++) {
        struct frame f;
        struct bytes stored = {0};
        TRY(rowstage_next(stage, &f, &stored, e));
        f.section = s->number;
        f.number = first + i;
        f.table = table;
        TRY(add(s, h, &f, stored, e));
    }
    return rowstage_done(stage, e);
}

status snapsection_import(struct snapsection *s, const char *rowfile, uint32_t table, err *e)
{
    OWNED(rowstage) struct rowstage *stage = NULL;
    uint32_t first = 0;
    if (s->kind != PGSTRAND__SECTION_KIND__ROWS)
        return err_set(e, ERR_VALIDATION, "rows belong in a section of rows");
    TRY(rowstage_open(rowfile, &stage, e));
    TRY(reserve_locked(s, stage->frames, &first, e));
    if (!add_staged(s, stage, table, first, e).ok)
        return spoil(s);
    return snapsection_digest(s, table, &stage->digest, e);
}

status snapsection_digest(struct snapsection *s, uint32_t table, const struct table_digest *digest, err *e)
{
    TRY(snapdraft_writable(s->writer, e));
    for (size_t i = 0; i < s->digests; i++) {
        if (s->digest[i].table == table) {
            table_digest_merge(&s->digest[i].digest, digest);
            return DONE;
        }
    }
    TRY(array_one_more(&s->digest, s->digests, sizeof *s->digest, e));
    s->digest[s->digests++] = (struct draft_digest){table, *digest};
    return DONE;
}

void snapsection_count_actions(struct snapsection *s, uint64_t actions)
{
    s->actions += actions;
}

static int by_table(const void *a, const void *b)
{
    uint32_t x = ((const struct draft_digest *)a)->table, y = ((const struct draft_digest *)b)->table;
    return (x > y) - (x < y);
}

/* The SectionIndex message, written field by field: with generated code it would be in memory three times. */
static status encode_index(const struct snapsection *s, struct buf *out, err *e)
{
    OWNED(buf) struct buf line = {0};
    wire_uint(out, 1, (uint64_t)s->tier);
    wire_uint(out, 2, (uint64_t)s->kind);
    for (uint32_t i = 0; i < s->count; i++) {
        const struct draft_entry *f = &s->entry[i];
        buf_reset(&line);
        wire_uint(&line, 1, i);
        wire_uint(&line, 2, f->part);
        wire_uint(&line, 3, f->offset);
        wire_uint(&line, 4, f->stored);
        wire_uint(&line, 5, f->raw);
        wire_uint(&line, 6, f->table);
        wire_uint(&line, 7, f->first_seq);
        wire_uint(&line, 8, f->last_seq);
        wire_uint(&line, 9, f->flags);
        wire_bytes(&line, 10, bytes_of(f->leaf, SHA256_LEN));
        TRY(buf_done(&line, e));
        wire_bytes(out, 3, buf_view(&line));
    }
    for (size_t i = 0; i < s->digests; i++) {
        uint8_t digest[SHA256_LEN];
        table_digest_bytes(&s->digest[i].digest, digest);
        buf_reset(&line);
        wire_uint(&line, 1, s->digest[i].table);
        wire_uint(&line, 2, s->digest[i].digest.rows);
        wire_bytes(&line, 3, bytes_of(digest, sizeof digest));
        TRY(buf_done(&line, e));
        wire_bytes(out, 4, buf_view(&line));
    }
    TRY(buf_done(out, e));
    return out->len <= SNAP_INDEX_MAX ? DONE : err_set(e, ERR_STORAGE, "the index of a section is too long");
}

/* Index frames stand one behind the other, in one part. */
static status write_index(struct snapsection *s, struct snapparts *file, struct framecoder *coder,
                          struct bytes index, struct merkle *tree, err *e)
{
    size_t frames = (index.len + FRAME_RAW_MAX - 1) / FRAME_RAW_MAX;
    TRY(snapparts_reserve(file, index.len + index.len / 128 + frames * (FRAME_HEADER_LEN + 128), e));
    s->index_part = file->count - 1;
    s->index_offset = file->offset;
    for (size_t i = 0; i < frames; i++) {
        uint8_t header[FRAME_HEADER_LEN], leaf[SHA256_LEN];
        size_t from = i * FRAME_RAW_MAX, len = i + 1 == frames ? index.len - from : FRAME_RAW_MAX;
        struct bytes stored = {0};
        TRY(framecoder_compress(coder, bytes_of(index.data + from, len), &stored, e));
        const struct frame f = {.type = FRAME_INDEX,
                                .section = s->number,
                                .number = (uint32_t)i,
                                .flags = (i == 0 ? FRAME_FIRST : 0) | (i + 1 == frames ? FRAME_LAST : 0),
                                .raw = (uint32_t)len};
        snapframe_encode(&f, stored, header);
        TRY(snapframe_leaf(framecoder_hasher(coder), header, stored, leaf, e));
        TRY(merkle_add(tree, framecoder_hasher(coder), leaf, e));
        TRY(snapparts_append(file, bytes_of(header, sizeof header), e));
        TRY(snapparts_append(file, stored, e));
    }
    s->index_length = (uint32_t)(file->offset - s->index_offset);
    return DONE;
}

status snapsection_seal(struct snapsection *s, struct snapparts *file, struct framecoder *coder, err *e)
{
    OWNED(buf) struct buf index = {0};
    struct merkle frames = {0}, index_frames = {0};
    if (s->written != s->count)
        return err_set(e, ERR_VALIDATION, "a frame of the snapshot was not written");
    if (s->digests > 1)
        qsort(s->digest, s->digests, sizeof *s->digest, by_table);
    for (uint32_t i = 0; i < s->count; i++)
        TRY(merkle_add(&frames, framecoder_hasher(coder), s->entry[i].leaf, e));
    TRY(encode_index(s, &index, e));
    TRY(write_index(s, file, coder, buf_view(&index), &index_frames, e));
    return merkle_root(&frames, &index_frames, s->salt, framecoder_hasher(coder), s->root, e);
}

void snapsection_free(struct snapsection *s)
{
    if (s == NULL)
        return;
    free(s->entry);
    free(s->digest);
    free(s);
}
