/*
 * pbmem: the adapter of protobuf-c: its results become status and err, its messages go into a buf.
 */
#ifndef PGSTRAND_PBMEM_H
#define PGSTRAND_PBMEM_H

#include <protobuf-c/protobuf-c.h>

#include "proto/base/arena.h"
#include "proto/base/buf.h"
#include "proto/base/uuid.h"

/* Appends the packed message. Fails only for want of memory. */
MUST_CHECK status pbmem_pack(const ProtobufCMessage *message, struct buf *out, err *e);

/*
 * Unpacks; the caller frees with pbmem_free. NULL from protobuf-c is corrupt data: ERR_STORAGE naming `what`.
 * What it may allocate is bounded by `limit` bytes (0: 64 MiB).
 */
MUST_CHECK status pbmem_unpack(const ProtobufCMessageDescriptor *type, struct bytes raw, const char *what,
                               size_t limit, ProtobufCMessage **out, err *e);

/* The same out of an arena: what is made lives as long as that, and is never given to pbmem_free. `arena`
 * NULL: as pbmem_unpack. */
MUST_CHECK status pbmem_unpack_in(struct arena *arena, const ProtobufCMessageDescriptor *type,
                                  struct bytes raw, const char *what, size_t limit, ProtobufCMessage **out,
                                  err *e);

/* NULL-safe. */
void pbmem_free(ProtobufCMessage *message);

/*
 * PB_OWNED(Pgstrand__Schema) *schema = NULL;
 * TRY(PB_UNPACK(schema, pgstrand__schema__descriptor, raw, "schema", 0, e));
 */
static inline void pbmem_cleanup(void *at)
{
    pbmem_free(*(ProtobufCMessage **)at);
}
#define PB_OWNED(type) __attribute__((cleanup(pbmem_cleanup))) type
#define PB_UNPACK(variable, descriptor, raw, what, limit, e) \
    pbmem_unpack(&(descriptor), raw, what, limit, (ProtobufCMessage **)(void *)&(variable), e)

/* ---- fields ---- */

/* Borrowed from the message. */
static inline struct bytes pbmem_view(ProtobufCBinaryData field)
{
    return bytes_of(field.data, field.len);
}

/*
 * Fields that borrow: protobuf-c has no const, and only reads what it packs. A message with such a field is
 * never given to pbmem_free.
 */
static inline ProtobufCBinaryData pbmem_borrow(const void *data, size_t len)
{
    return (ProtobufCBinaryData){len, (uint8_t *)(uintptr_t)data};
}

static inline ProtobufCBinaryData pbmem_uuid(const uuid *id)
{
    return pbmem_borrow(id->b, sizeof id->b);
}

static inline char *pbmem_text(const char *text)
{
    return (char *)(uintptr_t)text;
}

#endif
