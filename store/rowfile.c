#include "store/rowfile.h"

#include "proto/wire.h"
#include "store/framecoder.h"
#include "store/rowlayout.h"
#include "store/rowstage.h"
#include "store/snaplayout.h"

/* Before the lines stands the field number of RowsFrame.lines (1 byte) and their length (at most 4 bytes up
 * to 2^28). */
#define PREFIX_MAX 8
#define LINES_TAG 0x0a                                 /* field 1, length-delimited */
#define LINES_MAX (FRAME_RAW_MAX - ROWLAYOUT_HEAD_MAX) /* with either layout's head they fit a frame */

/* Every so many frames the first lines are compressed in both layouts, and the smaller one is taken from then
 * on. A twentieth of a frame tells which that is; all of it would make every small base a third dearer. */
#define TRIAL_EVERY 32
#define TRIAL_LEN ((size_t)256 << 10)

enum layout { LAYOUT_LINES, LAYOUT_COLUMNS };

struct rowfile {
    char *path;
    char *part; /* path.part, while it is written */
    struct io_file *file;
    struct framecoder *coder;
    struct hasher *hasher;
    uint8_t *lines; /* PREFIX_MAX bytes, then LINES_MAX */
    size_t len;     /* of the lines gathered */
    struct buf columns;
    enum layout layout;
    uint32_t frames;
    uint64_t stored;
    struct table_digest digest;
    bool failed;
    bool ended; /* whole, and not yet published */
};

status rowfile_create(const char *path, int level, struct rowfile **out, err *e)
{
    OWNED(rowfile) struct rowfile *f = calloc(1, sizeof *f);
    if (f == NULL)
        return err_no_memory(e);
    f->path = strdup(path);
    f->lines = malloc(PREFIX_MAX + LINES_MAX);
    if (f->path == NULL || f->lines == NULL || asprintf(&f->part, "%s.part", path) < 0)
        return err_no_memory(e);
    TRY(framecoder_new(level, &f->coder, e));
    TRY(hasher_new(&f->hasher, e));
    TRY(io_open(f->part, IO_TRUNCATE, &f->file, e));
    TRY(io_write(f->file, bytes_of(rowstage_magic, ROWFILE_MAGIC_LEN), e));
    *out = f;
    f = NULL;
    return DONE;
}

static void drop_buffers(struct rowfile *f)
{
    framecoder_free(f->coder);
    hasher_free(f->hasher);
    buf_fini(&f->columns);
    free(f->lines);
    f->coder = NULL;
    f->hasher = NULL;
    f->lines = NULL;
}

void rowfile_close(struct rowfile *f)
{
    if (f == NULL)
        return;
    if (f->file != NULL) {
        err ignored = ERR_INIT; /* a leftover is overwritten by the next attempt */
        io_close(f->file);
        (void)io_unlink(f->part, &ignored).ok;
    }
    drop_buffers(f);
    free(f->path);
    free(f->part);
    free(f);
}

static status write_frame(struct rowfile *f, struct bytes raw, uint32_t flags, err *e)
{
    uint8_t header[FRAME_HEADER_LEN];
    struct bytes stored = {0};
    TRY(framecoder_compress(f->coder, raw, &stored, e));
    const struct frame frame = {
        .type = FRAME_DATA, .number = f->frames, .flags = flags, .raw = (uint32_t)raw.len};
    snapframe_encode(&frame, stored, header);
    TRY(io_write(f->file, bytes_of(header, sizeof header), e));
    TRY(io_write(f->file, stored, e));
    f->stored += sizeof header + stored.len;
    f->frames++;
    return DONE;
}

static size_t prefix(uint8_t out[static PREFIX_MAX], size_t len)
{
    size_t used = 0;
    out[used++] = LINES_TAG;
    for (; len >= 0x80; len >>= 7)
        out[used++] = (uint8_t)(len | 0x80);
    out[used++] = (uint8_t)len;
    return used;
}

/* The gathered lines as a RowsFrame: the prefix goes right before them, so nothing is copied. */
static struct bytes rows_frame(struct rowfile *f)
{
    uint8_t front[PREFIX_MAX];
    size_t used = prefix(front, f->len);
    uint8_t *raw = f->lines + PREFIX_MAX - used;
    memcpy(raw, front, used);
    return bytes_of(raw, used + f->len);
}

static struct bytes gathered(const struct rowfile *f)
{
    return bytes_of(f->lines + PREFIX_MAX, f->len);
}

/* Whole lines of about TRIAL_LEN bytes. */
static struct bytes trial_lines(const struct rowfile *f)
{
    const struct bytes all = gathered(f);
    if (all.len <= TRIAL_LEN)
        return all;
    const uint8_t *end = memchr(all.data + TRIAL_LEN, '\n', all.len - TRIAL_LEN);
    return bytes_of(all.data, (size_t)(end - all.data) + 1); /* every line has its end */
}

static status try_layouts(struct rowfile *f, err *e)
{
    const struct bytes lines = trial_lines(f);
    struct bytes stored = {0};
    f->layout = LAYOUT_LINES;
    if (!rowlayout_columns(lines, &f->columns))
        return DONE;
    TRY(framecoder_compress(f->coder, lines, &stored, e));
    const size_t by_line = stored.len;
    TRY(framecoder_compress(f->coder, buf_view(&f->columns), &stored, e));
    if (stored.len < by_line)
        f->layout = LAYOUT_COLUMNS;
    return DONE;
}

