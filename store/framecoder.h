/*
 * framecoder: the adapter of zstd: one independent zstd frame per frame of a snapshot.
 *
 * Threads: each object belongs to one thread at a time. framecoder_new and framecoder_free: snapwriter.h.
 */
#ifndef PGSTRAND_FRAMECODER_H
#define PGSTRAND_FRAMECODER_H

#include "proto/base/digest.h"
#include "store/snapwriter.h"

/* Compresses at most FRAME_RAW_MAX bytes; *stored is borrowed until the next call. Memory: as much as the
 * largest frame so far. */
MUST_CHECK status framecoder_compress(struct framecoder *c, struct bytes raw, struct bytes *stored, err *e);

/* The coder's own hasher, for its thread. */
struct hasher *framecoder_hasher(struct framecoder *c);

struct framedecoder;
MUST_CHECK status framedecoder_new(struct framedecoder **out, err *e);
void framedecoder_free(struct framedecoder *d);
OWN_POINTER(framedecoder, framedecoder_free);

/*
 * Decompresses into the decoder's own memory, as much as the largest frame so far takes; *raw is borrowed
 * until the next call. ERR_STORAGE unless `stored` is exactly one zstd frame that declares and yields raw_len
 * bytes (<= FRAME_RAW_MAX).
 */
MUST_CHECK status framedecoder_decompress(struct framedecoder *d, struct bytes stored, size_t raw_len,
                                          struct bytes *raw, err *e);

#endif
