/*
 * rowstage: reads a staged row file (rowfile.h) frame by frame, checked, still compressed.
 *
 * Ownership: rowstage_open -> caller -> rowstage_free; stored bytes are borrowed until the next call.
 */
#ifndef PGSTRAND_ROWSTAGE_H
#define PGSTRAND_ROWSTAGE_H

#include "store/io.h"
#include "store/snapframe.h"

#define ROWFILE_MAGIC_LEN 8
#define ROWFILE_TRAILER_LEN 72

struct rowstage {
    struct io_file *file;
    uint64_t size;
    uint64_t at;   /* the next frame */
    uint32_t next; /* its number */
    uint8_t *buffer;
    /* from the trailer */
    uint32_t frames;
    uint64_t stored; /* bytes of all frames, headers included */
    struct table_digest digest;
};

/* Magic and trailer are checked. */
MUST_CHECK status rowstage_open(const char *path, struct rowstage **out, err *e);
void rowstage_free(struct rowstage *s);
OWN_POINTER(rowstage, rowstage_free);

/* The next frame, its CRC checked. */
MUST_CHECK status rowstage_next(struct rowstage *s, struct frame *f, struct bytes *stored, err *e);

/* Were those all the bytes? */
MUST_CHECK status rowstage_done(const struct rowstage *s, err *e);

/* The trailer as stored; used by the writer. */
void rowstage_trailer(uint32_t frames, uint64_t stored, const struct table_digest *digest, struct buf *out);

extern const char rowstage_magic[ROWFILE_MAGIC_LEN + 1];

#endif
