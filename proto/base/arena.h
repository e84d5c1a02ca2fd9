/*
 * arena: memory that is given back all at once.
 *
 * One arena per transaction being decoded, reset at its commit; nothing is freed one by one.
 * Ownership: arena_init or {0} -> arena_fini. Memory from an arena lives until arena_reset or arena_fini.
 */
#ifndef PGSTRAND_ARENA_H
#define PGSTRAND_ARENA_H

#include <stdbool.h>

#include "proto/base/bytes.h"
#include "proto/base/own.h"

struct arena_chunk;

struct arena {
    struct arena_chunk *chunks; /* newest first; the oldest survives a reset */
    size_t used;                /* bytes handed out since the last reset */
};

void arena_fini(struct arena *a);
OWN_VALUE(arena, arena_fini);

/* Gives back everything but the first chunk, and that too when it was made larger than usual. */
void arena_reset(struct arena *a);

/* `size` bytes, aligned to 16, not cleared. NULL when memory is out. */
void *arena_alloc(struct arena *a, size_t size);

/*
 * Room for one more of `size` bytes behind `count` in a list that lives in the arena and only ever grew by
 * this: `list` is the address of the pointer to its first item. False when memory is out.
 */
bool arena_room(struct arena *a, void *list, size_t count, size_t size);

/* A copy with a NUL after it. NULL when memory is out. */
void *arena_copy(struct arena *a, struct bytes source);

#endif
