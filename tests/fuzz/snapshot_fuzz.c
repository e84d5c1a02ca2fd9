/*
 * Every decoder of bytes of a snapshot: the first byte chooses which. Checksums and signatures are looked at
 * last or not at all, so that what they protect is reached.
 */
#include <stdlib.h>

#include "proto/pbmem.h"
#include "store/framecoder.h"
#include "store/rowlayout.h"
#include "store/snapcommit.h"
#include "store/snapframe.h"
#include "store/snapindex.h"
#include "store/snaplayout.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static status file_header(struct bytes input, err *e)
{
    PB_OWNED(Pgstrand__SnapshotHeader) *header = NULL;
    return snaplayout_header_decode(input, &header, e);
}

static status header_message(struct bytes input, err *e)
{
    PB_OWNED(Pgstrand__SnapshotHeader) *header = NULL;
    TRY(PB_UNPACK(header, pgstrand__snapshot_header__descriptor, input, "header", 0, e));
    return snaplayout_header_check(header, e);
}

static status frame(struct bytes input, err *e)
{
    OWNED(framedecoder) struct framedecoder *decoder = NULL;
    struct frame f;
    struct bytes raw;
    if (input.len < FRAME_HEADER_LEN)
        return FAILED;
    TRY(snapframe_decode(input.data, &f, e));
    struct bytes stored = bytes_of(input.data + FRAME_HEADER_LEN, input.len - FRAME_HEADER_LEN);
    (void)snapframe_check(input.data, stored, e).ok;
    TRY(framedecoder_new(&decoder, e));
    TRY(framedecoder_decompress(decoder, stored, f.raw, &raw, e));
    if (raw.len != f.raw)
        abort();
    return DONE;
}

static status trailer(struct bytes input, err *e)
{
    struct snaptrailer t;
    return snaplayout_trailer_decode(input, &t, e);
}

static status list(struct bytes input, err *e)
{
    PB_OWNED(Pgstrand__SectionList) *message = NULL;
    TRY(PB_UNPACK(message, pgstrand__section_list__descriptor, input, "list", 0, e));
    return snapindex_list_check(message, PGSTRAND__FILE_ROLE__SNAP, 2, e);
}

static status section_index(struct bytes input, err *e)
{
    PB_OWNED(Pgstrand__SectionIndex) *message = NULL;
    Pgstrand__SectionEntry entry = PGSTRAND__SECTION_ENTRY__INIT;
    TRY(PB_UNPACK(message, pgstrand__section_index__descriptor, input, "index", 0, e));
    entry.tier = message->tier;
    entry.kind = message->kind;
    entry.frames = (uint32_t)message->n_frame;
    return snapindex_check(message, &entry, 2, e);
}

static status commit(struct bytes input, err *e)
{
    PB_OWNED(Pgstrand__SnapshotCommit) *message = NULL;
    return snapcommit_decode(input, &message, e);
}

/* What comes back must go there again. */
static status columns(struct bytes input, err *e)
{
    OWNED(buf) struct buf rows = {0};
    return rowlayout_rows(input, 1 << 16, &rows, e);
}

static status lines(struct bytes input, err *e)
{
    OWNED(buf) struct buf by_column = {0};
    OWNED(buf) struct buf rows = {0};
    if (!rowlayout_columns(input, &by_column))
        return FAILED;
    if (!rowlayout_rows(buf_view(&by_column), input.len + 8, &rows, e).ok ||
        memcmp(rows.data + rows.len - input.len, input.data, input.len) != 0)
        abort();
    return DONE;
}

static status name(struct bytes input, err *e)
{
    OWNED(buf) struct buf text = {0};
    struct snapname parsed;
    buf_bytes(&text, input.data, input.len);
    return snapname_parse(buf_cstring(&text), &parsed) ? buf_done(&text, e) : FAILED;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static status (*const decoder[])(struct bytes, err *) = {
        file_header, header_message, frame, trailer, list, section_index, commit, columns, lines, name};
    err e = ERR_INIT;
    if (size > 0)
        (void)decoder[data[0] % (sizeof decoder / sizeof decoder[0])](bytes_of(data + 1, size - 1), &e).ok;
    return 0;
}
