#include "agent/capture/batch.h"

#include <stdlib.h>

#define RECORD_HEAD 5u /* kind, length */

status batch_init(struct batch *b, err *e)
{
    *b = (struct batch){.data = malloc(BATCH_BYTES), .cap = BATCH_BYTES};
    return b->data != NULL ? DONE : err_no_memory(e);
}

static void give_back(struct batch *b)
{
    if (b->loan != NULL)
        b->release(b->loan);
    b->loan = NULL;
    b->large = (struct bytes){0};
}

void batch_fini(struct batch *b)
{
    give_back(b);
    free(b->data);
    *b = (struct batch){0};
}

void batch_reset(struct batch *b)
{
    b->len = 0;
    b->last = 0;
    give_back(b);
}

bool batch_is_large(struct bytes payload)
{
    return payload.len > BATCH_BYTES - RECORD_HEAD;
}

static bool has_room(const struct batch *b, size_t more)
{
    return b->loan == NULL && more <= b->cap - b->len;
}

static void add(struct batch *b, enum batch_kind kind, struct bytes payload)
{
    uint8_t *to = b->data + b->len;
    const uint32_t len = (uint32_t)payload.len;
    b->last = b->len;
    to[0] = (uint8_t)kind;
    memcpy(to + 1, &len, sizeof len);
    if (payload.len > 0)
        memcpy(to + RECORD_HEAD, payload.data, payload.len);
    b->len += RECORD_HEAD + payload.len;
}

void batch_lend(struct batch *b, struct bytes payload, void *loan, void (*release)(void *loan))
{
    b->large = payload;
    b->loan = loan;
    b->release = release;
    add(b, BATCH_LENT, (struct bytes){0});
}

bool batch_message(struct batch *b, struct bytes payload)
{
    if (!has_room(b, RECORD_HEAD + payload.len))
        return false;
    add(b, BATCH_MESSAGE, payload);
    return true;
}

bool batch_keepalive(struct batch *b, lsn end, bool urgent)
{
    const uint8_t before = b->len > 0 ? b->data[b->last] : BATCH_MESSAGE;
    if (before == BATCH_KEEPALIVE || before == BATCH_URGENT) {
        urgent = urgent || before == BATCH_URGENT;
        b->len = b->last;
    }
    if (!has_room(b, RECORD_HEAD + sizeof end))
        return false;
    add(b, urgent ? BATCH_URGENT : BATCH_KEEPALIVE, bytes_of(&end, sizeof end));
    return true;
}

bool batch_next(const struct batch *b, size_t *at, struct batch_record *out)
{
    if (*at >= b->len)
        return false;
    const uint8_t *from = b->data + *at;
    uint32_t len;
    memcpy(&len, from + 1, sizeof len);
    *out = (struct batch_record){.kind = (enum batch_kind)from[0], .payload = {from + RECORD_HEAD, len}};
    if (out->kind == BATCH_LENT) {
        out->kind = BATCH_MESSAGE;
        out->payload = b->large;
    } else if (out->kind != BATCH_MESSAGE) {
        memcpy(&out->end, from + RECORD_HEAD, sizeof out->end);
    }
    *at += RECORD_HEAD + len;
    return true;
}
