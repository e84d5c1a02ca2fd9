#include "proto/base/array.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FIRST 16 /* items: lists that are made at all mostly get a few */

static status resize(void *list, size_t items, size_t size, err *e)
{
    void *at = NULL;
    if (items > SIZE_MAX / size)
        return err_no_memory(e);
    memcpy(&at, list, sizeof at); /* it is a pointer to whatever the items are */
    at = realloc(at, items * size);
    if (at == NULL)
        return err_no_memory(e);
    memcpy(list, &at, sizeof at);
    return DONE;
}

status array_grow(void *list, size_t *room, size_t size, err *e)
{
    const size_t more = *room == 0 ? FIRST : *room * 2;
    if (more < *room)
        return err_no_memory(e);
    TRY(resize(list, more, size, e));
    *room = more;
    return DONE;
}

status array_reach_grow(void *list, size_t index, size_t *room, size_t size, err *e)
{
    size_t more = *room == 0 ? FIRST : *room;
    uint8_t *first = NULL;
    while (more <= index)
        if ((more *= 2) == 0)
            return err_no_memory(e);
    TRY(resize(list, more, size, e));
    memcpy(&first, list, sizeof first);
    memset(first + *room * size, 0, (more - *room) * size);
    *room = more;
    return DONE;
}

status array_one_more(void *list, size_t count, size_t size, err *e)
{
    size_t room = FIRST;
    while (room <= count)
        if ((room *= 2) == 0)
            return err_no_memory(e);
    return resize(list, room, size, e);
}
