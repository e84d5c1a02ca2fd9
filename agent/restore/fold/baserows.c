#include "agent/restore/fold/baserows.h"

#include "agent/restore/plan/plantable.h"
#include "proto/wire.h"
#include "store/snapreader.h"

#define WIRE_BYTES 2
#define FIELD_LINES 1 /* RowsFrame.lines */

struct baserows {
    struct idlereaders *idle; /* where the reader came from, and goes back to */
    size_t link;
    enum tier tier;
    struct snapreader *reader; /* NULL: the base has no rows of this tier */
    uint32_t table;
    const struct seqlist *only; /* frames; NULL: all of the table's */
    size_t at;
};

/* At the first of the section's frames. */
static status take_reader(struct baserows *b, const struct chain_link *link, err *e)
{
    bool found = false;
    TRY(idlereaders_take(b->idle, b->link, b->tier, &b->reader, e));
    if (b->reader != NULL)
        return DONE;
    OWNED(snapreader) struct snapreader *opened = NULL;
    TRY(snapreader_open(link->dir, link->name, &opened, e));
    TRY(snapreader_section(opened, b->tier, PGSTRAND__SECTION_KIND__ROWS, &found, e));
    if (!found || snapreader_index(opened)->n_frame == 0)
        return DONE;
    b->reader = opened;
    opened = NULL;
    return DONE;
}

status baserows_open(const struct plan *p, const struct plan_table *t, struct baserows **out, err *e)
{
    OWNED(baserows) struct baserows *b = calloc(1, sizeof *b);
    if (b == NULL)
        return err_no_memory(e);
    if (t->base != NULL) {
        *b = (struct baserows){.idle = p->idle,
                               .link = t->base_link,
                               .tier = (enum tier)t->base->tier,
                               .table = t->base->number,
                               .only = t->base_only};
        TRY(take_reader(b, &p->chain->link[t->base_link], e));
    }
    *out = b;
    b = NULL;
    return DONE;
}

/* By the tables' numbers in the schema. */
static status bytes_of_tier(struct snapreader *reader, enum tier tier, uint64_t *by_number, size_t numbers,
                            err *e)
{
    bool found = false;
    TRY(snapreader_section(reader, tier, PGSTRAND__SECTION_KIND__ROWS, &found, e));
    if (!found)
        return DONE;
    const Pgstrand__SectionIndex *index = snapreader_index(reader);
    for (size_t i = 0; i < index->n_frame; i++)
        if (index->frame[i]->table < numbers)
            by_number[index->frame[i]->table] += index->frame[i]->raw_length;
    return DONE;
}

/* Of the tables whose rows begin in this link. */
static status bytes_of_link(const struct plan *p, size_t link, uint64_t *bytes, err *e)
{
    OWNED(snapreader) struct snapreader *reader = NULL;
    size_t numbers = 1;
    for (size_t i = 0; i < p->count; i++)
        if (p->table[i].base != NULL && p->table[i].base_link == link && p->table[i].base->number >= numbers)
            numbers = (size_t)p->table[i].base->number + 1;
    OWNED(memory) uint64_t *by_number = calloc(numbers, sizeof *by_number);
    if (by_number == NULL)
        return err_no_memory(e);
    TRY(snapreader_open(p->chain->link[link].dir, p->chain->link[link].name, &reader, e));
    for (enum tier tier = TIER_BUSINESS; tier <= TIER_DEVICE; tier++)
        TRY(bytes_of_tier(reader, tier, by_number, numbers, e));
    for (size_t i = 0; i < p->count; i++)
        if (p->table[i].base != NULL && p->table[i].base_link == link)
            bytes[i] += by_number[p->table[i].base->number];
    return DONE;
}

status baserows_bytes(const struct plan *p, uint64_t *bytes, err *e)
{
    for (size_t link = p->base; link < p->chain->count; link++)
        if (plantable_begins_in(p, link))
            TRY(bytes_of_link(p, link, bytes, e));
    return DONE;
}

void baserows_close(struct baserows *b)
{
    if (b == NULL)
        return;
    if (b->reader != NULL)
        idlereaders_give(b->idle, b->link, b->tier, b->reader);
    free(b);
}

/* Goes to the next of the wanted frames that is this table's. */
static status next_frame(struct baserows *b, bool *end, err *e)
{
    const Pgstrand__SectionIndex *index = snapreader_index(b->reader);
    while (b->at < b->only->count) {
        const uint64_t frame = b->only->seq[b->at++];
        TRY(snapreader_go(b->reader, frame, e));
        if (index->frame[frame]->table == b->table)
            return DONE;
    }
    *end = true;
    return DONE;
}

static status next(void *context, struct bytes *lines, bool *end, err *e)
{
    struct baserows *b = context;
    struct snap_payload payload;
    *end = b->reader == NULL;
    if (*end)
        return DONE;
    if (b->only != NULL)
        TRY(next_frame(b, end, e));
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
