/*
 * snapframe: the header that stands before each frame of a snapshot or row file, its CRC and its leaf hash.
 * Pure: no I/O. The byte layout is drawn in snapframe.c and FORMAT.md.
 */
#ifndef PGSTRAND_SNAPFRAME_H
#define PGSTRAND_SNAPFRAME_H

#include "proto/base/digest.h"
#include "store/snapwriter.h"

#define FRAME_HEADER_LEN 64

/* zstd's bound for FRAME_RAW_MAX bytes (ZSTD_COMPRESSBOUND: 1/256 more), and room for an AEAD tag. */
#define FRAME_STORED_MAX (FRAME_RAW_MAX + FRAME_RAW_MAX / 256 + 64)

enum frame_type { FRAME_DATA = 1, FRAME_INDEX = 2, FRAME_LIST = 3 };

struct frame {
    enum frame_type type;
    uint32_t flags;   /* FRAME_FIRST, FRAME_LAST, FRAME_COLUMNS, FRAME_ACTIONS */
    uint32_t section; /* within the snapshot, from 1; 0 in a row file */
    uint32_t number;  /* within the section and type, from 0 */
    uint32_t table;   /* 0: several or none */
    uint32_t stored;  /* bytes that follow the header */
    uint32_t raw;     /* bytes after decompression */
    uint64_t first_seq;
    uint64_t last_seq;
};

/* Writes the header; stored.len is f->stored. */
void snapframe_encode(const struct frame *f, struct bytes stored, uint8_t out[static FRAME_HEADER_LEN]);

/* Form and limits of a header, before anything is taken for its payload; the CRC is not looked at.
 * ERR_STORAGE. */
MUST_CHECK status snapframe_decode(const uint8_t header[static FRAME_HEADER_LEN], struct frame *out, err *e);

/* The CRC over header and stored bytes. ERR_STORAGE. */
MUST_CHECK status snapframe_check(const uint8_t header[static FRAME_HEADER_LEN], struct bytes stored, err *e);

/* SHA-256(domain, header, stored bytes). */
MUST_CHECK status snapframe_leaf(struct hasher *h, const uint8_t header[static FRAME_HEADER_LEN],
                                 struct bytes stored, uint8_t leaf[static SHA256_LEN], err *e);

#endif
