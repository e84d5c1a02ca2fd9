#include "agent/capture/batch.h"

#include <stdlib.h>

#define RECORD_HEAD 5u /* kind, length */

status batch_init(struct batch *b, err *e)
{
    *b = (struct batch){.data = malloc(BATCH_BYTES), .cap = BATCH_BYTES};
    return b->data != NULL ? DONE : err_no_memory(e);
}

void batch_fini(struct batch *b)
{
    free(b->data);
    *b = (struct batch){0};
}

void batch_reset(struct batch *b)
{
    b->len = 0;
    b->last = 0;
    if (b->cap > BATCH_BYTES) {
        uint8_t *smaller = realloc(b->data, BATCH_BYTES);
        if (smaller != NULL) {
            b->data = smaller;
            b->cap = BATCH_BYTES;
        }
    }
}

static status make_room(struct batch *b, size_t more, bool *fits, err *e)
{
    *fits = more <= b->cap - b->len;
    if (*fits || b->len > 0)
        return DONE;
    uint8_t *larger = realloc(b->data, more);
    if (larger == NULL)
        return err_no_memory(e);
    b->data = larger;
    b->cap = more;
    *fits = true;
    return DONE;
}

static void add(struct batch *b, enum batch_kind kind, struct bytes payload)
{
    uint8_t *to = b->data + b->len;
    const uint32_t len = (uint32_t)payload.len;
    b->last = b->len;
    to[0] = (uint8_t)kind;
    memcpy(to + 1, &len, sizeof len);
    memcpy(to + RECORD_HEAD, payload.data, payload.len);
    b->len += RECORD_HEAD + payload.len;
}

status batch_message(struct batch *b, struct bytes payload, bool *fits, err *e)
{
    if (payload.len > UINT32_MAX)
        return err_set(e, ERR_STORAGE, "the server sent a message of %zu bytes, which cannot be",
                       payload.len);
    TRY(make_room(b, RECORD_HEAD + payload.len, fits, e));
    if (*fits)
        add(b, BATCH_MESSAGE, payload);
    return DONE;
}

status batch_keepalive(struct batch *b, lsn end, bool urgent, bool *fits, err *e)
{
    if (b->len > 0 && b->data[b->last] != BATCH_MESSAGE) {
        urgent = urgent || b->data[b->last] == BATCH_URGENT;
        b->len = b->last;
    }
    TRY(make_room(b, RECORD_HEAD + sizeof end, fits, e));
    if (*fits)
        add(b, urgent ? BATCH_URGENT : BATCH_KEEPALIVE, bytes_of(&end, sizeof end));
    return DONE;
}

bool batch_next(const struct batch *b, size_t *at, struct batch_record *out)
{
    if (*at >= b->len)
        return false;
    const uint8_t *from = b->data + *at;
    uint32_t len;
    memcpy(&len, from + 1, sizeof len);
    *out = (struct batch_record){.kind = (enum batch_kind)from[0], .payload = {from + RECORD_HEAD, len}};
    if (out->kind != BATCH_MESSAGE)
        memcpy(&out->end, from + RECORD_HEAD, sizeof out->end);
    *at += RECORD_HEAD + len;
    return true;
}
