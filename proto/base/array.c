#include "proto/base/array.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FIRST 16 /* items: lists that are made at all mostly get a few */

status array_grow(void *list, size_t *room, size_t size, err *e)
{
    const size_t more = *room == 0 ? FIRST : *room * 2;
    void *at = NULL;
    if (more < *room || more > SIZE_MAX / size)
        return err_no_memory(e);
    memcpy(&at, list, sizeof at); /* it is a pointer to whatever the items are */
    at = realloc(at, more * size);
    if (at == NULL)
        return err_no_memory(e);
    memcpy(list, &at, sizeof at);
    *room = more;
    return DONE;
}
