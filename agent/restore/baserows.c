#include "agent/restore/baserows.h"

#include "proto/wire.h"
#include "store/snapreader.h"

#define WIRE_BYTES 2
#define FIELD_LINES 1 /* RowsFrame.lines */

struct baserows {
    struct snapreader *reader; /* NULL: the base has no rows of this tier */
    uint32_t table;
};

status baserows_open(const struct plan *p, const struct plan_table *t, struct baserows **out, err *e)
{
    OWNED(baserows) struct baserows *b = calloc(1, sizeof *b);
    bool found = false;
    if (b == NULL)
        return err_no_memory(e);
    b->table = t->message->number;
    TRY(snapreader_open(p->chain->dir, p->chain->link[p->base].name, &b->reader, e));
    TRY(snapreader_section(b->reader, (enum tier)t->message->tier, PGSTRAND__SECTION_KIND__ROWS, &found, e));
    if (!found) {
        snapreader_close(b->reader);
        b->reader = NULL;
    }
    *out = b;
    b = NULL;
    return DONE;
}

void baserows_close(struct baserows *b)
{
    if (b == NULL)
        return;
    snapreader_close(b->reader);
    free(b);
}

static status next(void *context, struct bytes *lines, bool *end, err *e)
{
    struct baserows *b = context;
    struct snap_payload payload;
    *end = b->reader == NULL;
    if (*end)
        return DONE;
    TRY(snapreader_next(b->reader, b->table, &payload, end, e));
    if (*end)
        return DONE;
    struct reader r = reader_over(payload.payload);
    struct wire_field field = {0};
    *lines = bytes_of("", 0);
    while (wire_next(&r, &field))
        if (field.number == FIELD_LINES && field.type == WIRE_BYTES)
            *lines = field.bytes;
    return reader_done(&r, "a ROWS frame", e);
}

struct fold_source baserows_source(struct baserows *b)
{
    return (struct fold_source){b, next};
}
