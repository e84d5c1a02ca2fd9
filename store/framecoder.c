#include "store/framecoder.h"

#include <zstd.h>
#include <zstd_errors.h>

#include "store/snapframe.h"

/* 4 MiB: a frame never needs more, and a foreign one that asks for more is refused. */
#define WINDOW_LOG 22

struct framecoder {
    ZSTD_CCtx *zstd;
    struct buf stored; /* of the frame that was compressed last */
    struct hasher *hasher;
};

struct framedecoder {
    ZSTD_DCtx *zstd;
    struct buf raw; /* of the frame that was decompressed last */
};

static status zstd_failed(size_t result, const char *what, err *e)
{
    return err_from(e, ERR_STORAGE, FROM_ZSTD, (int)ZSTD_getErrorCode(result), "zstd could not %s: %s", what,
                    ZSTD_getErrorName(result));
}

static status set(ZSTD_CCtx *zstd, ZSTD_cParameter parameter, int value, err *e)
{
    size_t result = ZSTD_CCtx_setParameter(zstd, parameter, value);
    return ZSTD_isError(result) ? zstd_failed(result, "be set up", e) : DONE;
}

status framecoder_new(int level, struct framecoder **out, err *e)
{
    if (level < 1 || level > 19)
        return err_set(e, ERR_VALIDATION, "compression level %d is not between 1 and 19", level);
    OWNED(framecoder) struct framecoder *c = calloc(1, sizeof *c);
    if (c == NULL)
        return err_no_memory(e);
    c->zstd = ZSTD_createCCtx();
    if (c->zstd == NULL)
        return err_no_memory(e);
    TRY(hasher_new(&c->hasher, e));
    TRY(set(c->zstd, ZSTD_c_compressionLevel, level, e));
    TRY(set(c->zstd, ZSTD_c_contentSizeFlag, 1, e));
    TRY(set(c->zstd, ZSTD_c_checksumFlag, 0, e)); /* the frame header has a CRC of the stored bytes */
    *out = c;
    c = NULL;
    return DONE;
}

void framecoder_free(struct framecoder *c)
{
    if (c == NULL)
        return;
    (void)ZSTD_freeCCtx(c->zstd);
    buf_fini(&c->stored);
    hasher_free(c->hasher);
    free(c);
}

struct hasher *framecoder_hasher(struct framecoder *c)
{
    return c->hasher;
}

status framecoder_compress(struct framecoder *c, struct bytes raw, struct bytes *stored, err *e)
{
    size_t bound = ZSTD_compressBound(raw.len);
    buf_reset(&c->stored);
    uint8_t *room = buf_room(&c->stored, bound);
    TRY(buf_done(&c->stored, e));
    size_t result = ZSTD_compress2(c->zstd, room, bound, raw.data, raw.len);
    if (ZSTD_isError(result))
        return zstd_failed(result, "compress a frame", e);
    *stored = bytes_of(room, result);
    return DONE;
}

status framedecoder_new(struct framedecoder **out, err *e)
{
    OWNED(framedecoder) struct framedecoder *d = calloc(1, sizeof *d);
    if (d == NULL)
        return err_no_memory(e);
    d->zstd = ZSTD_createDCtx();
    if (d->zstd == NULL)
        return err_no_memory(e);
    size_t result = ZSTD_DCtx_setParameter(d->zstd, ZSTD_d_windowLogMax, WINDOW_LOG);
    if (ZSTD_isError(result))
        return zstd_failed(result, "be set up", e);
    *out = d;
    d = NULL;
    return DONE;
}

void framedecoder_free(struct framedecoder *d)
{
    if (d == NULL)
        return;
    (void)ZSTD_freeDCtx(d->zstd);
    buf_fini(&d->raw);
    free(d);
}

/* What the frame declares of itself, before it is decompressed. */
static status declared(struct bytes stored, size_t raw_len, err *e)
{
    if (raw_len > FRAME_RAW_MAX || ZSTD_getFrameContentSize(stored.data, stored.len) != raw_len)
        return err_set(e, ERR_STORAGE, "a frame does not declare the length that its header gives");
    if (ZSTD_findFrameCompressedSize(stored.data, stored.len) != stored.len)
        return err_set(e, ERR_STORAGE, "a frame's stored bytes are not one zstd frame");
    return DONE;
}

status framedecoder_decompress(struct framedecoder *d, struct bytes stored, size_t raw_len, struct bytes *raw,
                               err *e)
{
    TRY(declared(stored, raw_len, e));
    buf_reset(&d->raw);
    uint8_t *room = buf_room(&d->raw, raw_len);
    TRY(buf_done(&d->raw, e));
    size_t result = ZSTD_decompressDCtx(d->zstd, room, raw_len, stored.data, stored.len);
    if (ZSTD_isError(result))
        return zstd_failed(result, "decompress a frame", e);
    if (result != raw_len)
        return err_set(e, ERR_STORAGE, "a frame decompresses to %zu bytes, not %zu", result, raw_len);
    *raw = bytes_of(room, raw_len);
    return DONE;
}
