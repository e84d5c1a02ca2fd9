/*
 * wire: protobuf's encoding (protobuf.dev/programming-guides/encoding) for the two messages of the hot path,
 * Action and Commit, without an allocation. What it writes is what protobuf-c writes; a test compares the
 * two. Everything else uses the generated code (pbmem.h).
 */
#ifndef PGSTRAND_WIRE_H
#define PGSTRAND_WIRE_H

#include "proto/base/buf.h"
#include "proto/base/reader.h"

void wire_uint(struct buf *b, uint32_t field, uint64_t value);
void wire_sint(struct buf *b, uint32_t field, int64_t value); /* zigzag */
void wire_bytes(struct buf *b, uint32_t field, struct bytes value);
void wire_bytes_head(struct buf *b, uint32_t field, size_t len); /* what stands before so many bytes */

struct wire_field {
    uint32_t number;
    uint32_t type;      /* 0 varint, 1 fixed64, 2 length-delimited, 5 fixed32 */
    uint64_t value;     /* types 0, 1 and 5 */
    struct bytes bytes; /* type 2; borrowed from the input */
};

/* The next field, or false at the end and when the input is malformed (then the reader is bad). */
bool wire_next(struct reader *r, struct wire_field *out);

int64_t wire_unzigzag(uint64_t value);
uint64_t wire_zigzag(int64_t value);

/* How many bytes a varint takes. */
size_t wire_varint_size(uint64_t value);

#endif
