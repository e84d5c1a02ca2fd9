#include "proto/base/arena.h"

#include <stdalign.h>

#define CHUNK_SIZE ((size_t)64 * 1024) /* what most transactions fit in */
#define ALIGNMENT ((size_t)16)

struct arena_chunk {
    struct arena_chunk *next;
    size_t size;
    size_t used;
    alignas(16) uint8_t data[];
};

void arena_fini(struct arena *a)
{
    while (a->chunks != NULL) {
        struct arena_chunk *next = a->chunks->next;
        free(a->chunks);
        a->chunks = next;
    }
    a->used = 0;
}

void arena_reset(struct arena *a)
{
    /* One large transaction must not pin its memory for the life of the process. */
    while (a->chunks != NULL && (a->chunks->next != NULL || a->chunks->size > CHUNK_SIZE)) {
        struct arena_chunk *next = a->chunks->next;
        free(a->chunks);
        a->chunks = next;
    }
    if (a->chunks != NULL)
        a->chunks->used = 0;
    a->used = 0;
}

void *arena_alloc(struct arena *a, size_t size)
{
    if (size > SIZE_MAX / 2)
        return NULL;
    size_t rounded = (size + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
    struct arena_chunk *chunk = a->chunks;
    if (chunk == NULL || chunk->size - chunk->used < rounded) {
        size_t room = rounded > CHUNK_SIZE ? rounded : CHUNK_SIZE;
        chunk = malloc(sizeof *chunk + room);
        if (chunk == NULL)
            return NULL;
        *chunk = (struct arena_chunk){.next = a->chunks, .size = room};
        a->chunks = chunk;
    }
    void *memory = chunk->data + chunk->used;
    chunk->used += rounded;
    a->used += rounded;
    return memory;
}

void *arena_copy(struct arena *a, struct bytes source)
{
    uint8_t *copy = arena_alloc(a, source.len + 1);
    if (copy == NULL)
        return NULL;
    if (source.len > 0)
        memcpy(copy, source.data, source.len);
    copy[source.len] = '\0';
    return copy;
}

bool arena_room(struct arena *a, void *list, size_t count, size_t size)
{
    if ((count & (count - 1)) != 0) /* there is room up to the next power of two */
        return true;
    void *at = NULL;
    void *grown = arena_alloc(a, (count == 0 ? 1 : count * 2) * size);
    if (grown == NULL)
        return false;
    memcpy(&at, list, sizeof at); /* it is a pointer to whatever the items are */
    if (count > 0)
        memcpy(grown, at, count * size);
    memcpy(list, &grown, sizeof grown);
    return true;
}
