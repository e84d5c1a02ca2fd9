#include "agent/restore/fold/sealedstream.h"

struct sealedstream {
    struct snapreader *reader;
    struct actionunpack *unpack;
    bool ended;
    uint64_t frame_last; /* seq */
    struct sealed_action head;
};

static status next_payload(struct sealedstream *s, err *e)
{
    struct snap_payload payload;
    TRY(snapreader_next(s->reader, 0, &payload, &s->ended, e));
    if (s->ended)
        return DONE;
    s->frame_last = payload.last_seq;
    actionunpack_from(s->unpack, 0);
    return actionunpack_open(s->unpack, payload.payload,
                             payload.by_column ? ACTIONUNPACK_COLUMNS : ACTIONUNPACK_MESSAGE, e);
}

status sealedstream_advance(struct sealedstream *s, err *e)
{
    while (!s->ended) {
        bool end = false;
        TRY(actionunpack_next(s->unpack, &s->head, &end, e));
        if (!end)
            return DONE;
        TRY(next_payload(s, e));
    }
    return DONE;
}

/* From the payload that is open, or the next one that may have it. */
static status seek(struct sealedstream *s, uint64_t seq, err *e)
{
    if (s->frame_last < seq) {
        snapreader_seek(s->reader, seq);
        TRY(next_payload(s, e));
    }
    do {
        actionunpack_from(s->unpack, seq);
        TRY(sealedstream_advance(s, e));
    } while (!s->ended && s->head.seq < seq);
    return DONE;
}

status sealedstream_seek(struct sealedstream *s, uint64_t seq, err *e)
{
    return s->ended || s->head.seq >= seq ? DONE : seek(s, seq, e);
}

status sealedstream_open(struct snapreader *reader, enum tier tier, uint64_t first, struct sealedstream **out,
                         err *e)
{
    OWNED(snapreader) struct snapreader *mine = reader;
    OWNED(sealedstream) struct sealedstream *s = calloc(1, sizeof *s);
    bool found = false;
    if (s == NULL)
        return err_no_memory(e);
    *out = NULL;
    s->reader = mine;
    mine = NULL;
    TRY(snapreader_section(s->reader, tier, PGSTRAND__SECTION_KIND__ACTIONS, &found, e));
    if (!found)
        return DONE;
    TRY(actionunpack_new(&s->unpack, e));
    snapreader_seek(s->reader, first);
    TRY(next_payload(s, e));
    TRY(seek(s, first, e));
    *out = s;
    s = NULL;
    return DONE;
}

void sealedstream_close(struct sealedstream *s)
{
    if (s == NULL)
        return;
    snapreader_close(s->reader);
    actionunpack_free(s->unpack);
    free(s);
}

const struct sealed_action *sealedstream_head(const struct sealedstream *s)
{
    return s->ended ? NULL : &s->head;
}