static status flush(struct rowfile *f, err *e)
{
    if (f->len == 0)
        return DONE;
    if (f->frames % TRIAL_EVERY == 0)
        TRY(try_layouts(f, e));
    const bool columns = f->layout == LAYOUT_COLUMNS && rowlayout_columns(gathered(f), &f->columns);
    TRY(write_frame(f, columns ? buf_view(&f->columns) : rows_frame(f),
                    FRAME_FIRST | FRAME_LAST | (columns ? FRAME_COLUMNS : 0), e));
    f->len = 0;
    return DONE;
}

/* A line that no frame can hold: a payload of its own, over several frames. */
static status span(struct rowfile *f, struct bytes line, err *e)
{
    OWNED(buf) struct buf payload = {0};
    if (line.len > SNAP_PAYLOAD_MAX - PREFIX_MAX)
        return err_set(e, ERR_VALIDATION, "%s: a row of %zu bytes is more than a snapshot can hold", f->path,
                       line.len);
    TRY(flush(f, e));
    if (buf_room(&payload, line.len + PREFIX_MAX) != NULL)
        wire_bytes(&payload, 1, line);
    TRY(buf_done(&payload, e));
    for (size_t from = 0; from < payload.len; from += FRAME_RAW_MAX) {
        size_t len = payload.len - from < FRAME_RAW_MAX ? payload.len - from : FRAME_RAW_MAX;
        uint32_t flags = (from == 0 ? FRAME_FIRST : 0) | (from + len == payload.len ? FRAME_LAST : 0);
        TRY(write_frame(f, bytes_of(payload.data + from, len), flags, e));
    }
    return DONE;
}

static status add_line(struct rowfile *f, struct bytes line, err *e)
{
    TRY(table_digest_add(&f->digest, f->hasher, bytes_of(line.data, line.len - 1), e));
    if (line.len > LINES_MAX)
        return span(f, line, e);
    if (line.len > LINES_MAX - f->len)
        TRY(flush(f, e));
    memcpy(f->lines + PREFIX_MAX + f->len, line.data, line.len);
    f->len += line.len;
    return DONE;
}

static status add_lines(struct rowfile *f, struct bytes lines, err *e)
{
    while (lines.len > 0) {
        const uint8_t *end = memchr(lines.data, '\n', lines.len);
        if (end == NULL)
            return err_set(e, ERR_VALIDATION, "%s: a row without its line end", f->path);
        size_t len = (size_t)(end - lines.data) + 1;
        TRY(add_line(f, bytes_of(lines.data, len), e));
        lines = bytes_of(lines.data + len, lines.len - len);
    }
    return DONE;
}

/* After a failure part of a row may be written: the file cannot be finished. */
status rowfile_lines(struct rowfile *f, struct bytes lines, err *e)
{
    if (f->failed || f->file == NULL)
        return err_set(e, ERR_VALIDATION, "%s: no rows can be added any more", f->path);
    f->failed = !add_lines(f, lines, e).ok;
    return f->failed ? FAILED : DONE;
}

static status end(struct rowfile *f, err *e)
{
    OWNED(buf) struct buf trailer = {0};
    TRY(flush(f, e));
    rowstage_trailer(f->frames, f->stored, &f->digest, &trailer);
    TRY(buf_done(&trailer, e));
    return io_write(f->file, buf_view(&trailer), e);
}

status rowfile_end(struct rowfile *f, struct table_digest *digest, uint64_t *stored, err *e)
{
    if (f->failed || f->file == NULL)
        return err_set(e, ERR_VALIDATION, "%s: a file of rows that failed cannot be finished", f->path);
    f->failed = true;
    TRY(end(f, e));
    io_write_behind(f->file, 0, 0);
    drop_buffers(f);
    f->ended = true;
    *digest = f->digest;
    *stored = f->stored;
    return DONE;
}

static status sync_file(struct rowfile *f, err *e)
{
    if (!f->ended)
        return err_set(e, ERR_VALIDATION, "%s: a file of rows that is not whole cannot be published",
                       f->path);
    f->ended = false;
    return io_sync(f->file, e);
}

static status name_file(struct rowfile *f, err *e)
{
    TRY(io_rename(f->part, f->path, e));
    io_close(f->file);
    f->file = NULL;
    return DONE;
}

/* All syncs before the first name: a rename between two of them would give the second a journal's commit of
 * its own to wait for. */
status rowfile_publish(struct rowfile *const *file, size_t count, err *e)
{
    for (size_t i = 0; i < count; i++)
        TRY(sync_file(file[i], e));
    for (size_t i = 0; i < count; i++)
        TRY(name_file(file[i], e));
    return count == 0 ? DONE : io_sync_folder_of(file[0]->path, e);
}

status rowfile_finish(struct rowfile *f, struct table_digest *digest, uint64_t *stored, err *e)
{
    TRY(rowfile_end(f, digest, stored, e));
    return rowfile_publish(&f, 1, e);
}

status rowfile_check(const char *path, struct table_digest *digest, uint64_t *stored, err *e)
{
    OWNED(rowstage) struct rowstage *stage = NULL;
    TRY(rowstage_open(path, &stage, e));
    for (uint32_t i = 0; i < stage->frames; i++) {
        struct frame f;
        struct bytes bytes = {0};
        TRY(rowstage_next(stage, &f, &bytes, e));
    }
    TRY(rowstage_done(stage, e));
    *digest = stage->digest;
    *stored = stage->stored;
    return DONE;
}
