#include "agent/restore/fold/sealedstream.h"

#include "proto/wire.h"

#define WIRE_BYTES 2
#define FRAME_COMMIT 1 /* ActionsFrame.commit */
#define GROUP_COMMIT 1 /* CommitActions.commit */
#define GROUP_ACTION 2 /* CommitActions.action */

struct sealedstream {
    struct snapreader *reader;
    struct reader frame; /* an ActionsFrame */
    struct reader group; /* a CommitActions of it */
    bool commit_known;
    bool ended;
    struct sealed_action head;
};

static status damaged(err *e)
{
    return err_set(e, ERR_STORAGE, "an ACTIONS frame is malformed; run pgstrand verify");
}

/* The next action of the group; *any false at its end. */
static status next_in_group(struct sealedstream *s, bool *any, err *e)
{
    struct wire_field field;
    *any = false;
    while (!*any && wire_next(&s->group, &field)) {
        if (field.type != WIRE_BYTES)
            continue;
        if (field.number == GROUP_COMMIT) {
            TRY(commit_decode(field.bytes, &s->head.commit, e));
            s->commit_known = true;
        } else if (field.number == GROUP_ACTION) {
            if (!s->commit_known)
                return damaged(e);
            TRY(action_decode(field.bytes, &s->head.action, e));
            s->head.seq = s->head.commit.first_seq + s->head.action.index;
            *any = true;
        }
    }
    return reader_ok(&s->group) ? DONE : damaged(e);
}

static status next_group(struct sealedstream *s, bool *any, err *e)
{
    struct wire_field field;
    *any = false;
    while (!*any && wire_next(&s->frame, &field)) {
        if (field.type != WIRE_BYTES || field.number != FRAME_COMMIT)
            continue;
        s->group = reader_over(field.bytes);
        s->commit_known = false;
        *any = true;
    }
    return reader_ok(&s->frame) ? DONE : damaged(e);
}

status sealedstream_advance(struct sealedstream *s, err *e)
{
    for (;;) {
        bool any;
        TRY(next_in_group(s, &any, e));
        if (any)
            return DONE;
        TRY(next_group(s, &any, e));
        if (any)
            continue;
        struct snap_payload payload;
        bool end = false;
        TRY(snapreader_next(s->reader, 0, &payload, &end, e));
        if (end) {
            s->ended = true;
            return DONE;
        }
        s->frame = reader_over(payload.payload);
    }
}

status sealedstream_open(const char *dir, const char *name, enum tier tier, struct sealedstream **out, err *e)
{
    OWNED(sealedstream) struct sealedstream *s = calloc(1, sizeof *s);
    bool found = false;
    if (s == NULL)
        return err_no_memory(e);
    *out = NULL;
    TRY(snapreader_open(dir, name, &s->reader, e));
    TRY(snapreader_section(s->reader, tier, PGSTRAND__SECTION_KIND__ACTIONS, &found, e));
    if (!found)
        return DONE;
    TRY(sealedstream_advance(s, e));
    *out = s;
    s = NULL;
    return DONE;
}

void sealedstream_close(struct sealedstream *s)
{
    if (s == NULL)
        return;
    snapreader_close(s->reader);
    free(s);
}

const struct sealed_action *sealedstream_head(const struct sealedstream *s)
{
    return s->ended ? NULL : &s->head;
}
