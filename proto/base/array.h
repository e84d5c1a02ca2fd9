/*
 * array: lists that grow as they are added to.
 *
 * Threads: those of the list. Ownership: the list is malloc'ed and stays its owner's, who frees it.
 */
#ifndef PGSTRAND_ARRAY_H
#define PGSTRAND_ARRAY_H

#include <stddef.h>

#include "proto/base/err.h"

/* The slow paths of those below: the room is doubled. */
MUST_CHECK status array_grow(void *list, size_t *room, size_t size, err *e);
MUST_CHECK status array_reach_grow(void *list, size_t index, size_t *room, size_t size, err *e);

/*
 * Room for one more behind `count`. `list` is the address of the pointer to the first item (NULL while there
 * is none), `room` for how many items it has, `size` an item's in bytes. After a failure both are as before.
 */
MUST_CHECK static inline status array_room(void *list, size_t count, size_t *room, size_t size, err *e)
{
    return count < *room ? DONE : array_grow(list, room, size, e);
}

/* The same up to and with the item `index`, for a list of items that come in any order: those that are new
 * are zeroed. */
MUST_CHECK static inline status array_reach(void *list, size_t index, size_t *room, size_t size, err *e)
{
    return index < *room ? DONE : array_reach_grow(list, index, room, size, e);
}

/*
 * As array_room for a list whose room nobody keeps: it has room for the next power of two behind `count`,
 * wherever it was malloc'ed. For lists of some hundreds; longer ones keep their room.
 */
MUST_CHECK status array_one_more(void *list, size_t count, size_t size, err *e);

#endif
