#include "proto/pbmem.h"

#define LIMIT_DEFAULT ((size_t)64 * 1024 * 1024)

/*
 * protobuf-c allocates as the input tells it to. This allocator counts, so that a few hostile bytes cannot
 * take more than the caller allows. Memory comes from malloc, so pbmem_free needs no allocator; or from an
 * arena.
 */
struct budget {
    size_t left;
    bool exceeded;
    struct arena *arena;
};

static void *budget_alloc(void *context, size_t size)
{
    struct budget *budget = context;
    if (size > budget->left) {
        budget->exceeded = true;
        return NULL;
    }
    budget->left -= size;
    return budget->arena != NULL ? arena_alloc(budget->arena, size) : malloc(size);
}

static void budget_free(void *context, void *memory)
{
    const struct budget *budget = context;
    if (budget->arena == NULL)
        free(memory);
}

status pbmem_pack(const ProtobufCMessage *message, struct buf *out, err *e)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *room = buf_room(out, size);
    if (room == NULL)
        return err_no_memory(e);
    out->len += protobuf_c_message_pack(message, room);
    return DONE;
}

status pbmem_unpack(const ProtobufCMessageDescriptor *type, struct bytes raw, const char *what, size_t limit,
                    ProtobufCMessage **out, err *e)
{
    return pbmem_unpack_in(NULL, type, raw, what, limit, out, e);
}

status pbmem_unpack_in(struct arena *arena, const ProtobufCMessageDescriptor *type, struct bytes raw,
                       const char *what, size_t limit, ProtobufCMessage **out, err *e)
{
    struct budget budget = {.left = limit == 0 ? LIMIT_DEFAULT : limit, .arena = arena};
    size_t allowed = budget.left;
    ProtobufCAllocator allocator = {budget_alloc, budget_free, &budget};
    ProtobufCMessage *message = protobuf_c_message_unpack(type, &allocator, raw.len, raw.data);
    if (message == NULL && budget.exceeded)
        return err_from(e, ERR_STORAGE, FROM_PROTOBUF, 0,
                        "%s needs more than the %zu bytes of memory allowed", what, allowed);
    if (message == NULL)
        return err_from(e, ERR_STORAGE, FROM_PROTOBUF, 0, "%s is damaged: not a %s of %zu bytes", what,
                        type->name, raw.len);
    *out = message;
    return DONE;
}

void pbmem_free(ProtobufCMessage *message)
{
    if (message != NULL)
        protobuf_c_message_free_unpacked(message, NULL);
}
